"""Advice: the ranked table, predicted errors along every path, and where the label lies on the spectrum."""

from __future__ import annotations

import numpy as np

from eigenpairs.advise.advice import Advice, Candidate
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, in_figure, number, rounded

COLUMNS = ("objective", "value", "modes kept", "predicted error", "measured", "with a value 4 times lower, higher")


def advice_section(advice: Advice) -> Section:
    """The section of one advice."""
    figures = {}
    if advice.table:
        figures = {"paths": _paths(advice), "checked": _checked(advice), "energy": _energy(advice)}
    reason = clean(advice.reason).rstrip(".") + "."
    values = {
        "reason": reason,
        "notes": [clean(note) for note in advice.notes],
        "table": Table(COLUMNS, [_row(candidate) for candidate in advice.table]) if advice.table else None,
        "raw": number(advice.raw),
        "n_labels": advice.n_labels,
    }
    tiles = {}
    if advice.table:
        tiles = {"Advised": type(advice.table[0].objective).__name__, "Alignment": number(advice.alignment, 3)}
    return Section("Advice", "advice.html", values, reason, figures, tiles=tiles)


def _row(candidate: Candidate) -> tuple[str, ...]:
    low, high = candidate.interval
    return (
        type(candidate.objective).__name__,
        f"{candidate.parameter} = {number(candidate.value, 3)}",
        str(candidate.n_components),
        f"{number(candidate.predicted, 3)} ({number(low, 3)} to {number(high, 3)})",
        number(candidate.measured, 3),
        " and ".join(f"{100 * (factor - 1):+.0f} %" for factor in candidate.flatness),
    )


def _paths(advice: Advice) -> Figure:
    data = []
    for at, path in enumerate(advice.paths):
        order = np.argsort(path.ranks, kind="stable")
        data.append(curve(path.name, path.ranks[order], path.errors[order], at) | {"mode": "lines"})
    if np.isfinite(advice.raw):
        ends = [1, len(advice.rho)]
        data.append(curve("raw columns", ends, [advice.raw] * 2, len(data)) | {"mode": "lines"})
    rows = [
        (path.name, number(value, 3), str(rank), number(error, 3))
        for path in advice.paths
        for value, rank, error in zip(path.values, path.ranks, path.errors)
    ]
    return Figure(
        data,
        layout(axis("modes kept", type="log"), axis("error, share of the label's variance"), 360, legend=True),
        f"Predicted squared error of a probe on {advice.n_labels} labels, for every objective along its "
        "hyper-parameter, over the number of modes that it keeps.",
        table_of_first(("objective", "value", "modes kept", "predicted error"), rows),
    )


def _checked(advice: Advice) -> Figure:
    names = [type(candidate.objective).__name__ for candidate in advice.table]
    names = [name if names.count(name) == 1 else f"{name} {at + 1}" for at, name in enumerate(names)]
    predicted = {
        "type": "bar",
        "name": "predicted",
        "x": [in_figure(name) for name in names],
        "y": rounded([candidate.predicted for candidate in advice.table]),
        "marker": {"color": "--series-1"},
    }
    measured = {
        "type": "scatter",
        "mode": "markers",
        "name": "measured on subsets of the labels",
        "x": [in_figure(name) for name in names],
        "y": rounded([candidate.measured for candidate in advice.table]),
        "error_y": {"type": "data", "array": rounded([2 * candidate.measured_error for candidate in advice.table])},
        "marker": {"color": "--series-2", "size": 10, "symbol": "diamond"},
    }
    rows = [(name, number(c.predicted), number(c.measured)) for name, c in zip(names, advice.table)]
    return Figure(
        [predicted, measured],
        layout(axis(""), axis("error, share of the label's variance"), legend=True),
        "The best value of each objective: what the formula predicts, and what probes on random subsets of the labels "
        "measured, where there are enough of them.",
        Table(("objective", "predicted", "measured"), rows),
    )


def _energy(advice: Advice) -> Figure:
    assert advice.energy is not None
    share = np.cumsum(advice.energy.energy)
    modes = np.arange(1, len(share) + 1)
    bars = {
        "type": "bar",
        "name": "rho",
        "x": rounded(modes),
        "y": rounded(advice.rho),
        "marker": {"color": "--rho"},
    }
    rows = [(str(k), number(r), number(e)) for k, r, e in zip(modes, advice.rho, advice.energy.energy)]
    return Figure(
        [bars, curve("share of the label on the first modes", modes, share, 1) | {"mode": "lines"}],
        layout(axis("mode, the most invariant first"), axis(""), legend=True),
        "Where the label lies: a curve that climbs while rho is high means pairs that are aligned with the task.",
        table_of_first(("mode", "rho", "share of the label"), rows),
    )
