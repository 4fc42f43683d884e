"""`Towers`: two sets of rows of different kinds, such as images and their captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import a_relation, table
from eigenpairs.relation import Relation


@dataclass(frozen=True, eq=False)
class Towers:
    """Rows of two kinds with columns of their own: images and texts, German and English, left and right halves.

    Pass it to `ep.spectrum` in place of X. Row i of `X_a` then pairs with row i of `X_b`, unless a
    ``Relation.between(i, j, shape=(n_a, n_b))`` says otherwise; the rows of `X_b` count on after those of `X_a`.

    Parameters
    ----------
    X_a, X_b : (n_a, D_a), (n_b, D_b) arrays, memmaps, tensors, DataFrames or scipy sparse matrices

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> towers = ep.Towers(np.zeros((5, 3)), np.zeros((4, 2)))
    >>> towers
    Towers(5 x 3, 4 x 2)
    """

    X_a: Any
    X_b: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "X_a", table(self.X_a, "X_a", sparse=True))
        object.__setattr__(self, "X_b", table(self.X_b, "X_b", sparse=True))

    @property
    def sides(self) -> tuple[Any, Any]:
        """(X_a, X_b)."""
        return self.X_a, self.X_b

    @property
    def lengths(self) -> tuple[int, int]:
        """(n_a, n_b)."""
        return self.X_a.shape[0], self.X_b.shape[0]

    def pairs(self, relation: Relation | None = None) -> Relation:
        """`relation` if it fits these rows; None stands for row i with row i.

        Raises
        ------
        ValueError
            If a tower is empty, or lengths differ.
        """
        n_a, n_b = self.lengths
        if not n_a * n_b:
            raise ValueError(f"the towers have {n_a} and {n_b} rows, so there is no pair; give each at least one row")
        if relation is None:
            if n_a != n_b:
                raise ValueError(
                    f"the towers have {n_a} and {n_b} rows, so row i cannot pair with row i; "
                    "give relation=ep.Relation.between(i, j, shape=(n_a, n_b))"
                )
            return Relation.between(np.arange(n_a), np.arange(n_a), shape=(n_a, n_b))
        if a_relation(relation).n_samples != n_a + n_b or relation.towers not in (None, (n_a, n_b)):
            given = relation.towers or relation.n_samples
            raise ValueError(f"the towers have {n_a} and {n_b} rows and relation {given}; give one row per sample")
        if relation.tower is not None and (np.diff(relation.tower) < 0).any():
            raise ValueError(
                "relation was reordered, so that rows of the second tower come before rows of the first; index it "
                "in the order of the towers, first X_a, then X_b"
            )
        return relation

    def __len__(self) -> int:
        return sum(self.lengths)

    def __repr__(self) -> str:
        return f"Towers({', '.join(' x '.join(map(str, X.shape)) for X in self.sides)})"
