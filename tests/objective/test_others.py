"""Spectral contrastive and whitening: identities of their own."""

import numpy as np
import pytest
import scipy.linalg
from scipy.optimize import minimize
from support import rows_with_correlations, spectra

import eigenpairs as ep


def test_spectral_contrastive_is_the_all_pairs_formula():
    rng = np.random.default_rng(0)
    Z, G = rng.standard_normal((30, 4)), ep.Relation.from_groups(rng.integers(0, 8, 30))
    matrix, pi = G.to_sparse().toarray(), G.degrees / G.total
    dots = Z @ Z.T
    expected = -2 * np.sum(matrix * dots) / G.total + np.sum(np.outer(pi, pi) * dots**2)
    assert float(ep.SpectralContrastive().loss(Z, G)) == pytest.approx(expected)


def test_spectral_contrastive_per_view_is_the_authors_code():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 12, 4))
    squares = (x @ y.T) ** 2
    expected = -2 * np.mean(np.sum(x * y, axis=1)) + (squares.sum() - np.trace(squares)) / (12 * 11)
    found = ep.SpectralContrastive().loss(np.concatenate([x, y]), ep.Relation.from_views(12, 2), per_view=True)
    assert float(found) == pytest.approx(expected)


def test_spectral_contrastive_factorises_the_pair_operator():
    X, G = rows_with_correlations([0.9, 0.5, -0.4])
    spec = ep.spectrum(X, G)
    Z = spec.embed(ep.SpectralContrastive(), 3).transform(X)
    np.testing.assert_allclose(Z[:, 0], 1.0, err_msg="the constant does not come first")
    modes = spec.transform(X)
    expected = 1 + (modes[:, :2] * spec.rho[:2]) @ modes[:, :2].T
    np.testing.assert_allclose(Z @ Z.T, expected, atol=1e-10, err_msg="Z Z^T is not the best factorisation")


def test_spectral_contrastive_agrees_with_an_independent_solver():
    """Descent on |A A^T - R|^2 - |R|^2 over the constant and 8 modes, whose only minima are global, on 20 spectra."""
    rng = np.random.default_rng(0)
    for rho in spectra(seed=31, count=20, modes=8):
        R = np.concatenate([[1.0], rho])[:, None]

        def value(flat, R=R):
            A = flat.reshape(9, 4)
            return np.sum((A.T @ A) ** 2) - 2 * np.sum(R * A**2), (4 * (A @ (A.T @ A)) - 4 * R * A).ravel()

        options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 5000}
        runs = [
            minimize(value, rng.standard_normal(36), jac=True, method="L-BFGS-B", options=options) for _ in range(2)
        ]
        best = ep.SpectralContrastive().optimum(rho, 4).loss
        assert min(run.fun for run in runs) == pytest.approx(best, rel=1e-6), f"rho = {rho}"


def test_whitening_agrees_with_an_independent_solver():
    """2 (K - the K largest generalised eigenvalues) of mixed columns, by scipy, on 20 spectra."""
    rng = np.random.default_rng(0)
    for rho in spectra(seed=32, count=20, modes=8):
        X, _ = rows_with_correlations(rho)
        X = X @ rng.standard_normal((8, 8))
        n = len(X) // 2
        cross = X[:n].T @ X[n:]
        values = scipy.linalg.eigh(cross + cross.T, X.T @ X, eigvals_only=True)
        assert ep.Whitening().optimum(rho, 4).loss == pytest.approx(2 * np.sum(1 - values[-4:]), rel=1e-6, abs=1e-9)


def test_whitening_depends_on_the_span_alone():
    rng = np.random.default_rng(0)
    Z, G = rng.standard_normal((60, 4)), ep.Relation.from_views(30, 2)
    loss = ep.Whitening().loss(Z, G)
    for mix in (rng.standard_normal((4, 4)), np.diag([1e-5, 1.0, 1e4, 3.0])):
        assert ep.Whitening().loss(Z @ mix, G) == pytest.approx(loss, rel=1e-7)


def test_modes_below_minus_one_are_left_out_of_whitening():
    """weighting="samples" can give rho < -1; then leaving the mode out (cost 4) is cheaper than 2 (1 - rho)."""
    best = ep.Whitening().optimum([0.5, -3.0])
    assert best.loss == pytest.approx(5.0) and best.rank == 1
    assert ep.Whitening().population_loss(best.map(), np.array([0.5, -3.0])) == pytest.approx(5.0)


def test_spectral_contrastive_per_view_survives_large_rows():
    rng = np.random.default_rng(0)
    Z = (1e9 * rng.standard_normal((24, 4))).astype(np.float32)
    G = ep.Relation.from_views(12, 2)
    found = float(ep.SpectralContrastive().loss(Z, G, per_view=True))
    assert found == pytest.approx(float(ep.SpectralContrastive().loss(Z.astype(float), G, per_view=True)), rel=1e-4)


def test_dropping_directions_never_pays_in_whitening():
    rng = np.random.default_rng(0)
    X, G = rows_with_correlations([0.9, 0.2, -0.8])
    best = ep.Whitening().optimum([0.9, 0.2, -0.8])
    for rank in (1, 2, 3):
        Z = X @ rng.standard_normal((3, rank)) @ rng.standard_normal((rank, 3))
        assert ep.Whitening().loss(Z, G) >= best.loss - 1e-9
