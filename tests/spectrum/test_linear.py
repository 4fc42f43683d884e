"""The linear spectrum: classical special cases, the rank rule, and numbers that survive hard data."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.features.linear import LinearMap
from eigenpairs.spectrum import reader
from eigenpairs.spectrum.accumulate import pair_sums

RELATIONS = {
    "views": lambda n: ep.Relation.from_views(n // 2, 2),
    "three views": lambda n: ep.Relation.from_views(n // 3, 3),
    "groups": lambda n: ep.Relation.from_groups(np.random.default_rng(1).integers(-1, n // 3, n)),
    "labels": lambda n: ep.Relation.from_labels(np.random.default_rng(1).integers(-1, 4, n)),
    "edges": lambda n: ep.Relation.from_edges(*np.random.default_rng(1).permuted(np.arange(2 * n) % n).reshape(2, n)),
    "mixture": lambda n: ep.Relation.from_views(n // 2, 2) + 0.3 * ep.Relation.from_labels(np.arange(n) % 5),
}


def reference(X, G, weighting="pairs"):
    """rho and S by scipy's generalised solver on the materialised relation."""
    matrix = G.to_sparse().toarray()
    d = matrix.sum(axis=1)
    pi = d / d.sum() if weighting == "pairs" else (d > 0) / np.count_nonzero(d)
    Xc = X - pi @ X
    S = Xc.T @ (pi[:, None] * Xc)
    M = X.T @ (np.diag(d) - matrix) @ X / d.sum()
    return 1 - scipy.linalg.eigh(M, S, eigvals_only=True), S


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_agrees_with_the_materialised_problem(kind, weighting, monkeypatch):
    X = np.random.default_rng(0).standard_normal((120, 5)) @ np.random.default_rng(2).standard_normal((5, 5)) + 3
    G = RELATIONS[kind](120)
    expected, S = reference(X, G, weighting)
    for chunk_bytes in (reader.CHUNK_BYTES, 64):  # everything at once, and in the smallest chunks
        monkeypatch.setattr(reader, "CHUNK_BYTES", chunk_bytes)
        spec = ep.spectrum(X, G, weighting=weighting)
        np.testing.assert_allclose(spec.rho, expected, atol=1e-10)
        np.testing.assert_allclose(spec.weights.T @ S @ spec.weights, np.eye(5), atol=1e-9, err_msg="not orthonormal")
        np.testing.assert_allclose(spec.transform(X), spec.transform(None))


def test_small_chunks_cut_large_cliques_and_long_edge_lists(monkeypatch):
    """64 rows is the smallest chunk, so 1,000 rows exercise every path of the accumulation."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 3))
    G = (
        ep.Relation.from_labels(np.arange(1000) % 2)
        + ep.Relation.from_groups(np.repeat(np.arange(10), 100))
        + ep.Relation.from_edges(rng.integers(0, 500, 3000), rng.integers(500, 1000, 3000))
    )
    monkeypatch.setattr(reader, "CHUNK_BYTES", 8)
    np.testing.assert_allclose(ep.spectrum(X, G).rho, reference(X, G)[0], atol=1e-12)


class TestClassicalCases:
    def test_classes_give_fishers_lda(self):
        from sklearn.datasets import load_iris
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        X, y = load_iris(return_X_y=True)
        spec = ep.spectrum(X, ep.Relation.from_labels(y))
        lda = LinearDiscriminantAnalysis(solver="eigen").fit(X, y)
        np.testing.assert_allclose(spec.rho[:2], _between_over_total(X, y), atol=1e-12)
        np.testing.assert_allclose(spec.rho[2:], 0, atol=1e-10, err_msg="three classes have two directions")
        for k in range(2):
            ours, theirs = spec.weights[:, k], lda.scalings_[:, k]
            cosine = abs(ours @ theirs) / np.linalg.norm(ours) / np.linalg.norm(theirs)
            assert cosine == pytest.approx(1, abs=1e-9), "not LDA's direction"

    def test_two_views_give_cca_with_shared_weights(self):
        """The stacked views' spectrum is the CCA of (x, x+) and (x+, x): swap-symmetric, hence one set of weights."""
        rng = np.random.default_rng(0)
        source = rng.standard_normal((200, 4))
        a, b = source + 0.5 * rng.standard_normal((2, 200, 4))
        stacked = np.concatenate([a, b])
        spec = ep.spectrum(stacked, ep.Relation.from_views(200, 2))
        left, right = stacked - stacked.mean(axis=0), np.concatenate([b, a]) - stacked.mean(axis=0)
        Ql, Qr = np.linalg.qr(left)[0], np.linalg.qr(right)[0]
        np.testing.assert_allclose(spec.rho, np.linalg.svd(Ql.T @ Qr, compute_uv=False), atol=1e-12)

    def test_neighbours_give_locality_preserving_projections(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((80, 4))
        G = ep.Relation.from_neighbors(X, k=6)
        matrix = G.to_sparse().toarray()
        D = np.diag(matrix.sum(axis=1))
        pi = np.diag(D) / D.sum()
        Xc = X - pi @ X  # LPP on centred data, X^T L X a = lambda X^T D X a
        values = scipy.linalg.eigh(Xc.T @ (D - matrix) @ Xc, Xc.T @ D @ Xc, eigvals_only=True)
        np.testing.assert_allclose(ep.spectrum(X, G).rho, 1 - values, atol=1e-12)


def _between_over_total(X, y):
    centred = X - X.mean(axis=0)
    means = np.stack([centred[y == c].mean(axis=0) for c in y])
    return scipy.linalg.eigh(means.T @ means, centred.T @ centred, eigvals_only=True)[::-1][:2]


class TestRankRule:
    def test_fewer_rows_than_columns(self):
        X = np.random.default_rng(0).standard_normal((20, 100))
        spec = ep.spectrum(X, ep.Relation.from_views(10, 2))
        assert spec.rank == 19, "20 centred rows span 19 dimensions"
        np.testing.assert_allclose(np.cov(spec.transform(X).T, bias=True), np.eye(19), atol=1e-9)

    def test_collinear_and_constant_columns_change_nothing(self):
        rng = np.random.default_rng(0)
        X, G = rng.standard_normal((60, 3)), ep.Relation.from_views(30, 2)
        extended = np.column_stack([X, X[:, 0] + X[:, 1], np.full(60, 0.1), np.zeros(60), 2 * X[:, 2]])
        plain, spec = ep.spectrum(X, G), ep.spectrum(extended, G)
        assert spec.rank == 3
        np.testing.assert_allclose(spec.rho, plain.rho, atol=1e-10)
        np.testing.assert_allclose(spec.weights[4:6], 0, err_msg="constant columns got a weight")

    def test_units_do_not_matter(self):
        X, G = rows_with_correlations([0.9, 0.5, 0.1])
        units = np.array([1e-9, 1.0, 1e8])
        np.testing.assert_allclose(ep.spectrum(X * units, G).rho, [0.9, 0.5, 0.1], atol=1e-9)

    def test_a_large_mean_costs_no_digits(self):
        X, G = rows_with_correlations([0.9, 0.5, 0.1])
        np.testing.assert_allclose(ep.spectrum(X + 1e7, G).rho, [0.9, 0.5, 0.1], atol=1e-8)

    def test_a_large_mean_behind_isolated_rows_costs_no_digits(self):
        X, _ = rows_with_correlations([0.9, 0.5, 0.1])
        far = np.concatenate([np.zeros((500, 3)), X + 1e7])
        ids = np.concatenate([np.full(500, -1), np.tile(np.arange(len(X) // 2), 2)])
        spec = ep.spectrum(far, ep.Relation.from_groups(ids))
        np.testing.assert_allclose(spec.rho, [0.9, 0.5, 0.1], atol=1e-7)

    def test_large_classes_keep_the_digits_of_nearly_perfect_pairs(self, monkeypatch):
        monkeypatch.setattr(reader, "CHUNK_BYTES", 8)
        y = np.repeat([0, 1], 200)
        X = (2.0 * y - 1)[:, None] + 1e-6 * np.random.default_rng(0).standard_normal((400, 1))
        within = sum(np.var(X[y == c]) * 0.5 for c in (0, 1))
        assert 1 - ep.spectrum(X, ep.Relation.from_labels(y)).rho[0] == pytest.approx(within / np.var(X), rel=1e-6)

    def test_nearly_perfect_invariance_keeps_its_digits(self):
        defect = np.array([1e-12, 1e-10, 1e-6])
        X, G = rows_with_correlations(1 - defect)
        np.testing.assert_allclose(1 - ep.spectrum(X, G).rho, defect, rtol=1e-3)

    def test_duplicated_rows_weigh_twice(self):
        rng = np.random.default_rng(0)
        X, i, j = rng.standard_normal((20, 3)), np.arange(10), np.arange(10, 20)
        weight = 1.0 + (np.arange(10) < 4)
        once = ep.spectrum(X, ep.Relation.from_edges(i, j, weight, n_samples=20))
        rows = np.concatenate([np.arange(20), np.arange(4), np.arange(10, 14)])
        extra = ep.Relation.from_edges([*i, *range(20, 24)], [*j, *range(24, 28)], n_samples=28)
        np.testing.assert_allclose(ep.spectrum(X[rows], extra).rho, once.rho, atol=1e-12)

    def test_nothing_varies(self):
        with pytest.raises(ValueError, match="no column that varies"):
            ep.spectrum(np.ones((10, 3)) * 0.1, ep.Relation.from_views(5, 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 30))
def test_spectrum_is_invariant_under_affine_maps(seed, D, sources):
    rng = np.random.default_rng(seed)
    X, G = rng.standard_normal((2 * sources, D)), ep.Relation.from_views(sources, 2)
    mix = rng.standard_normal((D, D)) + 2 * np.eye(D)
    if np.linalg.cond(mix) > 1e3 or 2 * sources < D + 4:
        return
    np.testing.assert_allclose(ep.spectrum(X @ mix + 5, G).rho, ep.spectrum(X, G).rho, atol=1e-8)


def test_isolated_rows_have_no_say_but_are_placed():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((22, 3))
    X[20:] = 1e3
    G = ep.Relation.from_groups([*np.tile(np.arange(10), 2), -1, -1])
    for weighting in ("pairs", "samples"):
        spec = ep.spectrum(X, G, weighting=weighting)
        np.testing.assert_allclose(spec.rho, ep.spectrum(X[:20], G[:20], weighting=weighting).rho, atol=1e-10)
        assert np.isfinite(spec.transform(X)).all()


def test_ridge_shrinks_and_is_relative():
    X, G = rows_with_correlations([0.9, 0.5])
    plain, shrunk = ep.spectrum(X, G).rho, ep.spectrum(X, G, features=ep.Linear(ridge=0.1)).rho
    np.testing.assert_allclose(shrunk, plain / 1.1, atol=1e-12, err_msg="white columns: rho / (1 + ridge)")
    np.testing.assert_allclose(ep.spectrum(1e5 * X, G, features=ep.Linear(ridge=0.1)).rho, shrunk, atol=1e-12)
    with pytest.raises(ValueError, match="ridge = -1"):
        ep.Linear(ridge=-1)


def test_sums_add_over_batches_with_other_shifts():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3)) + np.repeat([[0.0], [50.0]], 20, axis=0)
    G = ep.Relation.from_groups(np.arange(40) // 2)
    (whole,) = pair_sums(X, LinearMap(3), G)
    ((first,), (second,)) = (pair_sums(X[rows], LinearMap(3), G[rows]) for rows in (slice(20), slice(20, 40)))
    parts = first + second
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-10)
    np.testing.assert_allclose(parts.mean, whole.mean)
    np.testing.assert_allclose(parts.disagreement, whole.disagreement, rtol=1e-10)


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("kind", RELATIONS)
def test_folds_add_up_to_the_whole(kind, weighting):
    X, G = np.random.default_rng(0).standard_normal((120, 4)), RELATIONS[kind](120)
    components = G.components
    folds = pair_sums(X, LinearMap(4), G, weighting, folds=np.where(components >= 0, components % 3, 0))
    (whole,) = pair_sums(X, LinearMap(4), G, weighting)
    total = folds[0]
    for sums in folds[1:]:
        total = total + sums
    np.testing.assert_allclose(total.covariance, whole.covariance, atol=1e-12)
    np.testing.assert_allclose(total.disagreement, whole.disagreement, atol=1e-12)


class TestAutomaticRidge:
    def few_pairs(self, n, rng):
        source = rng.standard_normal((n, 40)) * np.linspace(3, 0.3, 40)
        return np.concatenate([source + rng.standard_normal((n, 40)) for _ in range(2)]), ep.Relation.from_views(n, 2)

    def test_improves_held_out_pairs_when_rows_are_few_and_vanishes_when_many(self):
        rng = np.random.default_rng(0)
        X, G = self.few_pairs(60, rng)
        new, H = self.few_pairs(3000, rng)
        plain, auto = (ep.spectrum(X, G, features=ep.Linear(ridge=ridge)) for ridge in (0.0, "auto"))
        assert auto.ridge > 0
        assert auto.heldout(new, H)[:10].mean() > plain.heldout(new, H)[:10].mean() + 0.02
        assert ep.spectrum(new, H, features=ep.Linear(ridge="auto")).ridge < auto.ridge

    def test_needs_groups_to_hold_out(self):
        X = np.random.default_rng(0).standard_normal((30, 3))
        with pytest.raises(ValueError, match="holds out whole groups of partners, and this relation has 1"):
            ep.spectrum(X, ep.Relation.from_edges(np.arange(29), np.arange(1, 30)), features=ep.Linear(ridge="auto"))


class TestInputs:
    def test_nan_beyond_the_first_chunk_is_found(self, monkeypatch):
        monkeypatch.setattr(reader, "CHUNK_BYTES", 8)
        for bad in (np.nan, np.inf):
            for kind in RELATIONS:
                X, G = np.random.default_rng(0).standard_normal((120, 2)), RELATIONS[kind](120)
                row = int(np.flatnonzero(G.degrees)[-1])
                X[row, 1] = bad
                with pytest.raises(ValueError, match=rf"X\[{row}, 1\] = {bad}"):
                    ep.spectrum(X, G)

    def test_overflow_is_named(self):
        with pytest.raises(ValueError, match="squares overflow"):
            ep.spectrum(np.random.default_rng(0).standard_normal((20, 2)) * 1e200, ep.Relation.from_views(10, 2))

    def test_dtypes_and_memmaps_agree(self, tmp_path):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 255, (50, 4)).astype(np.uint8)
        G = ep.Relation.from_views(25, 2)
        np.save(tmp_path / "X.npy", X)
        expected = ep.spectrum(X.astype(np.float64), G)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        for same in (X, mapped, X.astype(np.float32), X.astype(np.float16), np.asfortranarray(X), X.tolist()):
            spec = ep.spectrum(same, G)
            np.testing.assert_allclose(spec.rho, expected.rho, atol=1e-12)
        assert expected.transform(X.astype(np.float32)).dtype == np.float32
        assert expected.transform(mapped).dtype == np.float64

    def test_torch_in_torch_out(self):
        torch = require("torch", "deep")
        X, G = rows_with_correlations([0.9, 0.5])
        tensor = torch.tensor(X, dtype=torch.float32)
        spec = ep.spectrum(tensor, G)
        np.testing.assert_allclose(spec.rho, [0.9, 0.5], atol=1e-6)
        Z = spec.embed(ep.SpectralContrastive(), 2).transform(tensor)
        assert isinstance(Z, torch.Tensor) and Z.dtype == torch.float32
        np.testing.assert_allclose(ep.spectrum(X, G, device="cpu").rho, [0.9, 0.5], atol=1e-12)

    def test_progress_ends_at_one(self):
        seen = []
        ep.spectrum(
            np.random.default_rng(0).standard_normal((10, 2)), ep.Relation.from_views(5, 2), progress=seen.append
        )
        assert seen[-1] == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("X", "kwargs", "message"),
        [
            (np.zeros((9, 2)), {}, "X has 9 rows and relation 10"),
            (np.zeros((10, 2, 2)), {}, "reshape images"),
            (np.full((10, 2), np.nan), {}, r"X\[0, 0\] = nan"),
            (np.where(np.arange(20).reshape(10, 2) == 7, np.inf, 1.0), {}, r"X\[3, 1\] = inf"),
            (np.zeros((10, 0)), {}, r"X has shape \(10, 0\), no column"),
            (np.eye(10), {"weighting": "rows"}, "weighting = 'rows' is unknown"),
            (np.eye(10), {"n_components": 0}, "n_components = 0 is too small"),
        ],
    )
    def test_bad_input(self, X, kwargs, message):
        with pytest.raises(ValueError, match=message):
            ep.spectrum(X, ep.Relation.from_views(5, 2), **kwargs)

    def test_wrong_objects_are_named(self):
        """What newcomers pass: classes for objects, names for objects, swapped arguments."""
        X, G = rows_with_correlations([0.9, 0.5])
        spec = ep.spectrum(X, G)
        for call, message in (
            (lambda: ep.spectrum(X, G, ep.VICReg()), r"features = VICReg\(.*give for instance ep.Linear\(\)"),
            (lambda: ep.spectrum(X, G, ep.Linear), "features = the class Linear"),
            (lambda: spec.embed("vicreg", 2), r"objective = 'vicreg'.*ep.VICReg\(\)"),
            (lambda: spec.embed(ep.VICReg, 2), "objective = the class VICReg"),
            (lambda: spec.embed(2, ep.VICReg()), "objective = 2"),
            (lambda: spec.heldout(G, X), "relation is a ndarray"),
            (lambda: ep.VICReg().loss(X, np.zeros(len(X))), "G is a ndarray"),
            (lambda: ep.VICReg().optimum(spec), "rho is a Spectrum; give .* spectrum.rho"),
            (lambda: spec.transform("rows"), r"X is a str, which holds no rows; give an array"),
            (lambda: ep.SpectralSSL("vicreg").fit(X), "objective = 'vicreg'"),
            (lambda: ep.SpectralSSL().fit(ep.Towers(X, X)), r"X is a pair of towers.*ep.spectrum\(X\).embed"),
            (lambda: ep.SpectralSSL().fit(X, relation=G).transform(ep.Towers(X, X)), "X is a pair of towers"),
            (lambda: ep.SpectralSSL().fit(X, relation=np.zeros(len(X))), "relation is a ndarray"),
        ):
            with pytest.raises(TypeError, match=message):
                call()

    def test_bad_types(self):
        with pytest.raises(TypeError, match="relation is a list"):
            ep.spectrum(np.eye(4), [0, 0, 1, 1])
        with pytest.raises(TypeError, match="X is None"):
            ep.spectrum(None, ep.Relation.from_views(2, 2))
        with pytest.raises(TypeError, match="dtype"):
            ep.spectrum(np.full((4, 2), "a"), ep.Relation.from_views(2, 2))
        with pytest.raises(ValueError, match="no pair among these rows"):
            ep.spectrum(np.eye(2), ep.Relation.from_views(3, 2)[[0, 1]])
