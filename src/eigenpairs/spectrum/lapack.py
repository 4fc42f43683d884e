"""The lowest eigenpairs of a dense symmetric matrix."""

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
