"""audit: shares kept are those of theory, famous failures are caught, predictions rank what is then measured."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from support import data_folder, require

import eigenpairs as ep
from eigenpairs.advise.audit import audit
from eigenpairs.advise.kept import CleanDirections, share_kept
from eigenpairs.advise.measure import measure
from eigenpairs.advise.probe_error import predicted_error_on_columns
from eigenpairs.advise.views import noise
from eigenpairs.diagnose.probes import fit_ridge

PIXELS, DIGIT = load_digits(return_X_y=True)
IMAGES = PIXELS.reshape(-1, 8, 8)


@pytest.fixture(scope="module")
def coloured():
    """Digits in one of three colours, and the colours."""
    colour = np.random.default_rng(0).integers(3, size=len(IMAGES))
    return IMAGES[..., None] / 16 * np.eye(3)[colour][:, None, None, :], colour


def half_turn(X, rng):
    """Every other image upside down."""
    return np.where((rng.random(len(X)) < 0.5)[:, None, None], X[:, ::-1, ::-1], X)


class TestShareKept:
    @given(st.integers(0, 10**6), st.floats(0.05, 3.0))
    @settings(max_examples=15, deadline=None)
    def test_noise_keeps_what_theory_says_and_rho_is_the_same(self, seed, sigma):
        rng = np.random.default_rng(seed)
        variances = np.array([4.0, 1.0, 0.25])
        X = np.sqrt(variances) * rng.standard_normal((6000, 3))
        found = audit(X, lambda X, rng: X + sigma * rng.standard_normal(X.shape), n_rows=6000, features=ep.Linear())
        expected = variances / (variances + sigma**2)
        np.testing.assert_allclose(found.rows[0].kept, expected, atol=0.06, err_msg="R^2 of a direction from its view")
        np.testing.assert_allclose(found.rows[0].rho, expected, atol=0.06, err_msg="pair correlation")

    @given(st.integers(0, 10**6))
    @settings(max_examples=25, deadline=None)
    def test_linear_changes_of_the_views_do_not_matter(self, seed):
        rng = np.random.default_rng(seed)
        X, target = rng.standard_normal((80, 4)), rng.standard_normal((80, 2))
        A = rng.standard_normal((4, 4)) + 3 * np.eye(4)
        direct, moved = share_kept(X, target)[0], share_kept(X @ A + rng.standard_normal(4), target)[0]
        np.testing.assert_allclose(moved, direct, atol=1e-8)
        assert (direct <= 1).all()
        np.testing.assert_allclose(share_kept(X @ A, X)[0], 1.0, err_msg="an invertible map loses nothing")

    def test_right_on_average_where_nothing_is_kept(self):
        found = [share_kept(*np.random.default_rng(seed).standard_normal((2, 60, 15)))[0] for seed in range(200)]
        assert abs(np.mean(found)) < 0.01, "the plain R^2 would be .25"

    def test_repeated_and_constant_columns(self):
        X = np.random.default_rng(0).standard_normal((50, 3))
        views = np.column_stack([X, X, np.ones(50)])
        kept, variance = share_kept(views, np.column_stack([X[:, 0], np.zeros(50)]))
        assert kept == pytest.approx([1.0, 0.0]) and variance[1] == 0

    @pytest.mark.parametrize("shape", [(200, 30), (30, 200)])
    def test_clean_directions_are_principal(self, shape):
        X = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1) + 5
        found = CleanDirections.of(X, 7)
        s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
        np.testing.assert_allclose(found.variances, s[:7] ** 2 / (shape[0] - 1))
        np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(7), atol=1e-10)
        np.testing.assert_allclose(np.cov(found.scores(X).T), np.diag(found.variances), atol=1e-8 * s[0] ** 2)
        assert found.share == pytest.approx(np.sum(s[:7] ** 2) / np.sum(s**2))


class TestPredictedError:
    @pytest.mark.parametrize("n_labels", [20, 100])
    def test_agrees_with_probes_that_are_trained(self, n_labels):
        rng = np.random.default_rng(0)
        Z = rng.standard_normal((6000, 30)) * np.geomspace(3, 0.1, 30)
        y = Z[:, :6] @ rng.standard_normal(6) / np.arange(1, 7).sum() + 0.1 * rng.standard_normal(6000)
        predicted = predicted_error_on_columns(Z, y, n_labels).error
        errors = [measure(Z, y[:, None], ridge, n_labels, draws=60).error for ridge in np.geomspace(1e-2, 1e3, 16)]
        assert predicted == pytest.approx(min(errors) / y.var(), rel=0.1)

    def test_columns_that_say_nothing(self):
        rng = np.random.default_rng(0)
        Z, y = rng.standard_normal((2000, 10)), rng.integers(3, size=2000)
        assert predicted_error_on_columns(Z, y, 50).error == pytest.approx(1.0, abs=0.05)
        collapsed = predicted_error_on_columns(np.ones((2000, 3)), y, 50)
        assert (collapsed.error, collapsed.standard_error) == (pytest.approx(1.02), 0.0)


class TestFamousFailures:
    def test_colour_jitter_on_a_task_of_colours_is_caught(self, coloured):
        X, colour = coloured
        found = audit(X, {"hue": [0.1, 1], "grey": [1], "shift": [1], "noise": [0.3]}, colour, n_labels=30)
        assert found.recommended["hue"] is None and found.recommended["grey"] is None, found
        assert "not hue or grey" in found.reason and "100 % of what linear functions tell" in found.reason
        for title in ("hue 1", "grey 1"):
            assert found[title].destroyed > 0.95 and found[title].predicted > 0.95, found
        for title in ("shift 1", "noise 0.3"):
            assert found[title].verdict == "helps" and found[title].destroyed < 0.05, found
        assert found.best.name in ("shift", "noise")

    def test_the_same_jitter_is_right_where_the_task_is_the_shape(self, coloured):
        found = audit(coloured[0], {"hue": [1], "shift": [2]}, DIGIT)
        assert found["hue 1"].verdict == "helps" and found["hue 1"].destroyed < 0.1, found
        assert found["shift 2"].verdict == "hurts" and found["shift 2"].destroyed > 0.8, found
        assert found["hue 1"].destroyed_variance > found["shift 2"].destroyed_variance, (
            "of the rows it is the other way"
        )

    def test_two_grey_copies_agree_and_have_lost_the_colour(self, coloured):
        X, colour = coloured
        found = audit(X, {"grey": [1]}, colour, features=ep.Linear())["grey 1"]
        np.testing.assert_allclose(found.rho, 1.0, err_msg="without chance, views agree on everything")
        assert found.destroyed > 0.95, "and yet the label is gone"

    def test_upside_down_is_no_loss_unless_by_chance(self):
        six_or_nine = np.isin(DIGIT, (6, 9))
        views = {"always": lambda X, rng: X[:, ::-1, ::-1], "by chance": half_turn, "rotation": [10]}
        found = audit(IMAGES[six_or_nine], views, DIGIT[six_or_nine], n_labels=30)
        assert found["always"].destroyed == pytest.approx(0, abs=1e-3)
        assert found["by chance"].destroyed > 0.2 and found["by chance"].verdict == "hurts", found
        assert found["rotation 10"].verdict == "helps", found

    def test_shifts_of_upright_digits_are_fine_and_quarter_turns_are_not(self):
        sys.path.insert(0, str(data_folder()))
        import datasets

        images, labels, _, _ = datasets.mnist()
        found = audit(images[:4000], {"shift": [1, 8], "quarter-turns": None}, labels[:4000])
        assert found.recommended["shift"].strength == 1 and found["shift 1"].verdict == "helps", found
        assert found.recommended["quarter-turns"] is None and found["shift 8"].verdict == "hurts", found


def test_ten_strengths_are_ranked_as_fitting_each_ranks_them():
    order = np.random.default_rng(0).permutation(len(PIXELS))
    train, test = order[:1200], order[1200:]
    strengths = np.geomspace(0.05, 3, 10)
    found = audit(PIXELS[train].reshape(-1, 8, 8), {"noise": strengths}, DIGIT[train])
    Y, measured = np.eye(10)[DIGIT], []
    for strength in strengths:
        views = [noise(IMAGES[train], np.random.default_rng(seed), strength).reshape(-1, 64) for seed in (8, 9)]
        spec = ep.spectrum(np.concatenate(views), ep.Relation.from_views(1200, 2), ep.Linear(ridge=0.01))
        Z = spec.embed(ep.VICReg()).transform(PIXELS)
        errors = []
        for draw in range(20):
            few = np.random.default_rng(draw).permutation(train)[:100]
            errors.append(np.mean((fit_ridge(Z[few], Y[few]).predict(Z[test]) - Y[test]) ** 2))
        measured.append(np.mean(errors))
    predicted = [row.predicted for row in found.rows]
    assert spearmanr(predicted, measured)[0] >= 0.8, (predicted, measured)


class TestAudit:
    def test_without_labels_nothing_is_recommended(self):
        found = audit(IMAGES[:300], ["shift", "noise"])
        assert found.recommended == {} and found.to_dict()["best"] is None
        assert found.reason.startswith("no labels, no recommendation")
        assert all(np.isnan(row.predicted) and row.verdict == "" for row in found.rows)
        assert found["shift 4"].destroyed_variance > found["shift 1"].destroyed_variance > 0
        with pytest.raises(ValueError, match="give y with a few labels"):
            _ = found.best

    def test_unchanged_rows_lose_nothing(self):
        found = audit(IMAGES[:600], ["noise"], DIGIT[:600], features=ep.Linear())
        np.testing.assert_allclose(found.unchanged.kept, 1.0)
        np.testing.assert_allclose(found.unchanged.rho, 1.0)
        assert found.unchanged.destroyed == pytest.approx(0, abs=1e-9)

    def test_a_strength_does_not_depend_on_the_others(self):
        alone = audit(IMAGES[:400], {"noise": [0.3]}, DIGIT[:400])["noise 0.3"]
        among = audit(IMAGES[:400], {"shift": [1], "noise": [1, 0.3]}, DIGIT[:400])["noise 0.3"]
        assert alone.to_dict() == among.to_dict()
        other = audit(IMAGES[:400], {"noise": [0.3]}, DIGIT[:400], random_state=1)["noise 0.3"]
        assert other.predicted != alone.predicted

    def test_few_labels_rank_as_all_do(self):
        few = np.where(np.isin(np.arange(1797), np.random.default_rng(0).permutation(1797)[:200]), DIGIT, -1)
        views = {"noise": [0.1, 0.3, 1, 3], "rotation": [10, 45, 180]}
        first, second = (audit(IMAGES, views, y) for y in (few, DIGIT))
        assert (first.n_labelled, second.n_labelled) == (200, 1797)
        assert spearmanr(*([row.predicted for row in found.rows] for found in (first, second)))[0] > 0.9
        for a, b in zip(first.rows, second.rows, strict=True):
            assert a.destroyed == pytest.approx(b.destroyed, abs=0.05)

    def test_overfitting_shows_on_held_out_rows(self):
        X = np.random.default_rng(0).standard_normal((150, 60))
        found = audit(X, {"noise": [3.0]}, features=ep.Linear()).rows[0]
        assert found.rho[:5].mean() > found.heldout[:5].mean() + 0.2

    def test_labels_of_rows_unlike_the_others_are_warned_about(self):
        y = np.where(np.arange(1797) < 200, DIGIT, -1)  # the first digits are by few writers
        with pytest.warns(UserWarning, match="no fair sample"):
            audit(IMAGES, {"noise": [0.1]}, y)

    def test_vectors_frames_texts_tensors_and_backbones(self):
        pandas, torch = require("pandas", "dev"), require("torch", "deep")
        vectors = audit(PIXELS[:300], {"noise": [0.5]}, DIGIT[:300])["noise 0.5"].to_dict()
        frame = pandas.DataFrame(PIXELS[:300])
        assert audit(frame, {"noise": [0.5]}, DIGIT[:300])["noise 0.5"].to_dict() == vectors

        def dropped(X, rng):
            return X * torch.as_tensor(rng.random(tuple(X.shape)) < 0.8)

        def mean_pool(X):
            return X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)) if isinstance(X, np.ndarray) else X.mean(dim=2)

        assert audit(torch.as_tensor(IMAGES[:200]), dropped, embed=mean_pool).n_rows == 200
        assert len(audit(IMAGES[:300], ["shift"], embed=mean_pool).variances) == 16
        texts = np.array([f"{'a' * (k % 7)}{'b' * (k % 5)}" for k in range(100)])
        counts = lambda rows: np.array([[row.count("a"), row.count("b")] for row in rows])  # noqa: E731
        found = audit(texts, {"no a": lambda rows, rng: np.char.replace(rows, "a", "")}, embed=counts)
        assert found["no a"].destroyed_variance == pytest.approx(
            np.var(np.arange(100) % 7) / counts(texts).var(0).sum(), abs=0.05
        )

    def test_real_values_as_labels(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((800, 6))

        def first_column(X, rng, strength):
            return X + strength * rng.standard_normal(X.shape) * [9, 1, 1, 1, 1, 1]

        found = audit(X, {"mine": (first_column, [0.1, 1])}, X[:, 0] + 0.01 * rng.standard_normal(800))
        assert found["mine 1"].destroyed > 0.9 > 0.5 > found["mine 0.1"].destroyed > 0.3

    def test_views_may_write_into_their_rows(self):
        def spoil(X, rng):
            X[:] = X + rng.standard_normal(X.shape)
            return X

        X = PIXELS[:200].copy()
        audit(X, spoil)
        assert np.array_equal(X, PIXELS[:200])

    @pytest.mark.parametrize(
        "X, views, options, kind, message",
        [
            (PIXELS[:10], "noise", {}, ValueError, "X has 10 rows; an audit needs at least 20"),
            (3, "noise", {}, ValueError, "X has 0 rows"),
            (PIXELS[:99], lambda X, rng: X[1:], {}, ValueError, "returned 98 rows for 99"),
            (PIXELS[:99], lambda X, rng: None, {}, ValueError, "returned NoneType for 99 rows"),
            (PIXELS[:99], {"half": lambda X, rng: X[:, :5]}, {}, ValueError, "'half' has 5 columns where"),
            (PIXELS[:99], {"root": lambda X, rng: X * np.nan}, {}, ValueError, r"'root'\[0, 0\] = nan"),
            (PIXELS[:99], {"none": lambda X, rng: 0 * X}, {}, ValueError, "'none' leaves nothing to learn from"),
            (np.ones((99, 4)), "noise", {}, ValueError, "all rows are the same"),
            (np.array(["a", "b"] * 20), lambda X, rng: X, {}, TypeError, "embed="),
            (PIXELS[:99], "noise", {"features": ep.Free()}, TypeError, "Free"),
            (PIXELS[:99], "noise", {"n_views": 1}, ValueError, "n_views = 1 is too small"),
            (PIXELS[:99], "noise", {"y": [1, 2]}, ValueError, r"y has shape \(2,\)"),
            (PIXELS[:99], "noise", {"y": np.where(np.arange(99) < 2, np.arange(99), -1)}, ValueError, "labels 2 rows"),
        ],
    )  # fmt: skip
    def test_bad_input_is_named(self, X, views, options, kind, message):
        with pytest.raises(kind, match=message):
            audit(X, views, **options)

    def test_a_result_prints_and_draws(self):
        found = audit(IMAGES[:300], {"noise": [0.3, 1], "flip": None}, DIGIT[:300], n_views=3)
        assert repr(found).count("\n") == 4 and "unchanged" in repr(found) and "<svg" in found._repr_html_()
        assert found.pictures.shape == (8, 8, 8) and found["flip"].picture.shape == (8, 8, 8)
        require("matplotlib", "plot").use("Agg")
        assert [line.get_label() for line in found.plot().lines] == ["noise 0.3", "noise 1", "flip"]
        with pytest.raises(KeyError, match=r"noise 0\.3"):
            found["noise 2"]
