"""Weights of rows: moments equal the materialised problem, and lose no digits."""

import numpy as np
import pytest
import scipy.linalg
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs.spectrum import reader

N = 120
RNG = np.random.default_rng(0)
WEIGHTS = RNG.permutation(np.concatenate([np.zeros(20), RNG.uniform(0.1, 3, N - 20)]))
RELATIONS = {
    "views": ep.Relation.from_views(N // 2, 2),
    "three views": ep.Relation.from_views(N // 3, 3),
    "groups": ep.Relation.from_groups(np.random.default_rng(1).integers(-1, N // 3, N)),
    "labels": ep.Relation.from_labels(np.random.default_rng(1).integers(-1, 4, N)),
    "a large clique": ep.Relation.from_groups(np.zeros(N, dtype=int)) + ep.Relation.from_views(N // 2, 2),
    "edges": ep.Relation.from_sequence(N, 2),
    "mixture": ep.Relation.from_views(N // 2, 2) + 0.3 * ep.Relation.from_labels(np.arange(N) % 5),
}


@pytest.fixture
def X():
    return np.random.default_rng(0).standard_normal((N, 5)) @ np.random.default_rng(2).standard_normal((5, 5)) + 3


def materialised(X, G, w, weighting):
    """rho by scipy's generalised solver on diag(w) G diag(w)."""
    matrix = np.diag(w) @ G.to_sparse().toarray() @ np.diag(w)
    d = matrix.sum(axis=1)
    pi = d / d.sum() if weighting == "pairs" else (d > 0) / np.count_nonzero(d)
    Xc = X - pi @ X
    M = X.T @ (np.diag(d) - matrix) @ X / d.sum()
    return 1 - scipy.linalg.eigh(M, Xc.T @ (pi[:, None] * Xc), eigvals_only=True)


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_agrees_with_the_materialised_problem(kind, weighting, X, monkeypatch):
    G = RELATIONS[kind]
    for chunk_bytes in (reader.CHUNK_BYTES, 64):  # everything at once, and large cliques in two passes
        monkeypatch.setattr(reader, "CHUNK_BYTES", chunk_bytes)
        found = ep.spectrum(X, G.weighted(WEIGHTS), weighting=weighting).rho
        np.testing.assert_allclose(found, materialised(X, G, WEIGHTS, weighting), atol=1e-10)


@pytest.mark.parametrize("kind", RELATIONS)
class TestMeaning:
    def test_scaling_all_weights_changes_nothing(self, kind, X):
        G = RELATIONS[kind]
        expected = ep.spectrum(X, G.weighted(WEIGHTS))
        for scale in (1e-6, 7.0, 1e6):
            found = ep.spectrum(X, G.weighted(scale * WEIGHTS))
            np.testing.assert_allclose(found.rho, expected.rho, atol=1e-12)
            np.testing.assert_allclose(found.mean, expected.mean, atol=1e-12)

    def test_weight_zero_is_dropping_the_row(self, kind, X):
        G, kept = RELATIONS[kind], WEIGHTS > 0
        found, expected = ep.spectrum(X, G.weighted(kept)), ep.spectrum(X[kept], G[kept])
        np.testing.assert_allclose(found.rho, expected.rho, atol=1e-11)
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-11)

    def test_what_a_dropped_row_holds_does_not_matter(self, kind, X):
        broken = np.where(WEIGHTS[:, None] > 0, X, np.nan)
        G = RELATIONS[kind].weighted(WEIGHTS)
        np.testing.assert_allclose(ep.spectrum(broken, G).rho, ep.spectrum(X, G).rho, atol=1e-12)

    def test_whole_weights_are_repeated_rows(self, kind, X):
        counts = np.random.default_rng(3).integers(0, 4, N)
        rows = np.repeat(np.arange(N), counts)
        weighted = ep.spectrum(X, RELATIONS[kind].weighted(counts))
        repeated = ep.spectrum(X[rows], RELATIONS[kind][rows])
        np.testing.assert_allclose(weighted.rho, repeated.rho, atol=1e-11)
        np.testing.assert_allclose(weighted.mean, repeated.mean, atol=1e-11)

    def test_equal_weights_are_none(self, kind, X):
        once = np.ones(N)
        once[0] = 1 + 1e-15  # not quite equal: the way through the masses
        for w in (np.ones(N), once):
            found = ep.spectrum(X, RELATIONS[kind].weighted(w)).rho
            np.testing.assert_allclose(found, ep.spectrum(X, RELATIONS[kind]).rho, atol=1e-12)

    def test_the_loss_is_that_of_the_optimum(self, kind, X):
        G = RELATIONS[kind].weighted(WEIGHTS)
        emb = ep.spectrum(X, G).embed(ep.VICReg(), 3)
        assert float(ep.VICReg().loss(emb.transform(X), G)) == pytest.approx(emb.optimum.loss)


@pytest.mark.parametrize(("kind", "share"), [("groups", 1.0), ("labels", 0.5)])
def test_nearly_perfect_pairs_keep_their_digits(kind, share):
    """1 - rho = 1e-13: differences within a clique, not the difference of two moments."""
    X, _ = rows_with_correlations(1 - np.array([1e-13, 1e-9, 1e-5]), n_sources=500)
    w = np.random.default_rng(0).uniform(0.5, 2, 500)  # of a source: both views count alike
    G = getattr(ep.Relation, f"from_{kind}")(np.tile(np.arange(500), 2)).weighted(np.tile(w, 2))
    difference = X[:500] - X[500:]
    M = (
        share * (w[:, None] ** 2 * difference).T @ difference / (2 * np.sum(w**2))
    )  # labels: half the pairs are of one row
    exact = scipy.linalg.eigh(M, _covariance(X, np.tile(w**2, 2)), eigvals_only=True)
    np.testing.assert_allclose(1 - ep.spectrum(X, G).rho, exact, rtol=1e-3)


def test_large_tight_classes_keep_their_digits(monkeypatch):
    """A class read in two passes, in chunks of 64 rows."""
    rng = np.random.default_rng(0)
    y, w = np.arange(1000) % 2, rng.uniform(0.5, 2, 1000)
    X = (2.0 * y - 1)[:, None] + 1e-7 * rng.standard_normal((1000, 1)) + 10
    monkeypatch.setattr(reader, "CHUNK_BYTES", 8)
    means = np.array([np.average(X[y == c], axis=0, weights=w[y == c]) for c in (0, 1)])
    within = np.average((X - means[y])[:, 0] ** 2, weights=w)
    rho = ep.spectrum(X, ep.Relation.from_labels(y, w)).rho
    np.testing.assert_allclose(1 - rho, within / _covariance(X, w)[0], rtol=1e-2)


def _covariance(X, weight):
    centred = X - np.average(X, axis=0, weights=weight)
    return (weight[:, None] * centred).T @ centred / weight.sum()


def test_a_ridge_is_chosen_on_weighted_folds():
    X, G = rows_with_correlations([0.9, 0.5, 0.1], n_sources=60)
    spec = ep.spectrum(X, G.weighted(WEIGHTS), ep.Linear(ridge="auto"))
    assert spec.ridge > 0 and np.isfinite(spec.rho).all()
    kept = WEIGHTS > 0
    same = ep.spectrum(X, G.weighted(kept), ep.Linear(ridge=0.1)).rho
    np.testing.assert_allclose(same, ep.spectrum(X[kept], G[kept], ep.Linear(ridge=0.1)).rho, atol=1e-11)


def test_weights_of_labels_are_weighted_lda():
    X, y = np.random.default_rng(0).standard_normal((60, 3)), np.arange(60) % 3
    counts = np.random.default_rng(1).integers(1, 4, 60)
    rows = np.repeat(np.arange(60), counts)
    weighted, repeated = ep.Relation.from_labels(y, counts), ep.Relation.from_labels(y[rows])
    np.testing.assert_allclose(ep.spectrum(X, weighted).rho, ep.spectrum(X[rows], repeated).rho, atol=1e-12)


def test_the_free_class_weighs_rows_too():
    G = ep.Relation.from_sequence(20, 2)
    w = np.random.default_rng(0).uniform(0.5, 2, 20)
    matrix = np.diag(w) @ G.to_sparse().toarray() @ np.diag(w)
    d = np.sqrt(matrix.sum(axis=1))
    expected = np.linalg.eigvalsh(matrix / np.outer(d, d))[::-1][1:]
    np.testing.assert_allclose(ep.spectrum(None, G.weighted(w), ep.Free()).rho, expected, atol=1e-10)


def test_pairs_between_towers_are_weighted():
    rng = np.random.default_rng(0)
    towers = ep.Towers(rng.standard_normal((40, 3)), rng.standard_normal((40, 2)))
    rows, w = np.arange(40), rng.uniform(0.1, 3, 80)
    views, edges = ep.Relation.between(rows, rows), ep.Relation.between(rows, rows, np.ones(40))
    found, expected = (ep.spectrum(towers, G.weighted(w)).rho for G in (views, edges))
    np.testing.assert_allclose(found, expected, atol=1e-11, err_msg="one to one and listed pairs weigh differently")
