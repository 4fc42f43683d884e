"""Random changes of rows that `audit` knows by name, as plain functions of arrays: ``view(X, rng, strength)``.

X holds one row per sample: vectors (n, d), or images (n, H, W) or (n, H, W, C). The result has the same shape, every
row is changed by a draw of its own, X is left alone. At strength 0 nothing changes. `PRESETS` names them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

View = Callable[..., np.ndarray]
"""``view(X, rng)``, or ``view(X, rng, strength)`` where there are strengths to choose from."""


@dataclass(frozen=True)
class Preset:
    """A view by name, and the strengths tried where none are given."""

    view: View
    strengths: tuple[float, ...]
    unit: str
    images: bool = True


# ---------------------------------------------------------------- any rows


def noise(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Normal noise; strength 1 is the standard deviation of the column (vectors) or of all pixels (images)."""
    X = _real(X)
    scale = X.std(axis=0) if X.ndim == 2 else X.std()
    return X + (strength * scale * rng.standard_normal(X.shape)).astype(X.dtype)


def masking(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Each entry becomes the mean of its column with probability `strength`."""
    X = _real(X)
    return np.where(rng.random(X.shape) < strength, X.mean(axis=0), X)


def scaling(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Each row is multiplied by exp(strength * normal)."""
    X = _real(X)
    return X * _per_row(np.exp(strength * rng.standard_normal(len(X))), X)


# ------------------------------------------------------------------ images


def shift(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Moved by up to `strength` whole pixels down or up and right or left, zeros coming in.

    Every distance up to there is equally likely; 1.5 is between 1 and 2, with two pixels half as often as one.
    """
    X = _images(X, "shift")
    far = int(np.ceil(strength))
    padded = np.pad(X, ((0, 0), (far, far), (far, far), *[(0, 0)] * (X.ndim - 3)))
    moved = np.rint((strength + 0.5) * rng.uniform(-1, 1, size=(2, len(X)))).astype(int)
    start = far + np.clip(moved, -far, far)
    rows, columns = (first[:, None] + np.arange(size) for first, size in zip(start, X.shape[1:3], strict=True))
    return padded[np.arange(len(X))[:, None, None], rows[:, :, None], columns[:, None, :]]


def rotation(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Turned by up to `strength` degrees either way about the centre, bilinear, zeros coming in."""
    X = _images(X, "rotation")
    n, height, width = X.shape[:3]
    angle = np.deg2rad(rng.uniform(-strength, strength, n))[:, None, None]
    middle = (height - 1) / 2, (width - 1) / 2
    y, x = np.arange(height)[:, None] - middle[0], np.arange(width) - middle[1]
    return _bilinear(
        X, np.cos(angle) * y - np.sin(angle) * x + middle[0], np.sin(angle) * y + np.cos(angle) * x + middle[1]
    )


def quarter_turns(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by 0, 90, 180 or 270 degrees; images have to be square."""
    X = _images(X, "quarter-turns")
    if X.shape[1] != X.shape[2]:
        raise ValueError(f"quarter-turns: images of {X.shape[1]} x {X.shape[2]} pixels change their shape; crop them")
    turns = rng.integers(4, size=len(X))
    return np.choose(_per_row(turns, X), [np.rot90(X, k, axes=(1, 2)) for k in range(4)])


def flip(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Left and right exchanged in every other image."""
    X = _images(X, "flip")
    return np.where(_per_row(rng.random(len(X)) < 0.5, X), X[:, :, ::-1], X)


def erasing(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A square is set to zero at a random place; its side is `strength` times the shorter side of the image."""
    X = _images(X, "erasing")
    side = round(strength * min(X.shape[1:3]))
    inside = [
        (start[:, None] <= np.arange(size)) & (np.arange(size) < start[:, None] + side)
        for size in X.shape[1:3]
        for start in [rng.integers(0, size - side + 1, size=len(X))]
    ]
    square = inside[0][:, :, None] & inside[1][:, None, :]
    return np.where(square.reshape(*square.shape, *[1] * (X.ndim - 3)), 0, X)


def blur(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Smoothed by a Gaussian of up to `strength` pixels."""
    from scipy.ndimage import gaussian_filter

    X = _images(X, "blur")
    widths = rng.uniform(0, strength, len(X))
    return np.stack([gaussian_filter(image, width, axes=(0, 1)) for image, width in zip(X, widths, strict=True)])


def brightness(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Multiplied by 1 - strength to 1 + strength."""
    X = _images(X, "brightness")
    return X * _per_row(rng.uniform(1 - strength, 1 + strength, len(X)), X)


def contrast(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Deviations from the image's own mean multiplied by 1 - strength to 1 + strength."""
    X = _images(X, "contrast")
    mean = X.mean(axis=tuple(range(1, X.ndim)), keepdims=True)
    return mean + (X - mean) * _per_row(rng.uniform(1 - strength, 1 + strength, len(X)), X)


def grey(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """All channels become their mean, with probability `strength`."""
    X = _in_colour(X, "grey")
    return np.where(_per_row(rng.random(len(X)) < strength, X), X.mean(axis=3, keepdims=True), X)


def hue(X: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Colours turned about the grey axis by up to `strength` half circles either way: 1/3 can make red green."""
    X = _in_colour(X, "hue")
    angle = np.pi * rng.uniform(-strength, strength, len(X))[:, None, None]
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.cross(np.eye(3), axis)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)
    return np.einsum("nhwc,ndc->nhwd", X, turn.astype(X.dtype))


PRESETS: dict[str, Preset] = {
    "noise": Preset(noise, (0.1, 0.3, 1.0), "standard deviations", images=False),
    "masking": Preset(masking, (0.1, 0.3, 0.6), "share of the entries", images=False),
    "scaling": Preset(scaling, (0.1, 0.3, 1.0), "log of the factor", images=False),
    "shift": Preset(shift, (1.0, 2.0, 4.0), "pixels"),
    "rotation": Preset(rotation, (10.0, 30.0, 90.0), "degrees"),
    "quarter-turns": Preset(quarter_turns, (), ""),
    "flip": Preset(flip, (), ""),
    "erasing": Preset(erasing, (0.2, 0.5), "of the side"),
    "blur": Preset(blur, (0.5, 1.0, 2.0), "pixels"),
    "brightness": Preset(brightness, (0.2, 0.5, 0.8), "of the factor"),
    "contrast": Preset(contrast, (0.2, 0.5, 0.8), "of the factor"),
    "grey": Preset(grey, (0.2, 1.0), "probability"),
    "hue": Preset(hue, (0.1, 0.5, 1.0), "half circles"),
}


def _real(X: np.ndarray) -> np.ndarray:
    """Floating numbers: float32 and float64 stay what they are."""
    return X if X.dtype.kind == "f" else X.astype(np.result_type(X.dtype, np.float32))


def _images(X: np.ndarray, name: str) -> np.ndarray:
    if X.ndim not in (3, 4):
        raise ValueError(f"{name}: rows have shape {X.shape[1:]}; it changes images (height, width[, channels])")
    return _real(X)


def _in_colour(X: np.ndarray, name: str) -> np.ndarray:
    if X.ndim != 4 or X.shape[3] != 3:
        raise ValueError(f"{name}: rows have shape {X.shape[1:]}; it changes images of three channels, last axis")
    return _real(X)


def _per_row(values: np.ndarray, X: np.ndarray) -> np.ndarray:
    """One value a row (n,), shaped to meet the entries of X, in its precision."""
    values = values.reshape(-1, *[1] * (X.ndim - 1))
    return values.astype(X.dtype) if values.dtype.kind == "f" else values


def _bilinear(X: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Images X (n, H, W[, C]) read at real places y, x (n, H, W); zeros outside."""
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1), *[(0, 0)] * (X.ndim - 3)))
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    last = padded.shape[1] - 1, padded.shape[2] - 1
    image = np.arange(len(X))[:, None, None]
    found = np.zeros_like(X)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column))
            at = np.clip(row + down + 1, 0, last[0]), np.clip(column + right + 1, 0, last[1])
            found += weight.reshape(*weight.shape, *[1] * (X.ndim - 3)).astype(X.dtype) * padded[image, *at]
    return found
