"""Embedding: gains on modes, widths against the class, held-out correlations."""

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep

RHO = [0.9, 0.7, 0.5, 0.2, -0.1]


@pytest.fixture
def fitted():
    X, G = rows_with_correlations(RHO)
    return ep.spectrum(X, G), X, G


def test_covariance_is_the_gains_in_a_rotated_frame(fitted):
    spec, X, _ = fitted
    emb = spec.embed(ep.VICReg(1.0, 25.0, 1.0), 4)
    Z = emb.transform(X)
    cov = np.cov(Z.T, bias=True)
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(cov))[::-1], np.sort(emb.optimum.gains)[::-1], atol=1e-10)
    np.testing.assert_allclose(np.diag(cov), np.trace(cov) / 4, atol=1e-10, err_msg="columns differ in variance")


def test_an_optimum_of_another_problem_is_not_called_exact():
    """With a ridge, or equal weights on unequal degrees, the spectrum is not that of the loss on the pairs."""
    X, G = rows_with_correlations(RHO)
    star = ep.Relation.from_edges(np.zeros(len(X) - 1), np.arange(1, len(X)))
    for spec in (ep.spectrum(X, G, features=ep.Linear(ridge=0.5)), ep.spectrum(X, star, weighting="samples")):
        best = spec.embed(ep.VICReg(), 3).optimum
        assert not best.exact and np.isnan(best.lower_bound) and "the loss on the pairs themselves differs" in best.note
    assert ep.spectrum(X, G, weighting="samples").embed(ep.VICReg(), 4).optimum.exact, "all degrees are equal here"


def test_components_reproduce_transform(fitted):
    spec, X, _ = fitted
    emb = spec.embed(ep.Whitening(), 3)
    np.testing.assert_allclose(emb.transform(X), (X - spec.mean) @ emb.components.T, atol=1e-12)
    assert emb.n_components == 3
    np.testing.assert_allclose(emb.transform(), emb.transform(X))


def test_width_beyond_the_class_is_reduced_with_a_warning(fitted):
    spec, *_ = fitted
    with pytest.warns(UserWarning, match="n_components = 9 exceeds the rank 5 of the class"):
        assert spec.embed(ep.VICReg(), 9).n_components == 5


def test_a_truncated_spectrum_says_how_many_modes_to_compute():
    X, G = rows_with_correlations(RHO)
    spec = ep.spectrum(X, G, n_components=2)
    assert spec.rank == 5 and spec.n_modes == 2
    with pytest.raises(ValueError, match=r"holds 2 of 5; compute it with ep.spectrum\(..., n_components=4\)"):
        spec.embed(ep.VICReg(), 4)
    assert spec.embed(ep.SpectralContrastive()).n_components == 3, "two modes and the constant"


def test_heldout_correlation_shows_the_overfit():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((1000, 30))
    views = source + rng.standard_normal((2, 1000, 30))
    X = lambda rows: np.concatenate([views[0, rows], views[1, rows]])  # noqa: E731
    spec = ep.spectrum(X(slice(0, 60)), ep.Relation.from_views(60, 2))
    heldout = spec.heldout(X(slice(100, 1000)), ep.Relation.from_views(900, 2))
    np.testing.assert_allclose(heldout, 0.5, atol=0.1, err_msg="every direction has correlation 1/2")
    assert spec.rho[0] > 0.7, "in sample, the best of 30 directions looks better than it is"
    np.testing.assert_allclose(spec.heldout(X(slice(0, 60)), ep.Relation.from_views(60, 2)), spec.rho, atol=1e-10)


def test_heldout_needs_pairs(fitted):
    spec, X, G = fitted
    with pytest.raises(ValueError, match="split by groups"):
        spec.heldout(X[:3], G[:3])
    with pytest.raises(ValueError, match=r"relation has \d+ rows and X has 3"):
        spec.heldout(X[:3], G)


def test_wrong_columns_are_refused(fitted):
    spec, *_ = fitted
    with pytest.raises(ValueError, match="X has 3 columns, the model was fitted on 5"):
        spec.transform(np.zeros((2, 3)))
    assert spec.transform(np.zeros((0, 5))).shape == (0, 5)


def test_results_repeat_and_signs_are_fixed(fitted):
    spec, X, G = fitted
    again = ep.spectrum(X.copy(), G)
    np.testing.assert_array_equal(spec.weights, again.weights)
    np.testing.assert_array_equal(spec.embed(ep.BarlowTwins(1.0), 3).map, again.embed(ep.BarlowTwins(1.0), 3).map)


def test_reprs_are_for_people(fitted):
    spec, *_ = fitted
    assert repr(spec) == "Spectrum(Linear: 5 of 5 modes, rho = 0.900, 0.700, 0.500, 0.200, ...)"
    assert "exact" in repr(spec.embed(ep.VICReg(), 4))
    assert spec._repr_html_().count("<rect") == 5
    assert spec.embed(ep.Whitening(), 2)._repr_html_().count("<svg") == 2
