"""Dense decompositions by LAPACK's fastest driver, and by its most robust one where that gives up."""

from __future__ import annotations

import numpy as np
import scipy.linalg


def lowest(matrix: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The m lowest eigenvalues (m,), ascending, and their eigenvectors (n, m).

    LAPACK's fastest driver for a part of the spectrum (MRRR) gives up on some matrices with large clusters; the
    divide-and-conquer driver, which computes everything, does not, and takes over there.
    """
    matrix = 0.5 * (matrix + matrix.T)
    try:
        values, vectors = scipy.linalg.eigh(matrix, subset_by_index=[0, m - 1])
    except np.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(matrix, driver="evd")
    return values[:m], vectors[:, :m]


def singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thin singular value decomposition U (n, r), values (r,) descending, V^T (r, m).

    The divide-and-conquer driver gives up on some matrices with large clusters of singular values; the QR iteration
    does not, and takes over there.
    """
    try:
        return scipy.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")
