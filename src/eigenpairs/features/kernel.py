"""`Kernel`: functions in the space of a kernel, by landmarks or random Fourier features."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from eigenpairs._validate import one_of, real_number, table, whole_number
from eigenpairs.features.base import FeatureMap, Features
from eigenpairs.features.landmarks import (
    MEDIAN_ROWS,
    kmeans_centres,
    median_gamma,
    pivoted_cholesky,
    sampled_rows,
    some_of,
)

KERNELS = ("rbf", "laplacian", "polynomial", "cosine", "linear")
"""Those of scikit-learn's kernels that are positive semi-definite for all real rows."""

OF_DIFFERENCES = ("rbf", "laplacian")
"""Kernels of x - y: they have Fourier features, and the origin is free."""

APPROXIMATIONS, LANDMARKS = ("nystrom", "fourier"), ("uniform", "kmeans")

KMEANS_ROWS, KMEANS_BYTES = 50_000, 2**29
"""Most rows, and bytes of them, that k-means holds in memory."""

BLOCK_BYTES = 2**24
"""Size of one float64 temporary; a few of them are alive at a time."""


@dataclass
class Kernel(Features):
    """Functions f(x) = sum_l a_l k(x, x_l): kernel SSL on landmarks x_l, or on random Fourier features.

    Parameters
    ----------
    kernel : "rbf", "laplacian", "polynomial", "cosine" or "linear", default "rbf"
        exp(-gamma |x - y|^2), exp(-gamma |x - y|_1), (gamma <x, y> + coef0)^degree, <x, y> / (|x| |y|), <x, y>, as in
        `sklearn.metrics.pairwise`. The last three depend on where the origin is: centre X first.
    n_landmarks : int, default 1000
        Landmarks, up to some 10,000; all rows if there are fewer. For "fourier" the number of columns, which is even.
    approximation : "nystrom" or "fourier", default "nystrom"
        "nystrom" is exact on the landmarks, which follow the data; "fourier" draws its functions blindly, costs less
        per column, and is for "rbf" and "laplacian" only.
    landmarks : "uniform" or "kmeans", default "uniform"
        For "nystrom": rows drawn without replacement, or the centres of k-means on at most 50,000 rows and
        half a gigabyte.
    gamma : float or "median", default "median"
        Of rbf, laplacian and polynomial. "median" is 1 / median of |x - y|^2 (|x - y|_1 for laplacian) among 500 rows.
    degree : int, default 3
    coef0 : float, default 1
        For "polynomial", 0 or more.
    ridge : float or "auto", default 0
        Added to the second moments of the columns, relative to their mean eigenvalue, as in `Linear`. Few pairs for
        many landmarks need one.
    random_state : int, default 0
        Seed of the landmarks, of the rows for the median, and of the frequencies.

    Raises
    ------
    ValueError, TypeError
        If a parameter, or a combination of them, is not allowed.
    ValueError
        From `spectrum`: if a sampled row holds NaN or inf, or the kernel overflows or is 0 on all of them.

    Notes
    -----
    With landmarks L the columns are Phi(x) = k(x, L) R^-1, R^T R = k(L, L), the Nystrom approximation (Williams &
    Seeger, NeurIPS 2001): Phi(x) . Phi(y) = k(x, y) whenever x or y is a landmark. R comes from a Cholesky
    factorisation with pivoting (Fine & Scheinberg, JMLR 2001), which drops landmarks that the others explain to 1e-10
    of the largest k(x, x), duplicates in particular; so there may be fewer columns than landmarks. Centres of k-means
    give a smaller error than as many rows on most data (Zhang, Tsang & Kwok, ICML 2008).

    Fourier columns are sqrt(2 / D) [cos(W^T x), sin(W^T x)] with random frequencies W: Gaussian of variance 2 gamma for
    rbf, Cauchy of scale gamma for laplacian (Rahimi & Recht, NeurIPS 2007). Phi(x) . Phi(y) has expectation k(x, y) and
    an error of order 1 / sqrt(D).

    The sigmoid kernel is left out: it is not positive semi-definite, so no columns have it as inner product.

    Examples
    --------
    Two views of points on two rings, turned by a random angle. No linear function survives a turn; the radius does.

    >>> import numpy as np, eigenpairs as ep
    >>> from eigenpairs.features import Kernel
    >>> rng = np.random.default_rng(0)
    >>> radius, angle = rng.choice([1.0, 2.0], 2000), rng.uniform(0, 2 * np.pi, (2, 2000))
    >>> X = np.concatenate([np.column_stack([radius * np.cos(a), radius * np.sin(a)]) for a in angle])
    >>> G = ep.Relation.from_views(2000, 2)
    >>> bool(ep.spectrum(X, G).rho[0] < 0.1), bool(ep.spectrum(X, G, Kernel(n_landmarks=50)).rho[0] > 0.99)
    (True, True)
    """

    kernel: str = "rbf"
    n_landmarks: int = 1000
    approximation: str = "nystrom"
    landmarks: str = "uniform"
    gamma: float | str = "median"
    degree: int = 3
    coef0: float = 1.0
    ridge: float | str = 0.0
    random_state: int = 0

    def validate(self) -> None:
        if self.kernel == "sigmoid":
            raise ValueError(
                "kernel = 'sigmoid' is not positive semi-definite, so no columns have it as inner product; "
                f"choose from {', '.join(map(repr, KERNELS))}"
            )
        one_of(self.kernel, "kernel", KERNELS)
        whole_number(self.n_landmarks, "n_landmarks", 1)
        one_of(self.approximation, "approximation", APPROXIMATIONS)
        one_of(self.landmarks, "landmarks", LANDMARKS)
        if self.approximation == "fourier":
            self._validate_fourier()
        if self.gamma != "median":
            if isinstance(self.gamma, str):
                raise ValueError(f"gamma = {self.gamma!r} is unknown; give a number above 0, or 'median'")
            real_number(self.gamma, "gamma", 0.0, above=True)
        whole_number(self.degree, "degree", 1)
        real_number(self.coef0, "coef0", 0.0)  # a negative one can make the kernel indefinite
        if self.ridge != "auto":
            real_number(self.ridge, "ridge", 0.0)
        whole_number(self.random_state, "random_state", 0)

    def _validate_fourier(self) -> None:
        if self.kernel not in OF_DIFFERENCES:
            raise ValueError(
                f"approximation = 'fourier' needs a kernel of differences x - y, and kernel = {self.kernel!r} is none; "
                "choose kernel = 'rbf' or 'laplacian', or approximation = 'nystrom'"
            )
        if self.landmarks != "uniform":
            raise ValueError(
                f"landmarks = {self.landmarks!r} has no meaning with approximation = 'fourier', which places none; "
                "leave it out, or choose approximation = 'nystrom'"
            )
        if self.n_landmarks % 2:
            raise ValueError(
                f"n_landmarks = {self.n_landmarks} is odd, and Fourier columns are pairs of a cosine and a sine; "
                f"give an even number such as {self.n_landmarks + 1}"
            )

    def fitted(self, X: Any, name: str = "X") -> KernelMap:
        X = table(X, name)
        # One stream for each choice, so that another gamma keeps the landmarks.
        for_rows, for_gamma, for_columns = np.random.default_rng(self.random_state).spawn(3)
        sample = sampled_rows(X, self._rows_needed(X.shape[1]), for_rows, name)
        # Distances are computed by expanding the square: about a far origin they would have no digits left.
        origin = sample.mean(axis=0) if self.kernel in OF_DIFFERENCES else np.zeros(sample.shape[1])
        sample -= origin
        resolved = replace(self, gamma=self._resolved_gamma(sample, for_gamma))  # a copy: `self` may change later
        if self.approximation == "fourier":
            return FourierMap(resolved, origin, resolved._frequencies(len(origin), for_columns))
        if self.landmarks == "kmeans":
            points = kmeans_centres(sample, self.n_landmarks, self.random_state)
        else:
            points = some_of(sample, self.n_landmarks, for_columns)
        with np.errstate(over="ignore", invalid="ignore"):
            K = resolved._values(points, points)
        if not np.isfinite(K.diagonal()).all():
            raise ValueError(
                f"kernel = {self.kernel!r} overflows on the rows of {name}; rescale {name} or lower the degree"
            )
        kept, inverse = pivoted_cholesky(K)
        if len(kept) == 0:
            raise ValueError(
                f"kernel = {self.kernel!r} is 0 on all sampled rows of {name}; choose 'rbf' or mend {name}"
            )
        return NystromMap(resolved, origin, points[kept], inverse)

    def restored(self, n_inputs: int, state: dict[str, np.ndarray]) -> KernelMap:
        resolved = replace(self, gamma=float(state["gamma"][0]))
        if self.approximation == "fourier":
            return FourierMap(resolved, state["origin"], state["frequencies"])
        points = state["landmarks"]
        inverse, _ = lapack.dtpttr(len(points), state["inverse"], uplo="L")
        return NystromMap(resolved, state["origin"], points, inverse)

    def _rows_needed(self, n_inputs: int) -> int:
        if self.approximation == "fourier":
            return MEDIAN_ROWS
        for_kmeans = min(KMEANS_ROWS, KMEANS_BYTES // (8 * max(n_inputs, 1))) if self.landmarks == "kmeans" else 0
        return max(MEDIAN_ROWS, self.n_landmarks, for_kmeans)

    def _resolved_gamma(self, sample: np.ndarray, rng: np.random.Generator) -> float:
        if self.gamma != "median":
            return float(self.gamma)
        if self.kernel in ("cosine", "linear"):
            return 1.0
        return median_gamma(sample, "cityblock" if self.kernel == "laplacian" else "sqeuclidean", rng)

    def _frequencies(self, n_inputs: int, rng: np.random.Generator) -> np.ndarray:
        shape, gamma = (n_inputs, self.n_landmarks // 2), float(self.gamma)
        if self.kernel == "rbf":
            return np.sqrt(2 * gamma) * rng.standard_normal(shape)
        return gamma * rng.standard_cauchy(shape)

    def _values(self, rows: np.ndarray, points: np.ndarray) -> np.ndarray:
        """k(rows, points), (n, m)."""
        from sklearn import config_context
        from sklearn.metrics.pairwise import pairwise_kernels

        parameters = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        with config_context(assume_finite=True):  # checked before, with an error that names the row
            return pairwise_kernels(rows, points, metric=self.kernel, filter_params=True, **parameters)


class KernelMap(FeatureMap):
    """Rows relative to an origin, a block at a time so that temporaries stay small; `resolved` has its gamma."""

    def __init__(self, resolved: Kernel, origin: np.ndarray, n_columns: int):
        self.resolved, self.origin = resolved, origin
        self.n_inputs, self.n_columns = len(origin), n_columns

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        columns = np.empty((len(chunk), self.n_columns))
        size = max(64, BLOCK_BYTES // (8 * max(self.n_inputs, self.n_columns)))
        for start in range(0, len(chunk), size):
            part = slice(start, start + size)
            with np.errstate(invalid="ignore", over="ignore"):
                rows = np.subtract(chunk[part], self.origin, dtype=np.float64)
                bad = ~np.isfinite(rows.sum(axis=1))
            # An infinite row would be far from all landmarks, hence a credible 0; as NaN the caller finds and names it.
            rows[bad] = 0
            columns[part] = self._columns(rows)
            columns[part][bad] = np.nan
        return columns

    @abstractmethod
    def _columns(self, rows: np.ndarray) -> np.ndarray:
        """Phi of float64 rows relative to the origin."""

    def state(self) -> dict[str, np.ndarray]:
        return {"origin": self.origin, "gamma": np.array([self.resolved.gamma], dtype=np.float64)}


class NystromMap(KernelMap):
    """k(x, landmarks) times the inverse of the triangular factor of k(landmarks, landmarks)."""

    def __init__(self, resolved: Kernel, origin: np.ndarray, points: np.ndarray, inverse: np.ndarray):
        super().__init__(resolved, origin, len(points))
        self.points, self.inverse = points, inverse

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        values = self.resolved._values(rows, self.points)
        return blas.dtrmm(1.0, self.inverse, values.T, lower=1, overwrite_b=1).T

    def state(self) -> dict[str, np.ndarray]:
        packed, _ = lapack.dtrttp(self.inverse, uplo="L")  # half of a square matrix
        return super().state() | {"landmarks": self.points, "inverse": packed}


class FourierMap(KernelMap):
    """sqrt(2 / D) [cos(x W), sin(x W)]."""

    def __init__(self, resolved: Kernel, origin: np.ndarray, frequencies: np.ndarray):
        super().__init__(resolved, origin, 2 * frequencies.shape[1])
        self.frequencies = frequencies

    def _columns(self, rows: np.ndarray) -> np.ndarray:
        angles = rows @ self.frequencies
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * np.sqrt(2 / self.n_columns)

    def state(self) -> dict[str, np.ndarray]:
        return super().state() | {"frequencies": self.frequencies}
