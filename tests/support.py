"""What several tests use: made-to-measure data, extras that may be missing, real data."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from eigenpairs import Relation


def require(module: str, extra: str):
    """The optional module, or a skip that says which extra brings it (a failure with EIGENPAIRS_REQUIRE_ALL=1)."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        if os.environ.get("EIGENPAIRS_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"{module} is not installed: it comes with the extra {extra!r}")


def data_folder() -> Path:
    """The folder of real data named by EIGENPAIRS_DATA, or a skip."""
    folder = os.environ.get("EIGENPAIRS_DATA")
    if not folder:
        pytest.skip("EIGENPAIRS_DATA names no folder of real data")
    return Path(folder)


def rows_with_correlations(rho: Sequence[float], n_sources: int | None = None, seed: int = 0):
    """Two views of centred, white, uncorrelated columns whose pair correlations are exactly `rho`, and the relation.

    With orthonormal u, w: views a u + b w and a u - b w have variance a^2 + b^2 and covariance a^2 - b^2.
    """
    rho = np.asarray(rho, dtype=np.float64)
    n = max(n_sources or 0, 2 * len(rho) + 2)
    raw = np.random.default_rng(seed).standard_normal((n, 2 * len(rho)))
    U = np.linalg.qr(raw - raw.mean(axis=0))[0] * np.sqrt(n)
    same, opposite = U[:, : len(rho)] * np.sqrt((1 + rho) / 2), U[:, len(rho) :] * np.sqrt((1 - rho) / 2)
    return np.concatenate([same + opposite, same - opposite]), Relation.from_views(n, 2)


def spectra(seed: int, count: int, modes: int) -> list[np.ndarray]:
    """Random spectra of many shapes: plain, with negative rho, with ties, nearly perfect, nearly nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        rho = rng.uniform(*[(0.0, 1.0), (-0.7, 1.0), (0.9, 1.0), (-0.3, 0.3)][k % 4], size=modes)
        if k % 3 == 1:
            rho[: modes // 2] = rho[0]
        found.append(np.sort(rho)[::-1])
    return found
