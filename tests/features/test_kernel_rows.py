"""Kernel features on rows of every kind: duplicates, constants, NaN, files, tensors, chunks."""

import numpy as np
import pytest
from support import require

import eigenpairs as ep
from eigenpairs.features import Kernel
from eigenpairs.features.kernel import KERNELS, OF_DIFFERENCES

BOTH_WAYS = [Kernel(n_landmarks=20), Kernel(n_landmarks=20, approximation="fourier")]


def views(n_sources, n_columns, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n_sources, n_columns))
    X = np.concatenate([source + noise * rng.standard_normal(source.shape) for _ in range(2)])
    return X, ep.Relation.from_views(n_sources, 2)


class TestHardRows:
    @pytest.mark.parametrize("landmarks", ["uniform", "kmeans"])
    def test_fewer_distinct_rows_than_landmarks(self, landmarks):
        X = np.repeat(np.random.default_rng(0).standard_normal((30, 4)), 20, axis=0)
        features = Kernel(n_landmarks=100, landmarks=landmarks, gamma=0.3)
        feature_map = features.fitted(X)
        Phi = feature_map(X)
        assert np.isfinite(Phi).all() and feature_map.n_columns <= 100
        if landmarks == "uniform":
            assert feature_map.n_columns <= 30, "a duplicate was kept as a landmark"
        spec = ep.spectrum(X, ep.Relation.from_groups(np.repeat(np.arange(30), 20)), features)
        assert spec.rho[0] == pytest.approx(1, abs=1e-9), "partners are equal"

    @pytest.mark.parametrize("features", BOTH_WAYS)
    def test_a_constant_column_changes_no_kernel(self, features):
        X, _ = views(50, 3)
        extended = np.column_stack([X, np.full(100, 0.1)])
        if features.approximation == "nystrom":  # frequencies are drawn for all columns at once
            np.testing.assert_allclose(features.fitted(extended)(extended), features.fitted(X)(X), atol=1e-8)
        assert np.isfinite(features.fitted(extended)(extended)).all()

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian", "polynomial"])
    def test_rows_all_equal(self, kernel):
        with pytest.raises(ValueError, match="no column that varies"):
            ep.spectrum(np.ones((10, 3)), ep.Relation.from_views(5, 2), Kernel(kernel))

    def test_one_row(self):
        assert Kernel().fitted(np.ones((1, 3)))(np.ones((1, 3))) == pytest.approx(1.0)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, bool])
    def test_any_real_dtype_is_computed_in_float64(self, dtype):
        X = (3 * np.random.default_rng(0).standard_normal((80, 5))).astype(dtype)
        for features in BOTH_WAYS:
            expected = features.fitted(X.astype(np.float64))(X.astype(np.float64))
            np.testing.assert_array_equal(features.fitted(X)(X), expected)

    @pytest.mark.parametrize("features", BOTH_WAYS)
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nan_is_named_wherever_it_is(self, features, value):
        n = 3000
        X, G = np.random.default_rng(0).standard_normal((2 * n, 3)), ep.Relation.from_views(n, 2)
        sampled_all = X[:100].copy()
        sampled_all[7, 2] = value
        with pytest.raises(ValueError, match=rf"X\[7, 2\] = {value}"):
            ep.spectrum(sampled_all, ep.Relation.from_views(50, 2), features)
        clean = features.fitted(X)
        unsampled = next(row for row in range(n) if row not in _sampled(features, X))
        X[unsampled, 1] = value
        with pytest.raises(ValueError, match=rf"X\[{unsampled}, \d+\].*drop or impute"):
            ep.spectrum(X, G, features)
        Phi = clean(X[unsampled : unsampled + 2])
        assert np.isnan(Phi[0]).all() and np.isfinite(Phi[1]).all(), "NaN must stay in its own row"


def _sampled(features, X):
    """Rows that `fitted` reads."""
    read = _Counting(X)
    features.fitted(read)
    return read.rows


class _Counting:
    """An array that notes which of its rows are read."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.rows = X, X.shape, X.dtype, set()

    def __getitem__(self, rows):
        self.rows |= set(np.arange(len(self.X))[rows].tolist())
        return self.X[rows]


class TestReading:
    def test_only_the_rows_needed_are_read(self):
        X = np.random.default_rng(0).standard_normal((5000, 2))
        assert len(_sampled(Kernel(n_landmarks=700), X)) == 700
        assert len(_sampled(Kernel(n_landmarks=20), X)) == 500, "the median needs 500 rows"

    @pytest.mark.parametrize("features", [*BOTH_WAYS, Kernel(n_landmarks=20, landmarks="kmeans")])
    def test_memory_mapped_rows(self, features, tmp_path):
        X, G = views(2000, 4)
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        np.testing.assert_array_equal(ep.spectrum(mapped, G, features).rho, ep.spectrum(X, G, features).rho)

    @pytest.mark.parametrize("features", BOTH_WAYS)
    def test_tensors(self, features):
        torch = require("torch", "deep")
        X, G = views(1000, 4)
        spec = ep.spectrum(torch.as_tensor(X), G, features)
        np.testing.assert_array_equal(spec.rho, ep.spectrum(X, G, features).rho)
        assert isinstance(spec.transform(torch.as_tensor(X)), torch.Tensor)

    @pytest.mark.parametrize(
        ("kernel", "approximation"),
        [*((kernel, "nystrom") for kernel in KERNELS), *((kernel, "fourier") for kernel in OF_DIFFERENCES)],
    )
    def test_chunks_do_not_matter(self, kernel, approximation, monkeypatch):
        X = np.random.default_rng(0).standard_normal((300, 4))
        feature_map = Kernel(kernel, 30, approximation).fitted(X)
        whole = feature_map(X)
        pieces = np.concatenate([feature_map(X[start : start + 7]) for start in range(0, 300, 7)])
        np.testing.assert_allclose(pieces, whole, atol=1e-9, err_msg="columns depend on the caller's chunks")
        monkeypatch.setattr("eigenpairs.features.kernel.BLOCK_BYTES", 8)
        np.testing.assert_allclose(feature_map(X), whole, atol=1e-9, err_msg="columns depend on the map's own blocks")
        assert feature_map(X[:0]).shape == (0, feature_map.n_columns)


@pytest.mark.parametrize(
    ("message", "features", "X"),
    [
        (r"X has shape \(0, 3\)", Kernel(), np.empty((0, 3))),
        (r"X has shape \(3, 0\)", Kernel(), np.empty((3, 0))),
        ("not two dimensions", Kernel(), np.empty((3, 2, 2))),
        ("distances overflow or vanish; rescale", Kernel(), np.array([[1e200], [-1e200], [3e200]])),
        ("'polynomial' overflows", Kernel("polynomial", degree=9, gamma=1.0), np.full((5, 2), 1e40)),
        ("'linear' is 0 on all sampled rows", Kernel("linear"), np.zeros((5, 2))),
    ],
)
def test_rows_that_cannot_be_used(message, features, X):
    with pytest.raises(ValueError, match=message):
        features.fitted(X)
