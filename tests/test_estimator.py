"""SpectralSSL is a scikit-learn estimator: its own checks, pipelines, grid search, batches."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from support import require, rows_with_correlations

import eigenpairs as ep


def _estimators():
    return [
        ep.SpectralSSL(),
        ep.SpectralSSL(ep.SpectralContrastive(), n_components=2),
        # With fewer rows than columns classes separate perfectly: without a ridge their modes all have rho = 1 and are
        # defined up to a rotation, which no comparison of two fits survives.
        ep.SpectralSSL(features=ep.Linear(ridge=0.1), n_components=2, positives="labels"),
    ]


def _expected_failures(estimator):
    if estimator.positives == "labels":
        return {}
    reason = "a row that is repeated becomes its own nearest neighbour; one that weighs twice does not"
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in ("dense", "sparse")}


@parametrize_with_checks(_estimators(), expected_failed_checks=_expected_failures)
def test_scikit_learns_own_checks(estimator, check):
    with warnings.catch_warnings():
        # scikit-learn's checks use few columns, so the default width of 64 is reduced every time
        warnings.filterwarnings("ignore", message="n_components = .* exceeds the rank")
        check(estimator)


@pytest.fixture
def views():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    noisy = X + np.random.default_rng(0).standard_normal((2, 300, 64))
    return np.concatenate(noisy), np.tile(y, 2), np.tile(np.arange(300), 2)


def test_equals_the_library(views):
    X, _, groups = views
    est = ep.SpectralSSL(ep.VICReg(1.0), n_components=5).fit(X, groups=groups)
    spec = ep.spectrum(X, ep.Relation.from_groups(groups))
    np.testing.assert_allclose(est.transform(X), spec.embed(ep.VICReg(1.0), 5).transform(X), atol=1e-10)
    np.testing.assert_allclose(est.transform(X), (X - est.mean_) @ est.components_.T, atol=1e-10)
    assert est.components_.shape == (5, 64) and est.n_components_ == 5
    assert list(est.get_feature_names_out()[:2]) == ["spectralssl0", "spectralssl1"]


def test_relation_wins_over_groups_and_groups_over_positives(views):
    X, _, groups = views
    by_groups = ep.SpectralSSL(n_components=3).fit(X, groups=groups)
    explicit = ep.SpectralSSL(n_components=3).fit(X, relation=ep.Relation.from_views(300, 2), groups=np.zeros(600, int))
    np.testing.assert_allclose(explicit.spectrum_.rho, by_groups.spectrum_.rho, atol=1e-10)
    neighbors = ep.SpectralSSL(n_components=3).fit(X)
    assert not np.allclose(neighbors.spectrum_.rho[:3], by_groups.spectrum_.rho[:3])


def test_labels_are_lda_and_otherwise_ignored(views):
    X, y, groups = views
    est = ep.SpectralSSL(positives="labels", n_components=3).fit(X, y.astype(str))
    np.testing.assert_allclose(est.spectrum_.rho, ep.spectrum(X, ep.Relation.from_labels(y)).rho, atol=1e-10)
    with_y, without = (ep.SpectralSSL(n_components=3).fit(X, label, groups=groups) for label in (y, None))
    np.testing.assert_array_equal(with_y.components_, without.components_)


def test_the_constant_of_spectral_contrastive_is_dropped(views):
    X, _, groups = views
    est = ep.SpectralSSL(ep.SpectralContrastive(), n_components=4).fit(X, groups=groups)
    Z = est.transform(X)
    assert Z.shape == (600, 4) and (Z.std(axis=0) > 0).all()
    np.testing.assert_allclose(np.var(Z, axis=0), est.spectrum_.rho[:4], rtol=1e-6)


def test_score_is_the_sum_of_pair_correlations(views):
    X, _, groups = views
    est = ep.SpectralSSL(ep.Whitening(), n_components=4).fit(X, groups=groups)
    assert est.score(X, groups=groups) == pytest.approx(est.spectrum_.rho[:4].sum())
    with pytest.raises(ValueError, match="split by groups"):
        est.score(X[:5], relation=ep.Relation.from_views(300, 2)[:5])


def test_partial_fit_adds_batches(views):
    X, _, groups = views
    whole = ep.SpectralSSL(n_components=4).fit(X, groups=groups)
    parts = ep.SpectralSSL(n_components=4)
    for sources in (slice(0, 100), slice(100, 180), slice(180, 300)):
        rows = np.isin(groups, np.arange(300)[sources])
        parts.partial_fit(X[rows], groups=groups[rows])
    np.testing.assert_allclose(parts.spectrum_.rho, whole.spectrum_.rho, atol=1e-9)
    assert parts.spectrum_.n_samples == 600
    parts.fit(X[:50])
    np.testing.assert_allclose(parts.partial_fit(X, groups=groups).spectrum_.rho, whole.spectrum_.rho, atol=1e-9)


def test_partial_fit_keeps_the_map_of_the_first_batch(views):
    """Landmarks of every batch of its own would make columns that cannot be added."""
    X, _, groups = views
    first = np.isin(groups, np.arange(100))
    features = ep.Kernel(n_landmarks=20, ridge=0.1)
    est = ep.SpectralSSL(features=features, n_components=4)
    for rows in (first, ~first):
        est.partial_fit(X[rows], groups=groups[rows])
    kept, expected = est.spectrum_.modes[0].feature_map.state(), features.fitted(X[first]).state()
    for name, value in expected.items():
        np.testing.assert_array_equal(kept[name], value, err_msg=f"{name} is not that of the first batch")


def test_the_seed_of_the_estimator_leaves_that_of_the_features_alone(views):
    X, _, groups = views
    features = ep.Kernel(n_landmarks=20, ridge=0.1, random_state=3)
    for seed in (None, 0, 1):
        est = ep.SpectralSSL(features=features, n_components=4, random_state=seed).fit(X, groups=groups)
        np.testing.assert_allclose(
            est.spectrum_.rho, ep.spectrum(X, ep.Relation.from_groups(groups), features).rho, atol=1e-10
        )


class TestSampleWeight:
    def test_weighs_the_relation(self, views):
        X, y, groups = views
        w = np.random.default_rng(0).uniform(0, 2, 600)
        neighbors, labels = ep.Relation.from_neighbors(X, 15), ep.Relation.from_labels(y, w)
        for kwargs, positives, expected in (
            ({"groups": groups}, "neighbors", ep.Relation.from_groups(groups).weighted(w)),
            ({"relation": ep.Relation.from_views(300, 2)}, "neighbors", ep.Relation.from_groups(groups).weighted(w)),
            ({}, "neighbors", neighbors.weighted(w)),
            ({"y": y}, "labels", labels),
        ):
            est = ep.SpectralSSL(n_components=3, positives=positives).fit(X, sample_weight=w, **kwargs)
            np.testing.assert_allclose(est.spectrum_.rho, ep.spectrum(X, expected).rho, atol=1e-10, err_msg=str(kwargs))

    def test_zero_leaves_rows_out(self, views):
        X, _, groups = views
        kept = groups > 100
        weighted = ep.SpectralSSL(n_components=3).fit(X, groups=groups, sample_weight=kept.astype(float))
        dropped = ep.SpectralSSL(n_components=3).fit(X[kept], groups=groups[kept])
        np.testing.assert_allclose(weighted.spectrum_.rho, dropped.spectrum_.rho, atol=1e-9)

    def test_batches_add_up(self, views):
        X, _, groups = views
        w = np.random.default_rng(0).uniform(0, 2, 600)
        whole, parts = (
            ep.SpectralSSL(n_components=3).fit(X, groups=groups, sample_weight=w),
            ep.SpectralSSL(n_components=3),
        )
        for rows in (groups < 120, groups >= 120):
            parts.partial_fit(X[rows], groups=groups[rows], sample_weight=w[rows])
        np.testing.assert_allclose(parts.spectrum_.rho, whole.spectrum_.rho, atol=1e-9)

    def test_is_routed_when_asked_for(self, views):
        X, y, groups = views
        w = np.random.default_rng(0).uniform(0.5, 2, 600)
        expected = ep.SpectralSSL(n_components=3).fit(X, groups=groups, sample_weight=w)
        with sklearn.config_context(enable_metadata_routing=True):
            asking = ep.SpectralSSL(n_components=3).set_fit_request(sample_weight=True)
            pipe = make_pipeline(asking, KNeighborsClassifier()).fit(X, y, groups=groups, sample_weight=w)
            np.testing.assert_allclose(pipe[0].spectrum_.rho, expected.spectrum_.rho, atol=1e-10, err_msg="got lost")
            silent = make_pipeline(ep.SpectralSSL(n_components=3), KNeighborsClassifier())
            with pytest.raises(ValueError, match="sample_weight"):
                silent.fit(X, y, groups=groups, sample_weight=w)

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            ([1.0, 2.0], r"sample_weight has shape \(2,\).*shape \(20,\)"),
            ([-1.0] + 19 * [1.0], r"sample_weight\[0\] = -1.0 is not allowed"),
            (20 * [0.0], "sample_weight: every weight is zero"),
        ],
    )
    def test_bad_weights(self, weight, message):
        with pytest.raises(ValueError, match=message):
            ep.SpectralSSL().fit(np.random.default_rng(0).standard_normal((20, 3)), sample_weight=weight)


class TestModelSelection:
    def test_grid_search_over_the_objective_with_groups(self, views):
        """Splitting by groups keeps both views of a source on one side; relation and groups are routed."""
        X, _, groups = views
        with sklearn.config_context(enable_metadata_routing=True):
            pipe = make_pipeline(StandardScaler(), ep.SpectralSSL(ep.VICReg(), n_components=8))
            grid = {"spectralssl__objective__invariance": [0.1, 100.0]}
            search = GridSearchCV(pipe, grid, cv=GroupKFold(3), error_score="raise")
            search.fit(X, groups=groups, relation=ep.Relation.from_groups(groups))
            assert search.best_params_ == {"spectralssl__objective__invariance": 0.1}, "more modes score more"
            assert search.score(X, groups=groups, relation=ep.Relation.from_groups(groups)) > 0

    def test_fit_parameters_are_indexed_without_routing(self, views):
        X, *_ = views
        search = GridSearchCV(ep.SpectralSSL(n_components=4), {"n_components": [2, 3]}, cv=3, error_score="raise")
        search.fit(X, relation=ep.Relation.from_neighbors(X))
        assert search.best_estimator_.n_components_ in (2, 3)

    def test_strength_is_chosen_by_the_task_it_serves(self, views):
        """The pattern of the README: a classifier at the end, groups routed to splitter and estimator."""
        X, y, groups = views
        with sklearn.config_context(enable_metadata_routing=True):
            pipe = make_pipeline(ep.SpectralSSL(n_components=8), KNeighborsClassifier())
            search = GridSearchCV(pipe, {"spectralssl__objective__invariance": [0.5, 50.0]}, cv=GroupKFold(3))
            search.fit(X, y, groups=groups)
        est = search.best_estimator_[0]
        np.testing.assert_allclose(
            est.spectrum_.rho, ep.spectrum(X, ep.Relation.from_groups(groups)).rho, atol=1e-9, err_msg="groups got lost"
        )
        assert isinstance(est.objective, ep.VICReg), "the default objective became searchable"

    def test_ridge_can_be_searched_and_pipelines_cloned(self, views):
        X, _, groups = views
        est = clone(ep.SpectralSSL(ep.VICReg(), ep.Linear(), n_components=4)).set_params(
            features__ridge=0.1, objective__invariance=2.0
        )
        assert est.fit(X, groups=groups).spectrum_.features == ep.Linear(ridge=0.1)


def test_set_output_pandas(views):
    pandas = require("pandas", "frames")
    X, _, groups = views
    frame = pandas.DataFrame(X, columns=[f"pixel{k}" for k in range(64)])
    est = ep.SpectralSSL(n_components=2).set_output(transform="pandas").fit(frame, groups=groups)
    out = est.transform(frame)
    assert list(out.columns) == ["spectralssl0", "spectralssl1"] and list(est.feature_names_in_[:1]) == ["pixel0"]


def test_float32_stays_float32(views):
    X, _, groups = views
    assert (
        ep.SpectralSSL(n_components=2).fit(X.astype(np.float32), groups=groups).transform(X.astype(np.float32)).dtype
        == np.float32
    )


def test_sparse_rows_where_the_class_takes_them(views):
    X, _, groups = views
    X = X * (X > 4)
    S = sp.csc_matrix(X)
    est, dense = (ep.SpectralSSL(n_components=3).fit(rows, groups=groups) for rows in (S, X))
    np.testing.assert_allclose(est.transform(S), dense.transform(X), atol=1e-8)
    assert est.score(S, groups=groups) == pytest.approx(dense.score(X, groups=groups))
    near, dense_near = (ep.SpectralSSL(n_components=3).fit(rows) for rows in (S, X))
    np.testing.assert_allclose(near.spectrum_.rho, dense_near.spectrum_.rho, atol=1e-8, err_msg="nearest neighbours")
    batches = ep.SpectralSSL(n_components=3)
    for part in (groups < 150, groups >= 150):
        batches.partial_fit(S[np.flatnonzero(part)], groups=groups[part])
    np.testing.assert_allclose(batches.spectrum_.rho, est.spectrum_.rho, atol=1e-8)
    refusing = ep.SpectralSSL(features=ep.Kernel(n_landmarks=10))
    assert est.__sklearn_tags__().input_tags.sparse and not refusing.__sklearn_tags__().input_tags.sparse
    with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
        refusing.fit(S, groups=groups)


def test_too_many_components_warn():
    X, G = rows_with_correlations([0.9, 0.5])
    with pytest.warns(UserWarning, match="exceeds the rank 2"):
        est = ep.SpectralSSL().fit(X, relation=G)
    assert est.n_components_ == 2


@pytest.mark.parametrize(
    ("make", "kwargs", "message"),
    [
        (lambda: ep.SpectralSSL(features=ep.Free()), {}, "use ep.spectrum"),
        (lambda: ep.SpectralSSL(positives="friends"), {}, "positives = 'friends' is unknown"),
        (lambda: ep.SpectralSSL(positives="labels"), {}, "requires y"),
        (lambda: ep.SpectralSSL(), {"groups": [0, 0]}, "groups has 2 ids and X has 20 rows"),
        (lambda: ep.SpectralSSL(), {"relation": ep.Relation.from_views(2, 2)}, "relation has 4 rows and X has 20"),
        (lambda: ep.SpectralSSL(n_components=0), {}, "n_components = 0"),
    ],
)
def test_bad_input(make, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make().fit(np.random.default_rng(0).standard_normal((20, 3)), **kwargs)


@pytest.mark.parametrize(("rule", "columns"), [("auto", 3), (0.4, 1), (0.9, 3), (2, 2)])
@pytest.mark.parametrize("objective", [ep.VICReg(1.0, 1.0, form="least-squares"), ep.SpectralContrastive()])
def test_width_by_gains(rule, columns, objective):
    """Gains .9, .6, .3: the constant of a loss that does not centre is no column of the output."""
    X, G = rows_with_correlations([0.9, 0.6, 0.3, -0.2])
    est = ep.SpectralSSL(objective, n_components=rule).fit(X, relation=G)
    assert est.n_components_ == est.transform(X).shape[1] == columns
    assert len(est.get_feature_names_out()) == columns
