"""Data that tests of training share."""

import numpy as np

import eigenpairs as ep


def two_views(n=240, d=6, noise=0.5, seed=0):
    """Rows of two views whose columns differ in how invariant they are, and their relation."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, d)) * np.linspace(0.3, 2, d)
    X = np.concatenate([source + noise * rng.standard_normal((n, d)) for _ in range(2)])
    return X, ep.Relation.from_views(n, 2)


SMALL = {"progress": False, "rows": 50, "threads": 1}
