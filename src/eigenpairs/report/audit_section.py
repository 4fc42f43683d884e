"""An audit of augmentations: what each strength keeps and destroys, what it is worth, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs.advise.audited import HELPS, HURTS, SAME, Audit, Audited
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.png import data_address
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, in_figure, number, rounded

COLOURS = {"": "--ink", HELPS: "--healthy", SAME: "--rho", HURTS: "--collapsed"}
"""Of bars, by verdict; without one: no transformation at all."""


@dataclass(frozen=True)
class Strip:
    """A line of pictures: what they are called, and their addresses."""

    title: str
    verdict: str
    addresses: list[str]


def audit_section(audit: Audit) -> Section:
    """The section of one audit."""
    with_labels = bool(audit.recommended)
    families = list(dict.fromkeys(row.name for row in audit.rows))
    figures = {"destroyed": _destroyed(audit)}
    if with_labels:
        figures["errors"] = _errors(audit)
    spectra = []
    for at, name in enumerate(families):
        spectra.append((clean(name), f"rho-{at}"))
        figures[f"rho-{at}"] = _spectra([row for row in audit.rows if row.name == name])
    reason = clean(audit.reason)
    sentence = reason[:1].upper() + reason[1:] + "."
    values = {
        "audit": audit,
        "sentence": sentence,
        "with_labels": with_labels,
        "recommended": [(clean(name), _advice(row)) for name, row in audit.recommended.items()],
        "strips": _strips(audit),
        "spectra": spectra,
        "table": _table(audit, with_labels),
    }
    tiles = {}
    if with_labels:
        tiles = {"Best augmentation": clean(audit.best.title), "Its predicted error": number(audit.best.predicted, 3)}
    return Section("Audit of augmentations", "audit.html", values, sentence, figures, tiles=tiles)


def _advice(row: Audited | None) -> str:
    if row is None:
        return "not at any of these strengths"
    strength = "yes" if row.strength is None else f"at {number(row.strength)}"
    return strength if row.verdict == HELPS else f"{strength}, though it makes no difference"


def _errors(audit: Audit) -> Figure:
    rows = [audit.unchanged, *audit.rows]
    bars = []
    for verdict, colour in COLOURS.items():
        mine = [row for row in rows if row.verdict == verdict]
        bars.append(
            _bars(verdict or "nothing changed", mine, [row.predicted for row in mine], colour)
            | {"error_x": {"type": "data", "array": rounded([row.standard_error for row in mine]), "color": "--soft"}}
        )
    raw = {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": audit.raw,
        "x1": audit.raw,
        "y0": 0,
        "y1": 1,
        "line": {"color": "--soft", "dash": "dot"},
    }
    place = layout(axis("predicted error, share of the label's variance"), _titles(rows), _height(rows), legend=True)
    return Figure(
        [trace for trace in bars if trace["y"]],
        place | {"shapes": [raw], "barmode": "overlay"},
        f"Predicted squared error of a probe on {audit.n_labels} labels after learning with each augmentation; lower "
        f"is better. Dotted: the columns as they are, without learning ({number(audit.raw, 3)}). Whiskers are the "
        "standard error from the sampling of the labels, which all bars share.",
    )


def _destroyed(audit: Audit) -> Figure:
    rows = list(audit.rows)
    bars = [_bars("of the rows at large", rows, [row.destroyed_variance for row in rows], "--rho")]
    words = "Share of the rows' variance that linear functions of one view no longer tell"
    if audit.recommended:
        bars.append(_bars("of what they tell about the label", rows, [row.destroyed for row in rows], "--gain"))
        words += ", and the same of what they tell about the label: misaligned where the second bar is the longer one"
    place = layout(axis("share destroyed", range=[0, 1.02]), _titles(rows), _height(rows), legend=len(bars) > 1)
    return Figure(bars, place | {"barmode": "group"}, f"{words}.")


def _bars(name: str, rows: list[Audited], values: list[float], colour: str) -> dict[str, Any]:
    """Horizontal bars, one for each of these rows."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": in_figure(name),
        "y": [in_figure(row.title) for row in rows],
        "x": rounded(np.maximum(values, 0.0)),
        "marker": {"color": colour},
        "hovertemplate": "%{y}: %{x}<extra>" + in_figure(name) + "</extra>",
    }


def _titles(rows: list[Audited]) -> dict[str, Any]:
    """An axis of titles, the first on top."""
    order = [in_figure(row.title) for row in rows]
    return axis("", type="category", categoryorder="array", categoryarray=order, autorange="reversed")


def _height(rows: list[Audited]) -> int:
    return 110 + 26 * len(rows)


def _spectra(rows: list[Audited]) -> Figure:
    lines = [
        curve(row.title, np.arange(1, len(row.heldout) + 1), row.heldout, at) | {"mode": "lines"}
        for at, row in enumerate(rows)
    ]
    count = max(len(row.heldout) for row in rows)
    numbers = [
        (str(k + 1), *(number(row.heldout[k] if k < len(row.heldout) else None) for row in rows)) for k in range(count)
    ]
    return Figure(
        lines,
        layout(
            axis("mode (1 is the most invariant)"), axis("held-out rho", range=[-0.25, 1.05]), legend=len(lines) > 1
        ),
        "Correlation of every mode across pairs of rows that were not fitted.",
        table_of_first(("mode", *(clean(row.title) for row in rows)), numbers),
    )


def _table(audit: Audit, with_labels: bool) -> Table:
    columns = ["transformation", "modes with rho > .5", "effective rank", "rho, mean", "held out", "variance destroyed"]
    columns += ["label destroyed", "predicted error", "verdict"] if with_labels else []
    rows = []
    for row in (audit.unchanged, *audit.rows):
        cells = [
            clean(row.title),
            str(row.n_modes),
            number(row.effective_rank, 3),
            number(row.rho.mean(), 2),
            number(row.heldout.mean(), 2),
            number(max(row.destroyed_variance, 0.0), 2),
        ]
        if with_labels:
            cells += [number(max(row.destroyed, 0.0), 2), number(row.predicted, 3), row.verdict or number(None)]
        rows.append(cells)
    return Table(columns, rows)


def _strips(audit: Audit) -> list[Strip]:
    """Clean images, and below them their views."""
    if audit.pictures is None:
        return []
    low, high = float(np.min(audit.pictures)), float(np.max(audit.pictures))
    lines = [("as they are", "", audit.pictures)]
    lines += [
        (clean(row.title), row.verdict, row.picture)
        for row in audit.rows
        if row.picture is not None and np.isfinite(row.picture).all()
    ]
    return [
        Strip(title, verdict, [data_address(image, low, high) for image in images]) for title, verdict, images in lines
    ]
