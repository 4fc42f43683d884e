"""A certificate: the loss against the optimum of a class, in a sentence, on a line, and mode by mode."""

from __future__ import annotations

import numpy as np

from eigenpairs.diagnose.certificate import Certificate
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.gauge import Scale
from eigenpairs.report.section import Figure, Section, table_of_first
from eigenpairs.report.texts import clean, in_figure, number, rounded

FEW = 12
"""Numbers of modes written out."""


def certificate_section(certificate: Certificate) -> Section:
    """The section of one certificate."""
    bound = certificate.lower_bound if not certificate.exact else np.nan
    scale = Scale.of((certificate.loss, certificate.optimum, bound))
    marks = {"loss": certificate.loss, "optimum": certificate.optimum, "bound": bound}
    figures = {"energies": _energies(certificate)}
    if len(certificate.angles):
        figures["angles"] = _angles(certificate)
    has_loss = bool(np.isfinite(certificate.loss))
    values = {
        "certificate": certificate,
        "has_loss": has_loss,
        "sentence": clean(certificate.sentence),
        "places": {name: scale.place(value) for name, value in marks.items()},
        "missing": _numbers(certificate.missing),
        "overweighted": _numbers(certificate.overweighted),
        "has_angles": bool(len(certificate.angles)),
    }
    tiles = {"Gap to the optimum": number(certificate.gap, 3)} if has_loss else {}
    title = f"Certificate: {type(certificate.objective).__name__}"
    return Section(title, "certificate.html", values, clean(certificate.sentence), figures, tiles=tiles)


def _energies(certificate: Certificate) -> Figure:
    gains, energies = certificate.gains, certificate.energies
    high = max(gains.max(initial=0.0), energies.max(initial=0.0))
    told = np.flatnonzero((gains > 0) | (energies > 0.01 * high))
    count = max(1, int(told.max(initial=0)) + 1)
    numbers = np.arange(1, count + 1)
    optimum = {
        "type": "bar",
        "name": in_figure("the optimum"),
        "x": numbers.tolist(),
        "y": rounded(gains[:count]),
        "marker": {"color": "--rho"},
        "hovertemplate": "mode %{x}: %{y}<extra>optimum</extra>",
    }
    own = curve("this embedding", numbers, energies[:count], 1)
    own["hovertemplate"] = "mode %{x}: %{y}<extra>this embedding</extra>"
    rows = [(str(k + 1), number(certificate.rho[k]), number(gains[k]), number(energies[k])) for k in range(count)]
    return Figure(
        [optimum, own],
        layout(axis("mode (1 is the most invariant)"), axis("energy of the mode"), legend=True),
        "Energy of every mode: bars for the optimum, a line for this embedding. Where the line runs below the bars, "
        "something that pairs agree on is missing; above them, something is overweighted.",
        table_of_first(("mode", "rho", "optimum", "this embedding"), rows),
    )


def _angles(certificate: Certificate) -> Figure:
    degrees = np.degrees(certificate.angles)
    numbers = np.arange(1, len(degrees) + 1)
    bars = {
        "type": "bar",
        "x": numbers.tolist(),
        "y": rounded(degrees, 4),
        "marker": {"color": "--series-1"},
        "hovertemplate": "direction %{x}: %{y}°<extra></extra>",
    }
    return Figure(
        [bars],
        layout(axis("direction, best first"), axis("angle in degrees", range=[0, 92], dtick=30)),
        "Principal angles between the span of this embedding and the modes of the optimum: 0 degrees is shared, "
        "90 degrees is missing.",
        table_of_first(("direction", "degrees"), [(str(k), number(a)) for k, a in zip(numbers, degrees)]),
    )


def _numbers(modes: np.ndarray) -> str:
    """Numbers of modes, counted from 1 as everywhere on the page."""
    text = ", ".join(str(int(mode) + 1) for mode in modes[:FEW])
    return text + (f" and {len(modes) - FEW} more" if len(modes) > FEW else "")
