"""The free class: graphs whose spectra are known in closed form, components, and agreement of solvers."""

import numpy as np
import pytest

import eigenpairs as ep
from eigenpairs.spectrum.solvers import arpack, dense

FREE = ep.Free()


def path(n):
    return ep.Relation.from_edges(np.arange(n - 1), np.arange(1, n))


def cycle(n):
    return ep.Relation.from_edges(np.arange(n), (np.arange(n) + 1) % n)


def complete(n):
    return ep.Relation.from_groups(np.zeros(n, dtype=int))


class TestClosedForms:
    @pytest.mark.parametrize("solver", [dense, arpack])
    def test_path(self, solver):
        """Random walk on a path of n: eigenvalues cos(pi k / (n - 1))."""
        rho = ep.spectrum(None, path(40), features=FREE, n_components=12, solver=solver).rho
        np.testing.assert_allclose(rho, np.cos(np.pi * np.arange(1, 13) / 39), atol=1e-10)

    @pytest.mark.parametrize("solver", [dense, arpack])
    def test_cycle(self, solver):
        """cos(2 pi k / n), every value twice."""
        rho = ep.spectrum(None, cycle(31), features=FREE, n_components=8, solver=solver).rho
        np.testing.assert_allclose(rho, np.repeat(np.cos(2 * np.pi * np.arange(1, 5) / 31), 2), atol=1e-10)

    @pytest.mark.parametrize("solver", [dense, arpack])
    def test_complete(self, solver):
        rho = ep.spectrum(None, complete(20), features=FREE, n_components=6, solver=solver).rho
        np.testing.assert_allclose(rho, -1 / 19, atol=1e-12)

    def test_complete_with_self_pairs(self):
        rho = ep.spectrum(None, ep.Relation.from_labels(np.zeros(9)), features=FREE).rho
        np.testing.assert_allclose(rho, 0, atol=1e-12)

    def test_disjoint_cliques(self):
        """c cliques of n: c - 1 values of exactly 1, then -1/(n - 1)."""
        spec = ep.spectrum(None, ep.Relation.from_groups(np.arange(24) % 4), features=FREE)
        assert (spec.rho[:3] == 1).all(), "the multiplicity of 1 is not exact"
        np.testing.assert_allclose(spec.rho[3:], -1 / 5, atol=1e-12)
        assert spec.rank == 23

    def test_samples_weighting_is_the_unnormalised_laplacian(self):
        """rho = 1 - lambda N / sum(d), L f = lambda f; a path's lambda is 2 - 2 cos(pi k / n)."""
        n = 30
        rho = ep.spectrum(None, path(n), features=FREE, weighting="samples").rho
        laplacian = 2 - 2 * np.cos(np.pi * np.arange(1, n) / n)
        np.testing.assert_allclose(rho, 1 - laplacian * n / (2 * (n - 1)), atol=1e-12)
        assert rho[-1] < -1, "with uniform weights rho may fall below -1"


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
def test_modes_solve_the_problem_and_are_orthonormal(weighting):
    rng = np.random.default_rng(0)
    G = ep.Relation.from_edges(rng.integers(0, 60, 150), rng.integers(60, 120, 150), rng.random(150), n_samples=123)
    spec = ep.spectrum(None, G, features=FREE, weighting=weighting, n_components=20)
    connected = G.degrees > 0
    weight = G.degrees / G.total if weighting == "pairs" else connected / connected.sum()
    phi = spec.transform(None)
    np.testing.assert_allclose(phi.T @ (weight[:, None] * phi), np.eye(20), atol=1e-9)
    np.testing.assert_allclose(weight @ phi, 0, atol=1e-10, err_msg="modes are not orthogonal to the constant")
    energy = [G.dirichlet(phi[:, [k]]) / G.total for k in range(20)]
    np.testing.assert_allclose(energy, 2 * (1 - spec.rho), atol=1e-9, err_msg="E|phi - phi+|^2 is not 2 (1 - rho)")
    assert (phi[~connected] == 0).all(), "isolated rows are not placed at the mean"


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
def test_components_give_exact_ones_and_constant_modes(weighting):
    sizes = [7, 3, 12, 5]
    G = ep.Relation.from_groups(np.repeat(np.arange(4), sizes)) + ep.Relation.from_edges([0], [1], n_samples=27)
    spec = ep.spectrum(None, G, features=FREE, weighting=weighting)
    assert np.count_nonzero(spec.rho == 1) == 3
    phi = spec.transform(None)[:, :3]
    for c in range(4):
        assert np.ptp(phi[np.repeat(np.arange(4), sizes) == c], axis=0).max() < 1e-12, "not constant on a component"


def test_more_components_than_modes():
    with pytest.warns(UserWarning, match=r"500 components, so all 10 modes only tell components apart"):
        spec = ep.spectrum(None, ep.Relation.from_views(500, 2), features=FREE, n_components=10)
    assert (spec.rho == 1).all() and spec.n_modes == 10
    phi = spec.transform(None)
    np.testing.assert_allclose(phi.T @ phi / 1000, np.eye(10), atol=1e-12)


def test_dense_and_arpack_agree_on_a_neighbour_graph():
    t = np.random.default_rng(0).uniform(0, 3, (600, 1))
    roll = np.column_stack([t[:, 0] * np.cos(3 * t[:, 0]), t[:, 0] * np.sin(3 * t[:, 0])])
    G = ep.Relation.from_neighbors(roll, k=6)
    for weighting in ("pairs", "samples"):
        a, b = (
            ep.spectrum(None, G, features=FREE, n_components=10, weighting=weighting, solver=s) for s in (dense, arpack)
        )
        np.testing.assert_allclose(a.rho, b.rho, atol=1e-10)
        np.testing.assert_allclose(
            np.abs(a.values.T @ b.values).max(axis=1), np.abs(a.values.T @ a.values).max(axis=1), rtol=1e-4
        )


def test_residuals_are_small_against_the_gap():
    """A long path has 1 - rho of 1e-5: a residual that is small against 1 alone would mean nothing."""

    found = {}

    def watched(operator, k, tol, seed):
        found["pairs"] = arpack(operator, k, tol, seed)
        return found["pairs"]

    ep.spectrum(None, path(700), features=FREE, n_components=5, tol=1e-4, solver=watched)
    pairs = found["pairs"]
    assert (pairs.residuals <= 1e-4 * (1 - pairs.values)).all()


class TestRepeatedEigenvalues:
    """Lanczos may converge without all copies of a repeated eigenvalue, with every residual tiny."""

    def test_hypercube(self):
        """Dimension d: values 1 - 2 k / d with multiplicity d choose k."""
        d = 11
        corner = np.repeat(np.arange(2**d), d)
        other = corner ^ (1 << np.tile(np.arange(d), 2**d))
        once = corner < other
        G = ep.Relation.from_edges(corner[once], other[once])
        rho = ep.spectrum(None, G, features=FREE, n_components=20, solver=arpack).rho
        np.testing.assert_allclose(rho, [1 - 2 / d] * 11 + [1 - 4 / d] * 9, atol=1e-8)

    def test_copies_of_one_graph(self):
        """Three copies: two values of exactly 1, then each of the graph's values three times."""
        rng = np.random.default_rng(0)
        i, j = rng.integers(0, 600, 2400), rng.integers(0, 600, 2400)
        i, j = i[i != j], j[i != j]
        one = ep.spectrum(None, ep.Relation.from_edges(i, j, n_samples=600), features=FREE, n_components=2)
        shift = 600 * np.repeat(np.arange(3), len(i))
        three = ep.Relation.from_edges(np.tile(i, 3) + shift, np.tile(j, 3) + shift, n_samples=1800)
        rho = ep.spectrum(None, three, features=FREE, n_components=8, solver=arpack).rho
        np.testing.assert_allclose(rho, np.concatenate([[1, 1], np.repeat(one.rho, 3)]), atol=1e-8)


def test_edge_weights_of_extreme_ratio_are_isolated_not_nan():
    G = ep.Relation.from_edges([0, 1, 3], [1, 2, 4], [1e300, 1e300, 1e-300])
    spec = ep.spectrum(None, G, features=FREE)
    assert np.isfinite(spec.transform(None)).all() and spec.n_modes == 2
    with pytest.raises(ValueError, match="sum to infinity"):
        ep.Relation.from_edges([0, 0, 0], [1, 2, 3], [1e308] * 3)


def test_an_unreachable_tolerance_is_an_error_not_a_guess():
    with pytest.raises(RuntimeError, match=r"raise tol|ask for fewer"):
        ep.spectrum(None, path(900), features=FREE, n_components=4, tol=1e-16, solver=arpack)


def test_laplacian_eigenmaps_of_scikit_learn():
    from sklearn.manifold import spectral_embedding

    rng = np.random.default_rng(0)
    G = ep.Relation.from_neighbors(rng.standard_normal((150, 3)), k=8)
    theirs = spectral_embedding(G.to_sparse(), n_components=3, drop_first=True, random_state=0)
    ours = ep.spectrum(None, G, features=FREE, n_components=3).transform(None)
    for k in range(3):
        cosine = abs(ours[:, k] @ theirs[:, k]) / np.linalg.norm(ours[:, k]) / np.linalg.norm(theirs[:, k])
        assert cosine == pytest.approx(1, abs=1e-5)


def test_free_has_no_value_for_new_rows():
    spec = ep.spectrum(None, cycle(10), features=FREE)
    with pytest.raises(ValueError, match="fitted rows only"):
        spec.transform(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="with Free pass X=None"):
        ep.spectrum(np.zeros((4, 2)), cycle(10), features=FREE)
    assert spec.embed(ep.VICReg(1, 1, form="least-squares"), 3).transform().shape == (10, 3)


def test_vicreg_on_cliques_is_the_class_code():
    """G = YY^T with least-squares VICReg: every class becomes a point, whitened (supervised solution)."""
    y = np.repeat(np.arange(3), [4, 6, 5])
    spec = ep.spectrum(None, ep.Relation.from_labels(y), features=FREE)
    Z = spec.embed(ep.VICReg(1.0, 1.0, form="least-squares"), 2).transform()
    np.testing.assert_allclose(np.cov(Z.T, bias=True), np.eye(2), atol=1e-10)
    for c in range(3):
        np.testing.assert_allclose(Z[y == c], Z[y == c][:1].repeat((y == c).sum(), axis=0), atol=1e-10)
