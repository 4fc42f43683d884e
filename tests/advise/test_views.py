"""Views by name: what strength means, that every row draws for itself, that X is left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs.advise.transformations import transformations
from eigenpairs.advise.views import PRESETS, blur, flip, grey, hue, masking, noise, quarter_turns, rotation, shift

SHAPES = {"vectors": (12,), "grey": (8, 8), "colour": (8, 8, 3)}


def rows_for(name: str, n: int = 40, dtype: type = np.float64) -> np.ndarray:
    """Rows that a preset understands."""
    shape = SHAPES["colour" if name in ("grey", "hue") else "grey" if PRESETS[name].images else "vectors"]
    return (255 * np.random.default_rng(0).random((n, *shape))).astype(dtype)


def changed(name: str, X: np.ndarray, strength: float | None = None, seed: int = 1) -> np.ndarray:
    arguments = () if strength is None else (strength,)
    return PRESETS[name].view(X, np.random.default_rng(seed), *arguments)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_shape_and_precision_stay_and_rows_are_not_written_to(name, dtype):
    X = rows_for(name, dtype=dtype)
    before = X.copy()
    for strength in PRESETS[name].strengths or (None,):
        Z = changed(name, X, strength)
        assert Z.shape == X.shape, f"{name} changes the shape"
        assert Z.dtype == (np.float32 if dtype == np.uint8 else dtype), f"{name} changes the precision"
        assert np.isfinite(Z).all() and np.abs(Z - X).max() > 0, f"{name} {strength} does nothing"
    assert np.array_equal(X, before), f"{name} writes into its rows"


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.strengths])
def test_strength_zero_changes_nothing(name):
    X = rows_for(name)
    np.testing.assert_allclose(changed(name, X, 0.0), X, atol=1e-12, err_msg=f"{name} at strength 0")


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_draws_for_itself(name):
    X = np.repeat(rows_for(name, 1), 60, axis=0)
    X = X + np.arange(60)[:, None] if name in ("masking", "noise") else X  # equal rows are their own mean
    strength = max(PRESETS[name].strengths, default=None)
    if name == "grey":
        strength = 0.5
    first = (changed(name, X, strength) - X).reshape(60, -1)
    assert len(np.unique(first.round(9), axis=0)) > 1, f"{name} changes all rows of a batch alike"


@pytest.mark.parametrize("name", PRESETS)
def test_the_generator_decides(name):
    X, strength = rows_for(name), max(PRESETS[name].strengths, default=None)
    strength = 0.5 if name == "grey" else strength
    assert np.array_equal(changed(name, X, strength), changed(name, X, strength))
    assert not np.array_equal(changed(name, X, strength), changed(name, X, strength, seed=2))


class Highest:
    """A generator whose draws are the upper ends of their ranges."""

    def uniform(self, low, high, size):
        return np.full(size, high)


@given(st.integers(4, 9), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_quarter_and_full_turns(side, channels):
    X = np.random.default_rng(side).random((3, side, side, channels))
    np.testing.assert_allclose(rotation(X, Highest(), 360.0), X, atol=1e-9)
    np.testing.assert_allclose(rotation(X, Highest(), 180.0), X[:, ::-1, ::-1], atol=1e-9)
    turned = quarter_turns(X, np.random.default_rng(0))
    for before, after in zip(X, turned, strict=True):
        assert any(np.array_equal(after, np.rot90(before, k)) for k in range(4))


@given(st.integers(0, 4), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_shift_moves_by_whole_pixels_and_no_further(strength, seed):
    X = np.zeros((200, 11, 13))
    X[:, 5, 6] = 1
    at = np.argwhere(shift(X, np.random.default_rng(seed), float(strength)))[:, 1:] - [5, 6]
    assert len(at) == 200, "a pixel was lost or blurred"
    assert np.abs(at).max() <= strength
    assert strength == 0 or len(np.unique(at, axis=0)) > 2 * strength, "few of the distances are ever drawn"


def test_hues_turn_about_grey():
    red = np.zeros((1, 4, 4, 3))
    red[..., 0] = 1
    np.testing.assert_allclose(hue(red, Highest(), 2 / 3)[0, 0, 0], [0, 1, 0], atol=1e-12)
    white = np.ones((5, 4, 4, 3))
    np.testing.assert_allclose(hue(white, np.random.default_rng(0), 1.0), white, atol=1e-12)
    assert np.ptp(grey(rows_for("grey"), np.random.default_rng(0), 1.0), axis=3).max() == pytest.approx(0, abs=1e-9)


def test_strengths_are_in_the_units_they_name():
    X = np.random.default_rng(0).standard_normal((20000, 3)) * [1.0, 10.0, 0.0]
    added = noise(X, np.random.default_rng(1), 0.5) - X
    np.testing.assert_allclose(added.std(axis=0), [0.5, 5.0, 0.0], rtol=0.03)
    masked = masking(X[:, :2], np.random.default_rng(1), 0.3) != X[:, :2]
    assert masked.mean() == pytest.approx(0.3, abs=0.01)
    flipped = flip(rows_for("flip", 400), np.random.default_rng(1))
    assert 0.4 < np.mean([not np.array_equal(a, b) for a, b in zip(flipped, rows_for("flip", 400))]) < 0.6
    smooth = blur(rows_for("blur"), np.random.default_rng(0), 2.0)
    np.testing.assert_allclose(smooth.mean(axis=(1, 2)), rows_for("blur").mean(axis=(1, 2)), rtol=0.1)


@pytest.mark.parametrize(
    "name, X, message",
    [
        ("shift", np.zeros((30, 8)), r"shift: rows have shape \(8,\); it changes images"),
        ("hue", np.zeros((30, 8, 8)), "images of three channels"),
        ("quarter-turns", np.zeros((30, 8, 9)), "8 x 9 pixels change their shape"),
    ],
)
def test_rows_that_are_no_such_images_are_refused(name, X, message):
    with pytest.raises(ValueError, match=message):
        changed(name, X, *PRESETS[name].strengths[:1])


class TestTransformations:
    def test_every_way_to_name_them(self):
        def mine(X, rng, strength=0):
            return X

        def titles(views):
            return [each.title for each in transformations(views)]

        assert titles(mine) == ["mine"]
        assert titles("flip") == ["flip"] and titles(["flip", "shift"]) == ["flip", "shift 1", "shift 2", "shift 4"]
        assert titles({"a": mine, "b": (mine, [0.1, 1]), "shift": np.array([3]), "noise": None}) == [
            "a", "b 0.1", "b 1", "shift 3", "noise 0.1", "noise 0.3", "noise 1",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "views, kind, message",
        [
            ({}, ValueError, "views is empty"),
            (3, TypeError, "views is a int"),
            (["jitter"], ValueError, "'jitter' is no preset .*noise"),
            ({"mine": [1, 2]}, ValueError, "'mine' is no preset"),
            ({"shift": "far"}, TypeError, "view\\(X, rng, strength\\)"),
            ({"shift": [np.nan]}, ValueError, "is not allowed"),
        ],
    )
    def test_what_cannot_be_a_view_is_refused(self, views, kind, message):
        with pytest.raises(kind, match=message):
            transformations(views)
