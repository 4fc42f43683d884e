"""Rows as points: on the modes of a spectrum or, where there is none, on their principal axes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import table
from eigenpairs.features import Towers
from eigenpairs.features.base import read_rows
from eigenpairs.report.labels import Classes, Scores, read_labels
from eigenpairs.report.section import Section, Table
from eigenpairs.report.texts import number
from eigenpairs.spectrum.spectrum import Spectrum

AXES = 6
"""Modes to choose the two axes from."""

UNSEEN = "no label"


@dataclass(frozen=True)
class Points:
    """Rows that are drawn: their numbers, positions (n, axes), the axes' titles, and where they come from."""

    rows: np.ndarray
    positions: np.ndarray
    titles: list[str]
    n_samples: int
    meaning: str


def modes_section(spec: Spectrum, gains: np.ndarray | None, X: Any, labels: Any, at_most: int) -> Section | None:
    """Rows X (None: the fitted ones) on the first modes of a spectrum; None where there are no rows to draw."""
    X = spec.fitted if X is None and spec.values is None else X
    if X is None and spec.values is None:
        return None
    n, towers = _count(spec, X)
    rows = _sample(n, at_most)
    positions = _on_modes(spec, X, rows)
    titles = []
    for k in range(positions.shape[1]):
        kept = "" if gains is None or (k < len(gains) and gains[k] > 0) else ", not kept"
        titles.append(f"mode {k + 1} (rho {number(spec.rho[k], 3)}{kept})")
    meaning = (
        "Each point is a row of your data, placed by the modes: the functions of a row that agree most across "
        "positive pairs, the most invariant first."
    )
    if labels is None and towers is not None:
        labels = np.where(np.arange(n) < towers, "first tower", "second tower")
    return _section("The rows, on the modes", Points(rows, positions, titles, n, meaning), labels)


def rows_section(Z: Any, labels: Any, at_most: int) -> Section:
    """Rows Z (n, d) on their principal axes."""
    if isinstance(Z, Towers):
        raise TypeError("X is a pair of towers, but no result given is a model of two; give the rows of one of them")
    Z = table(Z, "X")
    rows = _sample(Z.shape[0], at_most)
    values = np.asarray(read_rows(Z, rows), dtype=np.float64)
    finite = np.isfinite(values).all(axis=1)
    if finite.sum() < 2:
        raise ValueError("X has fewer than two rows without NaN and inf, so there is nothing to draw")
    rows, values = rows[finite], values[finite]
    values = values - values.mean(axis=0)
    share, axes = np.linalg.eigh(values.T @ values)
    leading = axes[:, ::-1][:, :AXES]
    leading = leading * np.where(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])] < 0, -1, 1)
    total = max(float(share.sum()), 1e-300)
    titles = [
        f"axis {k + 1} ({100 * max(s, 0.0) / total:.0f} % of the variance)" for k, s in enumerate(share[::-1][:AXES])
    ]
    meaning = "Each point is a row, placed by the axes along which the rows vary most (principal components)."
    left_out = int(np.count_nonzero(~finite))
    if left_out:
        meaning += f" {left_out:,} rows with NaN or inf are left out."
    return _section("The rows", Points(rows, values @ leading, titles, Z.shape[0], meaning), labels)


def _count(spec: Spectrum, X: Any) -> tuple[int, int | None]:
    """How many rows, and how many of them are the first tower's where there are two."""
    if spec.values is not None:
        return len(spec.values), None
    if isinstance(X, Towers) != (spec.n_towers == 2):
        wanted = "ep.Towers(X_a, X_b)" if spec.n_towers == 2 else "one table of rows"
        raise TypeError(f"X is a {type(X).__name__}, but this model has {spec.n_towers} tower(s); give {wanted}")
    return (len(X), X.lengths[0]) if isinstance(X, Towers) else (table(X, "X", sparse=True).shape[0], None)


def _sample(n: int, at_most: int) -> np.ndarray:
    """All row numbers, or so many of them at random, ascending."""
    return np.arange(n) if n <= at_most else np.sort(np.random.default_rng(0).choice(n, at_most, replace=False))


def _on_modes(spec: Spectrum, X: Any, rows: np.ndarray) -> np.ndarray:
    """(len(rows), at most AXES) the first modes; only these rows are read."""
    A = np.eye(spec.n_modes, min(AXES, spec.n_modes))
    if spec.values is not None:
        return spec.values[rows] @ A
    found, start = [], 0
    sides = X.sides if isinstance(X, Towers) else (table(X, "X", sparse=True),)
    for modes, side in zip(spec.modes, sides, strict=True):
        mine = rows[(rows >= start) & (rows < start + side.shape[0])] - start
        found += list(modes.chunks(read_rows(side, mine), A)) if len(mine) else []
        start += side.shape[0]
    return np.concatenate(found)


def _section(title: str, points: Points, labels: Any) -> Section:
    n, drawn = points.n_samples, len(points.rows)
    read = Classes(np.zeros(n, dtype=np.int64), ["rows"]) if labels is None else read_labels(labels, n)
    shown = read[points.rows]
    data: dict[str, Any] = {
        "rows": _binary(points.rows, "<u4"),
        "axes": [
            {"title": title, "values": _binary(points.positions[:, k], "<f4")} for k, title in enumerate(points.titles)
        ],
    }
    counts: list[tuple[str, int]] = []
    if isinstance(shown, Scores):
        data["scores"] = _binary(shown.values, "<f4")
        legend, told = [], "coloured by the labels' values"
    else:
        data["classes"] = _binary(shown.index, "<i2")
        sizes = [int(np.count_nonzero(shown.index == k)) for k in range(len(shown.names))]
        legend = [] if labels is None else list(zip(shown.names, sizes))
        unlabelled = int(np.count_nonzero(shown.index < 0))
        data |= {"names": shown.names, "none": UNSEEN, "labelled": labels is not None}
        counts = legend
        told = f"in {len(legend)} classes" if legend else ""
        if unlabelled:
            told += f", {unlabelled:,} without a label"
    headline = f"{n:,} rows {told}".strip() if drawn == n else f"{drawn:,} of {n:,} rows {told}".strip()
    values = {
        "meaning": points.meaning,
        "sampled": drawn < n,
        "drawn": drawn,
        "n_samples": n,
        "titles": points.titles,
        "legend": legend,
        "unlabelled": 0 if isinstance(shown, Scores) else unlabelled,
        "none": UNSEEN,
        "scored": isinstance(shown, Scores),
        "text": f"A scatter of {headline}.",
        "table": _means(points, shown, counts),
    }
    return Section(title, "embedding.html", values, f"{headline}.", data={"points": data})


def _means(points: Points, shown: Classes | Scores, counts: list[tuple[str, int]]) -> Table:
    """Where the classes are, in numbers."""
    head = ("label", "rows", *(f"mean on {title}" for title in points.titles[:2]))
    if not counts or isinstance(shown, Scores):
        spread = (number(float(values.mean()), 3) for values in points.positions[:, :2].T)
        return Table(head, [("all", f"{len(points.rows):,}", *spread)])
    rows = []
    for k, (name, count) in enumerate(counts):
        mine = points.positions[shown.index == k, :2]
        means = (number(float(values.mean()) if count else None, 3) for values in mine.T)
        rows.append((name, f"{count:,}", *means))
    return Table(head, rows)


def _binary(values: np.ndarray, dtype: str) -> str:
    """Numbers as base64 of little-endian values: a quarter of their size in digits."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")
