"""Kernel features: the kernel is reproduced, the spectrum is the kernel's own, and choices are what they say."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import pairwise_kernels

import eigenpairs as ep
from eigenpairs.features import Kernel
from eigenpairs.features.kernel import KERNELS, OF_DIFFERENCES
from eigenpairs.features.landmarks import median_gamma, pivoted_cholesky

BOTH_WAYS = [Kernel(n_landmarks=20), Kernel(n_landmarks=20, approximation="fourier")]


def exact(features, X, Y):
    """k(X, Y) by scikit-learn itself; `features.gamma` is a number."""
    parameters = {"gamma": features.gamma, "degree": features.degree, "coef0": features.coef0}
    return pairwise_kernels(X, Y, metric=features.kernel, filter_params=True, **parameters)


def views(n_sources, n_columns, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n_sources, n_columns))
    X = np.concatenate([source + noise * rng.standard_normal(source.shape) for _ in range(2)])
    return X, ep.Relation.from_views(n_sources, 2)


class TestTheKernelIsReproduced:
    @settings(max_examples=60, deadline=None)
    @given(
        kernel=st.sampled_from(KERNELS),
        n=st.integers(1, 40),
        d=st.integers(1, 60),
        copies=st.integers(1, 3),
        size=st.sampled_from([1e-3, 1.0, 1e3]),
        seed=st.integers(0, 2**20),
    )
    def test_on_landmarks(self, kernel, n, d, copies, size, seed):
        X = size * np.repeat(np.random.default_rng(seed).standard_normal((n, d)), copies, axis=0)
        features = Kernel(kernel, gamma=0.5 / d / size, random_state=seed)
        feature_map = features.fitted(X)
        Phi, K = feature_map(X), exact(features, X, X)
        assert feature_map.n_columns <= n, "a duplicate was kept as a landmark"
        np.testing.assert_allclose(
            Phi @ Phi.T, K, rtol=0, atol=1e-8 * K.max(), err_msg="inner products are not the kernel"
        )

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_between_any_row_and_a_landmark(self, kernel):
        X = np.random.default_rng(0).standard_normal((300, 4))
        features = Kernel(kernel, n_landmarks=30, gamma=0.3)
        feature_map = features.fitted(X)
        points = feature_map.points + feature_map.origin
        assert len(points) <= 30
        np.testing.assert_allclose(feature_map(X) @ feature_map(points).T, exact(features, X, points), atol=1e-8)

    def test_landmarks_that_the_others_explain_are_dropped(self):
        X = np.random.default_rng(0).standard_normal((200, 3))
        assert Kernel("linear").fitted(X).n_columns == 3, "three columns span all linear functions"
        assert Kernel("polynomial", degree=2).fitted(X).n_columns == 10, "quadratics in three variables are ten"

    def test_the_factor_is_clean(self):
        """LAPACK leaves old numbers above the diagonal and behind the rank; none of them may survive."""
        A = np.random.default_rng(0).standard_normal((40, 7))
        K = A @ A.T
        kept, inverse = pivoted_cholesky(K.copy())
        assert len(kept) == 7 and np.array_equal(inverse, np.tril(inverse))
        np.testing.assert_allclose(inverse @ K[np.ix_(kept, kept)] @ inverse.T, np.eye(7), atol=1e-10)

    @pytest.mark.parametrize("kernel", OF_DIFFERENCES)
    def test_fourier_error_falls_like_one_over_the_root_of_columns(self, kernel):
        X = np.random.default_rng(0).standard_normal((40, 3))
        sizes, errors = [2**7, 2**9, 2**11, 2**13], []
        for size in sizes:
            total = 0.0
            for seed in range(8):
                features = Kernel(kernel, size, "fourier", gamma=0.2, random_state=seed)
                Phi = features.fitted(X)(X)
                np.testing.assert_allclose(np.sum(Phi**2, axis=1), 1, err_msg="k(x, x) is not 1")
                total += np.mean((Phi @ Phi.T - exact(features, X, X)) ** 2)
            errors.append(np.sqrt(total / 8))
        slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        assert slope == pytest.approx(-0.5, abs=0.1), f"errors {errors} do not fall like 1/sqrt(D)"
        assert errors[-1] < 1 / np.sqrt(sizes[-1]), (
            f"another kernel? The error with {sizes[-1]} columns is {errors[-1]}"
        )

    @pytest.mark.parametrize("features", [Kernel("rbf", 60), Kernel("laplacian", 60), Kernel("rbf", 60, "fourier")])
    def test_a_far_origin_costs_no_digits(self, features):
        X = np.random.default_rng(0).standard_normal((60, 3))
        K, far = (Phi @ Phi.T for Phi in (features.fitted(Y)(Y) for Y in (X, X + 1e6)))
        np.testing.assert_allclose(far, K, atol=1e-7, err_msg="a kernel of differences depends on the mean")


class TestTheSpectrumIsTheKernels:
    """In the span of k(., x_j) a function with coefficients a has values K a and squared norm a^T K a."""

    @pytest.mark.parametrize("kernel", ["polynomial", "linear"])
    def test_without_a_ridge(self, kernel):
        X, G = views(60, 3)
        features = Kernel(kernel, gamma=0.5, degree=2)
        values, vectors = scipy.linalg.eigh(exact(features, X, X))
        F = vectors[:, values > 1e-9 * values[-1]]  # the values that functions of the span can take
        F = scipy.linalg.orth(F - F.mean(axis=0), rcond=1e-9)
        expected = np.linalg.eigvalsh(F.T @ np.roll(F, 60, axis=0))[::-1]
        spec = ep.spectrum(X, G, features)
        assert spec.rank == len(expected)
        np.testing.assert_allclose(spec.rho, expected, atol=1e-8)

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
    def test_with_a_ridge(self, kernel):
        X, G = views(30, 3)
        features = Kernel(kernel, gamma=0.4, ridge=0.3)
        n, K = len(X), exact(features, X, X)
        root = scipy.linalg.sqrtm(K).real
        centred = root - root.mean(axis=0)
        S, C = centred.T @ centred / n, centred.T @ np.roll(centred, 30, axis=0) / n
        S_ridge = S + 0.3 * np.trace(S) / n * np.eye(n)
        expected = scipy.linalg.eigh(C, S_ridge, eigvals_only=True)[::-1]
        spec = ep.spectrum(X, G, features)
        np.testing.assert_allclose(spec.rho[:20], expected[:20], atol=1e-8)

    def test_the_linear_kernel_is_linear(self):
        X, G = views(200, 5)
        X = X @ np.random.default_rng(1).standard_normal((5, 5)) + 2
        np.testing.assert_allclose(ep.spectrum(X, G, Kernel("linear")).rho, ep.spectrum(X, G).rho, atol=1e-10)

    def test_fewer_rows_than_columns(self):
        X, G = views(10, 100)
        spec = ep.spectrum(X, G, Kernel(ridge=0.1))
        assert spec.rank == 19, "20 centred rows span 19 dimensions"
        np.testing.assert_allclose(
            ep.spectrum(X, G, Kernel("linear", ridge=0.1)).rho,
            ep.spectrum(X @ np.linalg.svd(X, full_matrices=False)[2].T, G, ep.Linear(0.1)).rho,
            atol=1e-10,
            err_msg="the linear kernel of 20 rows is not linear in their 20 principal coordinates",
        )

    def test_a_ridge_is_chosen_where_landmarks_outnumber_pairs(self):
        X, G = views(40, 3)
        fresh = views(2000, 3, seed=1)
        plain, chosen = (ep.spectrum(X, G, Kernel(ridge=ridge)) for ridge in (0.0, "auto"))
        assert plain.rho[30] == pytest.approx(1, abs=1e-6), "80 functions on 80 rows fit every pair"
        assert chosen.ridge > 0
        worth = [spec.heldout(*fresh)[:3].mean() for spec in (plain, chosen)]
        assert worth[1] > worth[0] + 0.2, f"the chosen ridge did not help on other rows: {worth}"

    @pytest.mark.parametrize("how", [("nystrom", "uniform"), ("nystrom", "kmeans"), ("fourier", "uniform")], ids=str)
    def test_rings_are_found(self, how):
        """Partners share a radius, and their angles are unrelated: no linear function is invariant, the radius is."""
        rng = np.random.default_rng(0)
        radius = rng.choice([1.0, 2.0, 3.0], 3000)
        angle = rng.uniform(0, 2 * np.pi, (2, 3000))
        X = (radius * np.stack([np.cos(angle), np.sin(angle)])).reshape(2, -1).T
        G = ep.Relation.from_views(3000, 2)
        assert np.abs(ep.spectrum(X, G).rho).max() < 0.1, "a linear function survived a random turn"
        spec = ep.spectrum(X, G, Kernel("rbf", 100, *how))
        assert spec.rho[1] > 0.99, f"three rings have two invariant functions, rho is {spec.rho[:3]}"
        assert spec.rho[2] < 0.3, f"nothing else is invariant, yet rho is {spec.rho[:4]}"
        modes, rings = spec.transform(X)[:, :2], np.tile(radius, 2)
        spread = max(modes[rings == r].std(axis=0).max() for r in (1.0, 2.0, 3.0))
        assert spread < 0.15, f"the modes vary along a ring: {spread}"


class TestChoices:
    @pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
    def test_the_median_is_that_of_distances(self, kernel):
        X = np.random.default_rng(0).standard_normal((400, 3))
        difference = X[:, None] - X[None]
        distance = np.sum(difference**2, axis=2) if kernel == "rbf" else np.sum(np.abs(difference), axis=2)
        median = np.median(distance[np.triu_indices(400, 1)])
        resolved = Kernel(kernel).fitted(X).state()["gamma"]
        assert resolved == pytest.approx(1 / median), "all 400 rows fit into the sample"

    def test_duplicates_do_not_make_the_median_infinite(self):
        X = np.concatenate([np.zeros((90, 2)), np.ones((10, 2))])
        assert median_gamma(X, "sqeuclidean", np.random.default_rng(0)) == 0.5

    @pytest.mark.parametrize("features", [*BOTH_WAYS, Kernel(n_landmarks=20, landmarks="kmeans")])
    def test_the_seed_decides(self, features):
        X = np.random.default_rng(0).standard_normal((900, 4))
        first, again = features.fitted(X)(X), features.fitted(X)(X)
        np.testing.assert_array_equal(first, again)
        other = Kernel(**features.get_params() | {"random_state": 1}).fitted(X)(X)
        assert not np.allclose(first, other), "another seed gave the same features"

    def test_another_gamma_keeps_the_landmarks(self):
        X = np.random.default_rng(0).standard_normal((900, 4))
        chosen = [Kernel(n_landmarks=20, gamma=gamma).fitted(X) for gamma in ("median", 0.1, 3.0)]
        rows = [np.sort(found.points[:, 0]).tolist() for found in chosen]
        assert rows[0] == rows[1] == rows[2]

    def test_kmeans_represents_clusters_better_than_rows(self):
        rng = np.random.default_rng(0)
        X = np.repeat(10 * rng.standard_normal((40, 5)), 100, axis=0) + 0.1 * rng.standard_normal((4000, 5))
        missed = {}
        for landmarks in ("uniform", "kmeans"):
            Phi = Kernel(n_landmarks=40, landmarks=landmarks, gamma=0.01).fitted(X)(X)
            missed[landmarks] = 1 - np.mean(np.sum(Phi**2, axis=1))  # of k(x, x) = 1
        assert missed["kmeans"] < 0.5 * missed["uniform"], missed

    def test_a_map_does_not_follow_later_changes(self):
        X = np.random.default_rng(0).standard_normal((50, 3))
        features = Kernel(n_landmarks=10)
        feature_map = features.fitted(X)
        before = feature_map(X)
        features.set_params(kernel="linear")
        np.testing.assert_array_equal(feature_map(X), before)

    def test_it_is_a_value(self):
        assert Kernel() == Kernel() and Kernel("linear") != Kernel()
        assert eval(repr(Kernel(gamma=2.0, ridge="auto"))) == Kernel(gamma=2.0, ridge="auto")
        assert Kernel(**Kernel(degree=2).get_params()) == Kernel(degree=2)


@pytest.mark.parametrize(
    "features",
    [
        *(Kernel(kernel, 30) for kernel in KERNELS),
        Kernel(landmarks="kmeans", n_landmarks=30),
        Kernel("rbf", 30, "fourier"),
        Kernel("laplacian", 30, "fourier", gamma=2.0),
    ],
    ids=repr,
)
def test_saved_and_loaded(features, tmp_path):
    X, G = views(200, 4)
    emb = ep.spectrum(X, G, features, n_components=3).embed(ep.Whitening(), 2)
    ep.save(emb, tmp_path / "model")
    again = ep.load(tmp_path / "model")
    assert again.spectrum.features == features
    fresh = np.random.default_rng(1).standard_normal((50, 4))
    np.testing.assert_array_equal(again.transform(fresh), emb.transform(fresh), err_msg="the map changed on disk")
    feature_map = features.fitted(X)
    rebuilt = features.restored(4, feature_map.state())
    np.testing.assert_array_equal(rebuilt(fresh), feature_map(fresh), err_msg="state() does not hold the whole map")
    assert all(value.dtype == np.float64 for value in feature_map.state().values())


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (ValueError, "kernel = 'sigmoid' is not positive semi-definite.*choose from 'rbf'", {"kernel": "sigmoid"}),
        (ValueError, "kernel = 'gaussian' is unknown; choose from 'rbf'", {"kernel": "gaussian"}),
        (ValueError, "n_landmarks = 0 is too small", {"n_landmarks": 0}),
        (TypeError, "n_landmarks = 10.0 is not a whole number", {"n_landmarks": 10.0}),
        (ValueError, "approximation = 'exact' is unknown", {"approximation": "exact"}),
        (ValueError, "landmarks = 'grid' is unknown", {"landmarks": "grid"}),
        (ValueError, "gamma = 0.0 is not allowed; give a finite number above 0", {"gamma": 0.0}),
        (ValueError, "gamma = 'scale' is unknown; give a number above 0, or 'median'", {"gamma": "scale"}),
        (TypeError, "gamma = None is not a number", {"gamma": None}),
        (ValueError, "degree = 0 is too small", {"degree": 0}),
        (TypeError, "degree = 2.5 is not a whole number", {"degree": 2.5}),
        (ValueError, "coef0 = -1 is not allowed", {"coef0": -1}),
        (ValueError, "ridge = -1 is not allowed", {"ridge": -1}),
        (TypeError, "ridge = 'some' is not a number", {"ridge": "some"}),
        (ValueError, "random_state = -1 is too small", {"random_state": -1}),
        (
            ValueError,
            "needs a kernel of differences.*'polynomial'",
            {"kernel": "polynomial", "approximation": "fourier"},
        ),
        (ValueError, "landmarks = 'kmeans' has no meaning", {"landmarks": "kmeans", "approximation": "fourier"}),
        (ValueError, "n_landmarks = 7 is odd.*such as 8", {"n_landmarks": 7, "approximation": "fourier"}),
    ],
)
def test_parameters_that_are_not_allowed(error, message, given):
    with pytest.raises(error, match=message):
        Kernel(**given)
    features = Kernel()
    with pytest.raises(error, match=message):
        features.set_params(**given)
    assert features == Kernel(), "a refused change left a trace"
