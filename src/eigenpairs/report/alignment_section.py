"""Alignment of pairs with a task: every relation beside chance, the best mixture, and the pairs that hurt."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.advise.alignment_result import Alignment, RelationAlignment
from eigenpairs.advise.mixture import Mixture
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, in_figure, number, rounded

COLUMNS = ("relation", "alignment", "shuffled pairs", "p", "random functions", "p", "predicted error")

WORST_COLUMNS = ("rows", "their own alignment", "alignment gained without them")

MOST_ROWS = 6
"""Row numbers of a group that are written out."""

BINS = 60


def alignment_section(alignment: Alignment) -> Section:
    """The section of one alignment."""
    parts = list(alignment.relations.values())
    figures = {"alignment": _alignments(parts)}
    worst = []
    for at, part in enumerate(parts):
        figures[f"own-{at}"] = _own(part)
        worst.append((clean(part.name), f"own-{at}", _worst(part)))
    if alignment.mixture is not None:
        figures["mixture"] = _mixture(alignment.mixture)
    sentences = [clean(sentence) for sentence in alignment.sentences]
    values = {
        "sentences": sentences,
        "table": Table(COLUMNS, [_row(part) for part in parts]),
        "worst": worst,
        "mixed": alignment.mixture is not None,
        "rule": clean(alignment.rule),
        "explained": number(100 * alignment.explained, 3),
    }
    tiles = {f"Alignment: {clean(part.name)}": number(part.alignment, 2) for part in parts[:3]}
    return Section("Pair alignment", "alignment.html", values, sentences[0], figures, tiles=tiles)


def _row(part: RelationAlignment) -> tuple[str, ...]:
    random = part.random
    return (
        clean(part.name),
        f"{number(part.alignment, 3)} ± {number(part.standard_error, 2)}",
        number(part.shuffled.mean, 2),
        number(part.p_value, 3),
        "–" if random is None else f"{number(random.mean, 2)} ± {number(random.spread, 2)}",
        "–" if random is None else number(random.p_value, 3),
        number(part.error, 3),
    )


def _alignments(parts: list[RelationAlignment]) -> Figure:
    names = [in_figure(part.name) for part in parts]
    series: dict[str, tuple[list[float], list[float], str, str]] = {
        "the label": (
            [part.alignment for part in parts], [2 * part.standard_error for part in parts], "--series-1", "circle",
        ),
        "shuffled pairs": (
            [part.shuffled.mean for part in parts], [2 * part.shuffled.spread for part in parts], "--series-2", "x",
        ),
        "random functions of the class": (
            [part.random.mean if part.random else np.nan for part in parts],
            [2 * part.random.spread if part.random else np.nan for part in parts], "--series-3", "diamond",
        ),
    }  # fmt: skip
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": rounded(middle),
            "y": names,
            "error_x": {"type": "data", "array": rounded(spread), "color": colour},
            "marker": {"color": colour, "size": 10, "symbol": symbol},
        }
        for name, (middle, spread, colour, symbol) in series.items()
    ]
    vertical = axis("", type="category", autorange="reversed")
    return Figure(
        data,
        layout(axis("alignment"), vertical, 140 + 44 * len(parts), legend=True),
        "How much of the label's best predictor survives a change of partner (1: all of it, 0: nothing), beside what "
        "shuffled pairs and random functions of the class show. Whiskers are two standard errors.",
        Table(COLUMNS, [_row(part) for part in parts]),
    )


def _own(part: RelationAlignment) -> Figure:
    own = part.own[np.isfinite(part.own)]
    counts, edges = np.histogram(own, BINS) if len(own) else (np.zeros(1), np.zeros(2))
    middles = 0.5 * (edges[1:] + edges[:-1])
    bars = {
        "type": "bar",
        "x": rounded(middles),
        "y": counts.tolist(),
        "marker": {"color": "--series-1"},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }
    against = int(np.count_nonzero(own < 0))
    return Figure(
        [bars],
        layout(axis(f"alignment of one {part.units.name}"), axis("how many"), 240),
        f"Alignment of every {part.units.name}'s own pairs: {against:,} of {len(own):,} lie below 0, where partners "
        "differ more than unrelated rows do.",
    )


def _worst(part: RelationAlignment) -> Table | None:
    rows = [(_numbers(unit.rows), number(unit.own, 3), f"{unit.gain:+.2g}") for unit in part.worst()]
    return Table(WORST_COLUMNS, rows) if rows else None


def _numbers(rows: np.ndarray) -> str:
    text = ", ".join(str(int(row)) for row in rows[:MOST_ROWS])
    return text + (f" and {len(rows) - MOST_ROWS} more" if len(rows) > MOST_ROWS else "")


def _mixture(mixture: Mixture) -> Figure:
    order = np.argsort(mixture.weights[:, 0], kind="stable")
    rows = [
        (*(f"{100 * share:.0f} %" for share in mixture.weights[at]), number(mixture.errors[at], 4))
        for at in np.argsort(mixture.errors, kind="stable")
    ]
    table = table_of_first((*(clean(name) for name in mixture.names), "predicted error"), rows)
    first = clean(mixture.names[0])
    line = curve("mixtures", 100 * mixture.weights[order, 0], mixture.errors[order])
    if len(mixture.names) > 2:
        line["mode"] = "markers"
    return Figure(
        [line],
        layout(axis(f"per cent of the pairs from {in_figure(first)}"), axis("predicted error")),
        "Predicted squared error of a probe, as a share of the label's variance, for mixtures of the relations; lower "
        "is better.",
        table,
    )
