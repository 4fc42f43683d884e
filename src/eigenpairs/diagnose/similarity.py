"""How alike two embeddings of the same rows are, whatever their columns mean.

Three readings. Linear CKA compares the two Gram matrices: the clouds with their variances, up to rotation and one
scale. Principal angles compare the column spaces: whether one is a linear function of the other, up to any invertible
map. Mutual neighbours compare who is near whom.

Nothing of size n x n is formed. The rows of both embeddings side by side are read in chunks and folded into one
triangular factor R with R^T R = [A B]^T [A B]; all cross-products follow from it, and since it is no product of the
rows with themselves, nearly dependent columns keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import finite_rows, one_of, table, whole_number
from eigenpairs.diagnose.census import stored_eps
from eigenpairs.diagnose.probes import METRICS
from eigenpairs.features.base import read_rows
from eigenpairs.relation.neighbors import nearest_neighbors
from eigenpairs.spectrum.lapack import singular

CHUNK = 2**22
"""Numbers in one float64 chunk of both embeddings."""

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Similarity:
    """What two embeddings of the same rows have in common.

    Attributes
    ----------
    n_samples : int
    ranks : (int, int)
        Dimensions of the centred column spaces.
    cka : float
        Debiased linear CKA: 1 for equal Gram matrices, 0 on average for unrelated embeddings; may be slightly negative.
    cka_biased : float
        The plain form, which for few rows and many columns is near 1 whatever the embeddings.
    cosines : (min(ranks),)
        Of the principal angles between the column spaces, descending: the canonical correlations.
    mean_squared_cosine : float
        1 where the smaller space lies in the larger.
    mean_squared_cosine_by_chance : float
        Its mean for unrelated spaces of these ranks, max(ranks) / (n - 1).
    mutual_neighbors : float
        Share of the k nearest neighbours that are the same in both, over a sample of rows.
    mutual_neighbors_by_chance : float
        Its mean for unrelated embeddings, k / (number of sampled rows - 1).
    rule : str
        How neighbours were compared, in words.
    """

    n_samples: int
    ranks: tuple[int, int]
    cka: float
    cka_biased: float
    cosines: np.ndarray
    mean_squared_cosine: float
    mean_squared_cosine_by_chance: float
    mutual_neighbors: float
    mutual_neighbors_by_chance: float
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return vars(self) | {"ranks": list(self.ranks), "cosines": self.cosines.tolist()}

    def __repr__(self) -> str:
        return (
            f"Similarity(CKA {self.cka:.3f}; mean squared cosine {self.mean_squared_cosine:.3f} "
            f"(by chance {self.mean_squared_cosine_by_chance:.3f}); mutual neighbours {self.mutual_neighbors:.3f} "
            f"(by chance {self.mutual_neighbors_by_chance:.3f}))"
        )


def similarity(
    Z_a: Any, Z_b: Any, n_neighbors: int = 10, metric: str = "cosine", max_rows: int = 2000, random_state: int = 0
) -> Similarity:
    """Compare two embeddings of the same rows: CKA, principal angles, mutual neighbours.

    Parameters
    ----------
    Z_a, Z_b : (n, d_a), (n, d_b)
        Row i of both is the same sample. Arrays, memory-mapped files or tensors, read in chunks.
    n_neighbors, metric, max_rows, random_state : as for `mutual_neighbors`

    Raises
    ------
    ValueError
        If rows differ in number, are fewer than 4, or hold NaN or inf.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.similarity import similarity
    >>> Z = np.random.default_rng(0).standard_normal((500, 8))
    >>> Q = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
    >>> similarity(Z, 3 * Z @ Q)
    Similarity(CKA 1.000; mean squared cosine 1.000 (by chance 0.016); mutual neighbours 1.000 (by chance 0.020))
    """
    joint = _Joint.of(Z_a, Z_b)
    cosines = joint.cosines()
    shared, by_chance, rule = mutual_neighbors(Z_a, Z_b, n_neighbors, metric, max_rows, random_state)
    flat = 0 in joint.ranks
    return Similarity(
        joint.n,
        joint.ranks,
        joint.cka(debiased=True),
        joint.cka(debiased=False),
        cosines,
        float("nan") if flat else float(np.mean(cosines**2)),
        max(joint.ranks) / (joint.n - 1),
        float("nan") if flat else shared,
        by_chance,
        rule,
    )


def linear_cka(Z_a: Any, Z_b: Any, debiased: bool = True) -> float:
    """Linear centred kernel alignment of two embeddings (Kornblith et al. 2019, arXiv 1905.00414).

    Parameters
    ----------
    Z_a, Z_b : (n, d_a), (n, d_b)
    debiased : bool, default True
        Replace each inner product of Gram matrices by its unbiased estimate (HSIC of Song et al. 2012, as in Nguyen et
        al. 2021, arXiv 2010.15327), so that unrelated embeddings give 0 on average, however many their columns. False
        is |B^T A|_F^2 / (|A^T A|_F |B^T B|_F) of the centred rows.

    Returns
    -------
    1 for Gram matrices that are equal up to a factor; nan if an embedding is constant, or (debiased) has no estimate
    above 0 of its own norm.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.similarity import linear_cka
    >>> A, B = np.random.default_rng(1).standard_normal((2, 200, 100))  # unrelated
    >>> round(abs(linear_cka(A, B)), 1), round(linear_cka(A, B, debiased=False), 1)
    (0.0, 0.3)
    """
    return _Joint.of(Z_a, Z_b).cka(debiased)


def principal_cosines(Z_a: Any, Z_b: Any) -> np.ndarray:
    """(min(rank_a, rank_b),) cosines of the principal angles between centred column spaces, descending.

    They are the canonical correlations, so any invertible linear map of the columns leaves them as they are. As ranks
    near n - 1 they near 1 for unrelated embeddings too: their mean square is max(ranks) / (n - 1) by chance.

    Parameters
    ----------
    Z_a, Z_b : (n, d_a), (n, d_b)

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.similarity import principal_cosines
    >>> Z = np.random.default_rng(0).standard_normal((50, 3))
    >>> principal_cosines(Z, Z[:, :2] @ [[1.0, 2.0], [3.0, 4.0]] + 5).round(6)
    array([1., 1.])
    """
    return _Joint.of(Z_a, Z_b).cosines()


def mutual_neighbors(
    Z_a: Any, Z_b: Any, n_neighbors: int = 10, metric: str = "cosine", max_rows: int = 2000, random_state: int = 0
) -> tuple[float, float, str]:
    """Share of each row's k nearest neighbours that are the same in both (Huh et al. 2024, arXiv 2405.07987).

    Parameters
    ----------
    Z_a, Z_b : (n, d_a), (n, d_b)
    n_neighbors : int, default 10
        k; at most one less than the rows compared.
    metric : "cosine" (the source's, of the rows as they are) or "euclidean"
    max_rows : int, default 2000
        Of more rows a sample without replacement is compared. The share depends on how many are, so compare shares of
        equal samples only.
    random_state : int, default 0

    Returns
    -------
    The share, its mean for unrelated embeddings k / (rows - 1), and the rule in words. Among equally near rows, such as
    duplicates, which count as neighbours is arbitrary.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.similarity import mutual_neighbors
    >>> Z = np.random.default_rng(0).standard_normal((101, 5))
    >>> mutual_neighbors(Z, -Z)[:2]
    (1.0, 0.1)
    """
    sides = _both(Z_a, Z_b)
    one_of(metric, "metric", METRICS)
    n, most = sides[0].shape[0], whole_number(max_rows, "max_rows", 3)
    rng = np.random.default_rng(whole_number(random_state, "random_state", 0))
    rows = np.sort(rng.choice(n, most, replace=False)) if n > most else np.arange(n)
    k = min(whole_number(n_neighbors, "n_neighbors", 1), len(rows) - 1)
    links = []
    for Z in sides:
        i, j, _ = nearest_neighbors(_float(read_rows(Z, rows)), k, metric, "auto", 0)
        links.append(i * len(rows) + j)
    both = np.intersect1d(links[0], links[1], assume_unique=True)
    sample = f"all {n} rows" if len(rows) == n else f"{len(rows)} of {n} rows, drawn at random"
    return len(both) / (k * len(rows)), k / (len(rows) - 1), f"{k} nearest neighbours by {metric} among {sample}"


def _both(Z_a: Any, Z_b: Any) -> tuple[Any, Any]:
    Z_a, Z_b = table(Z_a, "Z_a"), table(Z_b, "Z_b")
    if Z_a.shape[0] != Z_b.shape[0]:
        raise ValueError(
            f"Z_a has {Z_a.shape[0]} rows and Z_b has {Z_b.shape[0]}; embed the same rows in the same order"
        )
    if Z_a.shape[0] < 4:
        raise ValueError(f"Z_a and Z_b have {Z_a.shape[0]} rows; a comparison needs at least 4")
    return Z_a, Z_b


def _float(rows: np.ndarray) -> np.ndarray:
    return to_numpy(rows, np.float64)


@dataclass(frozen=True)
class _Joint:
    """What is needed of both embeddings' centred rows A, B, each in a unit of its own.

    n : int
    factors : (D, d_a), (D, d_b) with A = Q factors[0], B = Q factors[1], Q orthonormal
    lengths : (2, 2) sums over rows of |a|^4, |a|^2 |b|^2, |b|^4
    entries : for each side root mean square entry, mean included: what rounding is relative to
    eps : for each side rounding unit of its numbers as stored
    """

    n: int
    factors: tuple[np.ndarray, np.ndarray]
    lengths: np.ndarray
    entries: tuple[float, float]
    eps: tuple[float, float]

    @classmethod
    def of(cls, Z_a: Any, Z_b: Any) -> _Joint:
        """Two passes: means and units, then the factor."""
        sides = _both(Z_a, Z_b)
        n, d_a, D = sides[0].shape[0], sides[0].shape[1], sides[0].shape[1] + sides[1].shape[1]
        step = max(D, CHUNK // D, 1)
        starts = range(0, n, step)
        centres = [_centre(Z, name, starts, step) for Z, name in zip(sides, ("Z_a", "Z_b"), strict=True)]
        R, lengths = np.empty((0, D)), np.zeros((2, 2))
        for start in starts:
            rows = np.arange(start, min(start + step, n))
            parts = [(_float(read_rows(Z, rows)) - mean) / unit for Z, (mean, unit) in zip(sides, centres, strict=True)]
            squared = np.stack([np.sum(part**2, axis=1) for part in parts])
            lengths += squared @ squared.T
            R = np.asarray(np.linalg.qr(np.concatenate([R, np.concatenate(parts, axis=1)]), mode="r"))
        factors = (R[:, :d_a], R[:, d_a:])
        entries = [
            float(np.sqrt(np.sum(F**2) / max(n * F.shape[1], 1) + np.mean((mean / unit) ** 2)))
            for F, (mean, unit) in zip(factors, centres, strict=True)
        ]
        eps = (stored_eps(sides[0]), stored_eps(sides[1]))
        return cls(n, factors, lengths, (entries[0], entries[1]), eps)

    @property
    def ranks(self) -> tuple[int, int]:
        """Dimensions of the column spaces."""
        return self.bases[0].shape[1], self.bases[1].shape[1]

    @cached_property
    def bases(self) -> tuple[np.ndarray, np.ndarray]:
        """(D, rank) orthonormal basis of each column space, in the coordinates of Q."""
        return self._basis(0), self._basis(1)

    def _basis(self, side: int) -> np.ndarray:
        F = self.factors[side]
        U, s, _ = singular(F)
        rounding = self.eps[side] * (np.sqrt(self.n) + np.sqrt(F.shape[1])) * self.entries[side]
        return U[:, s > rounding + max(F.shape) * EPS * s.max(initial=0.0)]

    def cosines(self) -> np.ndarray:
        """Descending cosines between the two column spaces."""
        return np.clip(singular(self.bases[0].T @ self.bases[1])[1], 0.0, 1.0)

    def cka(self, debiased: bool) -> float:
        if 0 in self.ranks:
            return float("nan")
        products = np.empty((2, 2))
        for i, j in ((0, 0), (0, 1), (1, 1)):
            cross = self.factors[i].T @ self.factors[j]
            products[i, j] = products[j, i] = np.sum(cross**2)
        if debiased:
            n, traces = self.n, np.array([np.sum(F**2) for F in self.factors])
            products += np.outer(traces, traces) / ((n - 1) * (n - 2)) - n / (n - 2) * self.lengths
        norms = products[0, 0], products[1, 1]
        return float(products[0, 1] / np.sqrt(norms[0] * norms[1])) if min(norms) > 0 else float("nan")


def _centre(Z: Any, name: str, starts: range, step: int) -> tuple[np.ndarray, float]:
    """(d,) mean, of a constant column its very value so that it becomes 0, and the widest column's range as a unit."""
    n, d = Z.shape
    total, low, high = np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)
    for start in starts:
        rows = np.arange(start, min(start + step, n))
        chunk = _float(read_rows(Z, rows))
        finite_rows(chunk, rows, name)
        total += chunk.sum(axis=0)
        low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    span = float(np.max(high - low, initial=0.0))
    return np.where(low == high, low, total / n), span if span > 0 else 1.0
