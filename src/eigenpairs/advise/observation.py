"""The pairs as an incomplete observation of an ideal low-rank matrix: what is linked, how coherent, what bounds say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from eigenpairs.relation import Relation
from eigenpairs.relation.term import Cliques

BETA = 2.0
"""Recht's beta: his bound then holds with probability at least 1 - 6 (2n)^-2 log n - n^-0.8, up to rounding."""

BLOCK = 2**16


@dataclass(frozen=True)
class Observation:
    """Which entries of the pair matrix of the connected rows are known, and which can be known at all.

    Attributes
    ----------
    n_rows : int
        Rows with a partner.
    n_isolated : int
        Rows without.
    n_components : int
        Parts that no chain of pairs links.
    largest : float
        Share of the rows in the largest part.
    reachable : float
        Share of all n_rows^2 entries that lie within a part. The others cannot be completed from pairs alone.
    n_entries : int
        Entries (i, j) with a pair, both directions, counted once for each relation of a mixture.
    """

    n_rows: int
    n_isolated: int
    n_components: int
    largest: float
    reachable: float
    n_entries: int

    @classmethod
    def of(cls, relation: Relation) -> Observation:
        """What `relation` observes."""
        components = relation.components
        sizes = np.bincount(components[components >= 0], minlength=1).astype(np.float64)
        n = float(sizes.sum())
        return cls(
            int(n),
            int(np.count_nonzero(components < 0)),
            int(np.count_nonzero(sizes)),
            float(sizes.max() / max(n, 1.0)),
            float(np.sum(sizes**2) / max(n, 1.0) ** 2),
            _entries(relation),
        )

    @property
    def connected(self) -> bool:
        """Whether chains of pairs link all rows that have a partner."""
        return self.n_components == 1

    def sentence(self, free: bool) -> str:
        """What follows, for the class of all functions of the samples (`free`) or a span of columns."""
        if self.connected:
            return f"Chains of pairs link all {self.n_rows:,} rows that have a partner."
        parts = (
            f"The observation is disconnected: {self.n_components:,} parts that no chain of pairs links, "
            f"{100 * self.reachable:.2g} % of the entries of the pair matrix within parts."
        )
        if free:
            return (
                f"{parts} More pairs within parts complete nothing across them, exactly; pairs that link parts do, or "
                "a class of functions (features=ep.Linear())."
            )
        return f"{parts} Across parts it is the class of functions that completes, not the pairs."

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return vars(self) | {"connected": self.connected}


def _entries(relation: Relation) -> int:
    total = 0
    for _, block in relation.blocks(BLOCK):
        if isinstance(block, Cliques):
            members, groups = block.rows.shape
            total += groups * (members**2 if block.self_pairs else members * (members - 1))
        else:
            total += 2 * len(block.i) - int(np.count_nonzero(block.i == block.j))
    return total


@dataclass(frozen=True)
class Coherence:
    """Whether the leading modes lean on a few rows, and how many random entries Recht's theorem would ask for.

    Attributes
    ----------
    mu : float
        (n / r) max_i |U_i|^2, U an orthonormal basis of the constant and the leading modes: 1 is spread evenly, n / r
        is a direction that one row has for itself.
    rank : int
        r, the numerical rank of that basis, the constant included.
    n_rows : int
        n.
    needed : float
        Entries out of n^2 that are enough by Recht's theorem.
    """

    mu: float
    rank: int
    n_rows: int
    needed: float

    @classmethod
    def of(cls, phi: np.ndarray) -> Coherence:
        """Of modes (n, K) at the rows with a partner."""
        n = len(phi)
        basis, s, _ = scipy.linalg.svd(np.column_stack([np.ones(n), phi]), full_matrices=False)
        rank = int(np.count_nonzero(s > max(basis.shape) * np.finfo(np.float64).eps * s[0]))
        leverage = np.sum(basis[:, :rank] ** 2, axis=1)
        mu = n / rank * float(min(leverage.max(), 1.0))
        return cls(mu, rank, n, recht_bound(n, rank, mu))

    @property
    def vacuous(self) -> bool:
        """Whether the bound asks for more entries than there are."""
        return self.needed > self.n_rows**2

    @property
    def sentence(self) -> str:
        """The bound in words."""
        n2 = float(self.n_rows) ** 2
        verdict = "vacuous, it exceeds them all" if self.vacuous else f"{100 * self.needed / n2:.2g} % of them"
        return (
            f"Coherence {self.mu:.3g} at rank {self.rank}: Recht's theorem asks for {self.needed:.2g} random entries "
            f"of the {n2:.2g} there are ({verdict})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return vars(self) | {"vacuous": self.vacuous}


def recht_bound(n: int, rank: int, mu: float, beta: float = BETA) -> float:
    """Entries of a symmetric n x n matrix that suffice, observed at random: 32 max(mu1^2, mu0) r 2n beta log^2(2n).

    For a positive semi-definite matrix U diag U^T the sign matrix is U U^T, whose largest entry is on the diagonal:
    mu1 = mu0 sqrt(r) exactly, so that mu1^2 = mu0^2 r is the larger of the two.

    Source: Recht 2011 (JMLR 12), Theorem 2.

    >>> recht_bound(80, 4, 1.0) > 80**2  # four balanced classes of 80 rows
    True
    """
    return 32 * max(mu**2 * rank, mu) * rank * 2 * n * beta * float(np.log(2 * n)) ** 2
