"""Rows of any shape: which of them an audit looks at, and the columns they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._frames import from_frame, is_frame
from eigenpairs._validate import finite_rows

PICTURES = 8
"""Images kept to look at."""

LEAST_ROWS = 20


@dataclass(frozen=True)
class RawRows:
    """Rows as they are (images, vectors, anything) and the way from them to columns.

    Attributes
    ----------
    X : array of n rows
    embed : callable or None
        Rows to features; None flattens them.
    """

    X: Any
    embed: Callable[[Any], Any] | None

    @classmethod
    def of(cls, X: Any, embed: Callable[[Any], Any] | None) -> RawRows:
        """X as something that is indexed by row numbers; a DataFrame as its numbers.

        Raises
        ------
        ValueError
            If there are fewer than 20 rows.
        """
        if is_frame(X):
            X = from_frame(X, "X")
        X = X if hasattr(X, "shape") else np.asarray(X)
        n = len(X) if len(X.shape) else 0
        if n < LEAST_ROWS:
            raise ValueError(f"X has {n} rows; an audit needs at least {LEAST_ROWS}")
        return cls(X, embed)

    def __len__(self) -> int:
        return len(self.X)

    def take(self, numbers: np.ndarray) -> RawRows:
        """A copy of some rows."""
        return RawRows(self.X[numbers], self.embed)

    def copy(self) -> Any:
        """The rows, free to be written to."""
        return self.X[np.arange(len(self.X))]

    def columns(self, rows: Any, name: str = "X", like: int | None = None) -> np.ndarray:
        """(n, D) float64 columns of rows of this kind; `like` is the D they have to have.

        Raises
        ------
        TypeError, ValueError
            If they are no finite numbers, or their number differs; the message calls them `name`.
        """
        made = to_numpy(rows if self.embed is None else self.embed(rows))
        if made.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {made.dtype}; give numbers, or embed= to make some of the rows")
        if made.ndim < 2 or len(made) != len(rows):
            given = "embed made columns of" if self.embed else "it has"
            raise ValueError(f"{name}: {given} shape {made.shape} for {len(rows)} rows; at least two axes, one per row")
        made = made.reshape(len(made), -1).astype(np.float64)
        if like is not None and made.shape[1] != like:
            raise ValueError(
                f"{name} has {made.shape[1]} columns where clean rows have {like}; keep the shape of a row"
            )
        finite_rows(made, np.arange(len(made)), name)
        return made


def sampled(n: int, labelled: np.ndarray | None, at_most: int, seed: int) -> np.ndarray:
    """Numbers of at most so many of n rows, drawn at random and in random order, the labelled ones before others."""
    rng = np.random.default_rng(seed)
    first = np.arange(n) if labelled is None else labelled
    rest = np.setdiff1d(np.arange(n), first)
    chosen = np.concatenate([rng.permutation(first), rng.permutation(rest)])[:at_most]
    return rng.permutation(chosen)


def pictures(rows: Any) -> np.ndarray | None:
    """A copy of the first rows if they are images (n, H, W) or (n, H, W, C)."""
    shape: tuple[int, ...] = tuple(getattr(rows, "shape", ()))
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)) or min(shape[1:3]) < 4:
        return None
    return to_numpy(rows[:PICTURES]).copy()
