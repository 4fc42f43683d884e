"""A pair budget: the error of the leading modes over the number of pairs, and what is linked at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.advise.budget_result import FAR, Budget, Point
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, number, rounded

COLUMNS = ("number", "error", "nine fits of ten", "rho", "rho on other pairs", "")

POINTS = 60
"""Points of the law's curve."""


def budget_section(budget: Budget) -> Section:
    """The section of one budget."""
    headline, *more = (clean(sentence) for sentence in budget.sentences)
    values: dict[str, Any] = {"sentence": headline, "more": more, "table": None, "names": []}
    if not budget.laws:
        return Section("Pair budget", "budget.html", values, headline)
    figures = {"error": _errors(budget), "rho": _rho(budget), "dimensions": _dimensions(budget)}
    titles = {"error": "More pairs", "rho": "What rho is worth", "dimensions": "How many modes"}
    if budget.completion is not None:
        figures["completion"] = _completion(budget)
        titles["completion"] = "Completion, measured"
    values |= {
        "table": Table(COLUMNS, [_row(budget, point) for point in budget.table]),
        "names": [(name, titles[name]) for name in figures],
    }
    now, more_pairs = budget.error_at(budget.n_units), budget.error_at(4 * budget.n_units)
    tiles = {
        "Error of the leading modes": number(now.error, 2),
        "With 4 times the pairs": f"{number(more_pairs.error, 2)} ({number(more_pairs.low, 2)} to "
        f"{number(more_pairs.high, 2)})",
    }
    return Section("Pair budget", "budget.html", values, headline, figures, tiles=tiles)


def _log(title: str) -> dict[str, Any]:
    """A logarithmic axis with ticks at 1, 2, 5, 10, ..."""
    return axis(title, type="log", dtick="D2")


def _row(budget: Budget, point: Point) -> tuple[str, ...]:
    what = "measured" if point.measured else "all there are" if point.count == budget.n_units else "by the law"
    return (
        number(round(point.count)),
        number(point.error, 3),
        f"{number(point.low, 2)} to {number(point.high, 2)}",
        number(point.rho, 3),
        number(point.heldout, 3),
        what,
    )


def _errors(budget: Budget) -> Figure:
    law = budget.law
    counts = law.counts[0] * np.geomspace(1, FAR * budget.n_units / law.counts[0], POINTS)
    error, low, high = law.error(counts)
    lines = [
        curve("the law", counts, error) | {"mode": "lines"},
        curve("nine fits of ten lie below", counts, high, 6) | {"mode": "lines"},
        curve("nine fits of ten lie above", counts, low, 6) | {"mode": "lines"},
        curve("measured on disjoint subsamples", law.counts, law.measured, 1) | {"mode": "markers"},
    ]
    for line in lines[1:3]:
        line["line"] = {"color": "--soft", "width": 1, "dash": "dot"}
    here = {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": budget.n_units, "x1": budget.n_units}
    place = layout(_log(budget.unit), _log("error"), 340, legend=True)
    return Figure(
        lines,
        place | {"shapes": [here | {"line": {"color": "--soft", "dash": "dash"}}]},
        f"Error of the first {budget.n_components} modes (root mean squared sine of the angles to the true ones) over "
        f"the number of {budget.unit}. Dashed: all there are. Dotted: the interval of a single fit.",
        Table(COLUMNS, [_row(budget, point) for point in budget.table]),
    )


def _rho(budget: Budget) -> Figure:
    counts = budget.law.counts
    fitted, heldout = budget.fitted.mean(axis=1), budget.heldout.mean(axis=1)
    rows = [(number(round(c)), number(f), number(h)) for c, f, h in zip(counts, fitted, heldout)]
    return Figure(
        [curve("pairs of the fit", counts, fitted), curve("all other pairs", counts, heldout, 1)],
        layout(_log(budget.unit), axis(f"mean rho of the first {budget.n_components}"), legend=True),
        "Mean correlation of the leading modes across the pairs they were fitted to, and across all others: the truth "
        "lies between, and pairs are enough where the two meet.",
        Table(("number", "pairs of the fit", "all other pairs"), rows),
    )


def _dimensions(budget: Budget) -> Figure:
    modes = np.arange(1, budget.n_components + 1)
    errors = budget.by_dimension
    bars = {
        "type": "bar",
        "x": modes.tolist(),
        "y": rounded(errors),
        "marker": {"color": "--series-1"},
        "hovertemplate": "first %{x} modes: %{y}<extra></extra>",
    }
    return Figure(
        [bars],
        layout(axis("leading modes together"), axis("error", range=[0, 1.02])),
        f"Error of the first 1, 2, ... modes with all {budget.n_units:,} {budget.unit}: low where a gap follows, high "
        "between modes of nearly equal rho.",
        table_of_first(("modes", "error"), [(str(k), number(e, 3)) for k, e in zip(modes, errors)]),
    )


def _completion(budget: Budget) -> Figure:
    found = budget.completion
    assert found is not None
    shares = 100 * found.shares
    return Figure(
        [curve("soft-impute", shares, found.errors)],
        layout(axis("entries observed at random, per cent"), _log("relative error")),
        f"What soft-impute finds of the ideal pair matrix ({found.n_rows} rows, rank {found.rank}) from some of its "
        "entries, where the bound of theory is vacuous.",
        Table(("per cent", "relative error"), [(number(s), number(e, 3)) for s, e in zip(shares, found.errors)]),
    )
