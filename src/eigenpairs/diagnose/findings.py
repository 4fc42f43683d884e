"""Rules that turn numbers into a verdict. Each finding says the number, and the rule that it broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from eigenpairs.diagnose.census import Census

VERDICTS = ("healthy", "partially collapsed", "collapsed", "invalid")
"""From best to worst; an embedding gets the worst that one of its findings carries."""

CONSTANT = 1e-3
"""Spread over length of the mean below which all rows count as one point."""

ONE_DIRECTION = 0.99
"""Share of the variance in one direction from which the rows count as one line."""

DEAD = 1e-3
"""Standard deviation, relative to the root mean square over columns, below which a column is dead."""

TWINS = 0.9999
"""Absolute correlation from which a column repeats another."""

EXPLODED = 1000.0
"""Standard deviation over the median of all live columns from which a column has exploded."""

LARGE = 1e4
"""Root mean square entry from which half precision (up to 65,504) is about to overflow."""

LOW_RANK = 0.1
"""Share of the optimum's RankMe below which an embedding has partially collapsed."""

MIN_ROWS = 10
"""Different values that a column needs before its correlations say anything."""

LONE_ROW = 0.5
"""Share of a direction's variance from which it counts as one row's own."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    kind : str
    verdict : one of `VERDICTS`, what this alone makes of the embedding
    message : str, with the number and the rule
    """

    kind: str
    verdict: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The three texts."""
        return {"kind": self.kind, "verdict": self.verdict, "message": self.message}


def worst(findings: tuple[Finding, ...]) -> str:
    """The verdict: the worst of the findings', "healthy" if there are none."""
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default="healthy")


def invalid_rows(census: Census) -> list[Finding]:
    """Rows with NaN or inf."""
    count = len(census.invalid)
    if not count:
        return []
    message = (
        f"{count:,} of {census.n_samples:,} rows hold NaN or inf, the first is row {census.invalid[0]}; "
        "all other numbers are of the remaining rows"
    )
    return [Finding("nan", "invalid", message)]


def collapse(census: Census) -> list[Finding]:
    """All rows in one point, or on one line."""
    spread, length = float(np.sqrt(census.variance.sum())), float(np.linalg.norm(census.mean))
    if spread <= CONSTANT * length or spread == 0:
        share = "0" if spread == 0 else f"{spread / length:.2g} of its mean's length"
        rule = f"below {CONSTANT:g} all rows count as one point"
        return [Finding("constant", "collapsed", f"the embedding is constant: its spread is {share} ({rule})")]
    return []


def one_line(singular_values: np.ndarray, census: Census, lone_row: Callable[[], int | None]) -> list[Finding]:
    """One direction has nearly all variance; if it is that of one column or one row, that one is to blame."""
    variance = singular_values**2
    if census.n_valid < 3 or len(variance) < 2 or not variance.sum() > 0:
        return []
    share = variance[0] / variance.sum()
    if share < ONE_DIRECTION:
        return []
    columns = census.variance / census.variance.sum()
    largest, rest = int(np.argmax(columns)), 1 - columns.max()
    if len(columns) > 2 and columns[largest] >= ONE_DIRECTION and np.sort(columns)[-2] < ONE_DIRECTION * rest:
        message = (
            f"column {largest} alone holds {columns[largest]:.2%} of the variance: it has exploded, look at that one"
        )
        return [Finding("one-column", "partially collapsed", message)]
    row = lone_row()
    if row is not None:
        message = (
            f"one direction holds {share:.2%} of the variance, and row {row} most of it: it has exploded, drop that row"
        )
        return [Finding("one-row", "partially collapsed", message)]
    message = f"one direction holds {share:.2%} of the variance (from {ONE_DIRECTION:.0%} on it counts as rank one)"
    return [Finding("rank-one", "collapsed", message)]


def dead_columns(std: np.ndarray) -> np.ndarray:
    """Numbers of the columns that hardly vary."""
    return np.flatnonzero(std <= DEAD * np.sqrt(np.mean(std**2)))


def repeated_columns(census: Census, sample: np.ndarray) -> np.ndarray:
    """Numbers of the columns that repeat an earlier one, up to sign and scale.

    Columns that a sample of the rows shows with few different values (rarely active units) are left out.
    """
    from scipy.sparse.csgraph import connected_components

    std = np.sqrt(census.variance)
    live = np.setdiff1d(np.arange(census.n_columns), dead_columns(std))
    correlation = census.covariance[np.ix_(live, live)] / np.outer(std[live], std[live])
    group = connected_components(sp.csr_array(np.abs(correlation) > TWINS), directed=False)[1]
    twins = np.setdiff1d(live, live[np.unique(group, return_index=True)[1]])
    return np.array([column for column in twins if len(np.unique(sample[:, column])) >= MIN_ROWS], dtype=np.int64)


def column_findings(std: np.ndarray, dead: np.ndarray, repeated: np.ndarray, size: float) -> list[Finding]:
    """Dead, repeated and exploded columns."""
    found, d = [], len(std)
    if len(dead):
        rule = f"their spread is below {DEAD:g} of the columns' root mean square"
        message = f"{len(dead)} of {d} columns are dead in these rows, such as {_some(dead)} ({rule})"
        found.append(Finding("dead", "partially collapsed", message))
    if len(repeated):
        rule = f"absolute correlation above {TWINS:g}"
        message = f"{len(repeated)} of {d} columns repeat an earlier one, such as {_some(repeated)} ({rule})"
        found.append(Finding("duplicated", "partially collapsed", message))
    live = np.setdiff1d(np.arange(d), dead)
    exploded = live[std[live] > EXPLODED * np.median(std[live])] if len(live) > 2 else live[:0]
    if len(exploded):
        message = f"{len(exploded)} of {d} columns have exploded, such as {_some(exploded)}: their spread is more than "
        found.append(Finding("exploded", "healthy", message + f"{EXPLODED:g} times the median column's"))
    if size > LARGE:
        message = f"entries are {size:.3g} in root mean square; above {LARGE:g}, half precision is about to overflow"
        found.append(Finding("exploded", "healthy", message))
    return found


def low_rank(rankme: float, best: float, optimum_name: str) -> list[Finding]:
    """Far fewer directions than the optimum of an objective has."""
    if not rankme < LOW_RANK * best:
        return []
    message = f"RankMe is {rankme:.3g}, under a tenth of the {best:.3g} that the optimum of {optimum_name} has"
    return [Finding("low-rank", "partially collapsed", message)]


def repeated_rows(census: Census, count: int) -> list[Finding]:
    """`count` rows repeat another: no collapse, but evaluation splits share them."""
    if not count:
        return []
    share = f"{count:,} of {census.n_valid:,} rows ({count / census.n_valid:.1%}) repeat another row"
    return [Finding("duplicate-rows", "healthy", f"{share}; keep them on one side of an evaluation split")]


def few_rows(census: Census) -> list[Finding]:
    """More columns than rows."""
    if census.n_valid > census.n_columns:
        return []
    limit = f"{census.n_valid:,} rows for {census.n_columns:,} columns: no rank can exceed {census.n_valid - 1}"
    return [Finding("few-rows", "healthy", limit + "; take more rows to compare with others")]


def _some(numbers: np.ndarray) -> str:
    return ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
