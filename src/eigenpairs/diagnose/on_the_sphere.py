"""How rows of length one lie on the sphere: uniformity, and the spread of their columns."""

from __future__ import annotations

import numpy as np


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows (n, d) scaled to length one; zero rows stay zero."""
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(size > 0, size, 1.0)


def on_the_sphere(rows: np.ndarray) -> tuple[float, float]:
    """Uniformity (Wang & Isola 2020) and normalised spread (Chen & He 2021) of rows (n, d).

    Uniformity is log E exp(-2 |u - v|^2) over pairs of different rows of length one. The spread is the mean standard
    deviation of their columns, times the root of d.
    """
    u = unit_rows(rows)
    products = (u @ u.T)[np.triu_indices(len(u), 1)]
    uniformity = np.log(np.mean(np.exp(4 * np.minimum(products, 1.0) - 4)))
    return float(uniformity), float(np.sqrt(u.shape[1]) * np.mean(np.std(u, axis=0)))
