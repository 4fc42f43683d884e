"""Classes of functions and embeddings that the tests of certificates share."""

import numpy as np
import scipy.linalg

import eigenpairs as ep
from eigenpairs.features import Kernel


def views(n=60, D=5, seed=0):
    """Two noisy views of `n` sources, correlated columns, a mean far from zero, and the relation."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, D))
    noise = np.linspace(0.2, 2.0, D)
    X = np.concatenate([source + noise * rng.standard_normal((n, D)) for _ in range(2)])
    return X @ rng.standard_normal((D, D)) + 3.0, ep.Relation.from_views(n, 2)


def linear():
    X, G = views()
    return {"X": X, "relation": G, "features": None}


def kernel():
    X, G = views()
    return {"X": X, "relation": G, "features": Kernel(n_landmarks=7)}


def head():
    """A linear head on the features of a (random) network."""
    X, G = views()
    W = np.random.default_rng(1).standard_normal((5, 6))
    return {"X": np.maximum(X @ W, 0.0), "relation": G, "features": ep.Linear()}


def free():
    rng = np.random.default_rng(2)
    i, j = rng.integers(0, 30, (2, 150))
    G = ep.Relation.from_edges(i[i != j], j[i != j], rng.uniform(0.5, 2.0, np.sum(i != j)), n_samples=32)
    return {"X": None, "relation": G, "features": ep.Free()}


def towers():
    rng = np.random.default_rng(3)
    hidden = rng.standard_normal((80, 5))
    X_a = hidden @ rng.standard_normal((5, 6)) + rng.standard_normal((80, 6))
    X_b = hidden[:60] @ rng.standard_normal((5, 8)) + rng.standard_normal((60, 8)) - 2.0
    i, j = np.r_[0:60, 5, 61], np.r_[0:60, 1, 2]
    G = ep.Relation.between(i, j, rng.uniform(0.5, 1.5, 62), shape=(80, 60))
    return {"X": ep.Towers(X_a, X_b), "relation": G, "features": None}


CLASSES = {"linear": linear, "kernel": kernel, "head": head, "free": free, "towers": towers}


def solved(case):
    return ep.spectrum(case["X"], case["relation"], case["features"])


def embedded(case, objective, width):
    return np.asarray(solved(case).embed(objective, width).transform())


def functions(case):
    """Columns that span the class, constants included."""
    if case["X"] is None:
        return np.eye(case["relation"].n_samples)
    phi = np.asarray(solved(case).transform())
    if not isinstance(case["X"], ep.Towers):
        return np.column_stack([np.ones(len(phi)), phi])
    X_a, X_b = case["X"].sides
    ones = [np.ones((len(X), 1)) for X in (X_a, X_b)]
    return scipy.linalg.block_diag(np.hstack([ones[0], X_a]), np.hstack([ones[1], X_b]))
