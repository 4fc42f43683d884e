"""Advice: right where it can be checked, honest where it cannot, and applied in one line."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import eigenpairs as ep
from eigenpairs.advise.energies import task_on
from eigenpairs.advise.measure import heldout_error
from eigenpairs.advise.paths import default_objectives, paths


@pytest.fixture(scope="module")
def world():
    """Twenty columns, half of which pairs keep; one task on those, one on the others."""
    rng = np.random.default_rng(0)
    noise = np.repeat([0.2, 3.0], 10)
    source = rng.standard_normal((3000, 20))
    views = [source + noise * rng.standard_normal(source.shape) for _ in range(2)]
    spec = ep.spectrum(np.concatenate(views), ep.Relation.from_views(3000, 2))
    kept = source[:, :10] @ rng.standard_normal(10)
    lost = views[0][:, 10:] @ rng.standard_normal(10)
    return spec, views[0], kept + 0.5 * rng.standard_normal(3000), lost + 0.5 * rng.standard_normal(3000)


def test_aligned_pairs_and_few_labels_want_strong_invariance(world):
    spec, X, kept, _ = world
    advice = ep.advise(spec, X, kept, n_labels=12, draws=0)
    assert advice.alignment > 0.85 and "aligned" in advice.reason and "as the guideline says" in advice.reason
    assert advice.table[0].effective_modes <= 10.5, "modes that pairs lose are noise for this task"
    assert advice.table[0].predicted < advice.raw, "on raw columns the lost modes are in the way"


def test_misaligned_pairs_want_weak_invariance(world):
    spec, X, _, lost = world
    advice = ep.advise(spec, X, lost, n_labels=100, draws=0)
    assert advice.alignment < 0.5 and "misaligned" in advice.reason and "weak invariance wins" in advice.reason
    assert advice.table[0].n_components == 20, "the task is on the modes that pairs keep least"
    vicreg = next(path for path in advice.paths if path.name == "VICReg practice")
    assert vicreg.errors[np.argmax(vicreg.values)] > 1.2 * vicreg.errors.min(), "strong invariance loses the task"


@pytest.mark.parametrize("n_labels", [20, 100])
def test_predictions_are_near_what_probes_measure(world, n_labels):
    spec, X, kept, _ = world
    for candidate in ep.advise(spec, X, kept, n_labels, draws=100).table:
        assert abs(candidate.predicted / candidate.measured - 1) < 0.1, candidate


def test_few_labels_and_many_rows_predict_like_all_labels():
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    shifted = [np.roll(X.reshape(-1, 8, 8), move, axis).reshape(-1, 64) for move, axis in ((1, 1), (-1, 1), (1, 2))]
    spec = ep.spectrum(np.concatenate([X, *shifted]), ep.Relation.from_views(len(X), 4))
    few = np.where(np.isin(np.arange(len(X)), rng.choice(len(X), 200, replace=False)), y, -1)
    known, guessed = ep.advise(spec, X, y, 50, draws=0), ep.advise(spec, X, few, 50, draws=0)
    by_name = {(type(c.objective), c.parameter): c.predicted for c in known.table}
    for candidate in guessed.table:
        truth = by_name[type(candidate.objective), candidate.parameter]
        assert abs(candidate.predicted / truth - 1) < 0.15, f"{candidate.objective}: {candidate.predicted} for {truth}"


def test_the_headline_is_the_measurement_where_the_formula_fails(world):
    spec, X, kept, _ = world
    heavy = X * np.random.default_rng(0).standard_t(2, (len(X), 1))  # elliptical rows
    advice = ep.advise(spec, heavy, kept, n_labels=30, draws=100)
    for candidate in advice.table:
        off = abs(candidate.predicted - candidate.measured) > 0.1 * candidate.measured
        assert candidate.headline == (candidate.measured if off else candidate.predicted)


def test_best_is_applied_to_the_estimator_and_refitted(world):
    spec, X, kept, _ = world
    best = ep.advise(spec, X, kept, n_labels=12, draws=0).best
    est = ep.SpectralSSL().set_params(**best)
    assert est.objective == best["objective"] and est.n_components == best["n_components"]
    assert est.fit(X).transform(X).shape == (3000, best["n_components"])


def test_every_path_holds_the_objectives_own_value_and_gains_that_are_its_optimum():
    rho = np.sort(np.random.default_rng(0).uniform(-0.2, 0.95, 24))[::-1]
    points = paths(default_objectives(), rho, 24)
    for objective in default_objectives():
        own = [p for p in points if p.objective == objective]
        assert own, f"{objective} is not on its own path"
    for point in points:
        width = point.n_components + (0 if point.objective.centred else 1)
        best = point.objective.optimum(rho, width).gains[:24]
        np.testing.assert_allclose(point.gains[: len(best)], best)


def test_without_labels_nothing_is_ranked(world):
    spec, *_ = world
    advice = ep.advise(spec)
    assert advice.table == () and "no labels, no ranking" in advice.reason
    with pytest.raises(ValueError, match="without labels no objective"):
        _ = advice.best


def test_classes_texts_and_missing_labels(world):
    spec, X, kept, _ = world
    codes = (kept > 0).astype(int)
    texts = np.where(codes == 1, "yes", "no").astype(object)
    texts[::3] = None
    codes[::3] = -1
    given = [ep.advise(spec, X, y, 30, draws=0).table[0].predicted for y in (codes, texts)]
    assert given[0] == given[1]


def test_fitted_rows_of_a_graph():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 50)
    i = rng.integers(0, 200, 3000)
    j = np.where(rng.random(3000) < 0.9, y[i] * 50 + rng.integers(0, 50, 3000), rng.integers(0, 200, 3000))
    G = ep.Relation.from_edges(i[i != j], j[i != j], n_samples=200)
    spec = ep.spectrum(None, G, features=ep.Free(), n_components=40)
    labels = np.where(np.arange(200) % 2, y, -1)
    advice = ep.advise(spec, None, labels, n_labels=20, draws=50)
    assert advice.alignment > 0.5 and advice.table[0].effective_modes < 12, advice


@pytest.mark.parametrize("n", [5, 50])
def test_a_probe_is_ridge_regression(n):
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    Z, Y = rng.standard_normal((200, 8)), rng.standard_normal((200, 3))
    train, test = np.split(np.random.default_rng(0).permutation(200), [n])
    expected = Ridge(alpha=0.7).fit(Z[train], Y[train]).predict(Z[test])
    assert np.isclose(
        heldout_error(Z[train], Y[train], Z[test], Y[test], 0.7), np.mean(np.sum((expected - Y[test]) ** 2, 1))
    )


def test_intervals_hold_the_value_from_all_labels(world):
    spec, X, kept, _ = world
    truth = {c.parameter + type(c.objective).__name__: c for c in ep.advise(spec, X, kept, 20, draws=0).table}
    inside = []
    for seed in range(10):
        rows = np.random.default_rng(seed).choice(3000, 150, replace=False)
        few = np.full(3000, np.nan)
        few[rows] = kept[rows]
        for candidate in ep.advise(spec, X, few, 20, draws=0).table:
            value = truth[candidate.parameter + type(candidate.objective).__name__].predicted
            inside.append(candidate.interval[0] <= value <= candidate.interval[1])
    assert np.mean(inside) > 0.7, f"intervals of two standard errors hold {np.mean(inside):.0%}"


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"y": np.zeros(3)}, "y has"),
        ({"y": np.full(3000, -1)}, "y has 0 class"),
        ({"n_labels": 2}, "n_labels"),
        ({"objectives": [ep.VICReg]}, "the class VICReg"),
    ],
)
def test_errors_name_the_argument(world, arguments, named):
    spec, X, kept, _ = world
    with pytest.raises((ValueError, TypeError), match=named):
        ep.advise(spec, X, **({"y": kept, "draws": 0} | arguments))


def test_words_and_json(world):
    spec, X, kept, _ = world
    advice = ep.advise(spec, X, kept, 20, draws=20)
    facts = json.loads(json.dumps(advice.to_dict()))
    assert facts["best"]["objective"] == type(advice.table[0].objective).__name__
    assert repr(advice).startswith("Advice(") and "<svg" in advice._repr_html_()
    assert task_on(spec, X, kept).energy.n_labels == 3000


def test_views_of_one_source_leak_nothing():
    rng = np.random.default_rng(0)
    source, ids = rng.standard_normal((150, 60)), np.tile(np.arange(150), 8)
    X = np.concatenate([source + 0.1 * rng.standard_normal(source.shape) for _ in range(8)])
    noise = np.tile(rng.integers(0, 2, 150), 8)
    advice = ep.advise(ep.spectrum(X, ep.Relation.from_views(150, 8)), None, noise, 100, groups=ids, draws=50)
    assert advice.table[0].predicted > 0.9 and advice.table[0].measured > 0.9, "labels that are noise were predicted"


def test_sparse_rows_rare_classes_and_very_few_labels():
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 20)) * (rng.random((3000, 20)) < 0.3)
    G = ep.Relation.from_views(1500, 2)
    y = (X[:, 0] > 0).astype(int)
    dense, sparse = (ep.advise(ep.spectrum(rows, G), rows, y, 50, draws=0) for rows in (X, sp.csr_array(X)))
    assert dense.raw == pytest.approx(sparse.raw) and dense.table[0].predicted == pytest.approx(
        sparse.table[0].predicted
    )
    rare = np.zeros(3000, int)
    rare[:8] = 1
    assert ep.advise(ep.spectrum(X, G), X, rare, 50, draws=0).table
    for seed in range(10):
        few = np.full(3000, -1)
        rows = np.random.default_rng(seed).choice(3000, 6, replace=False)
        few[rows] = [0, 0, 0, 1, 1, 1]
        advice = ep.advise(ep.spectrum(X, G), X, few, 30)
        assert all(candidate.predicted > 0 for candidate in advice.table) and not advice.raw <= 0


def test_one_tower_of_two():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((800, 5))
    A, B = (hidden @ rng.standard_normal((5, d)) + rng.standard_normal((800, d)) for d in (12, 9))
    spec = ep.spectrum(ep.Towers(A, B))
    y = (hidden[:, 0] > 0).astype(int)
    for tower, rows in enumerate((A, B)):
        assert ep.advise(spec, rows, y, 20, tower=tower, draws=0).alignment > 0.3
