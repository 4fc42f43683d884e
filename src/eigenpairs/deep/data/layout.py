"""Arrays of the user as inputs: what kind they are, and where the channels of images lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import one_of
from eigenpairs.deep.data.samples import DIMENSIONS, KINDS

LAYOUTS = ("channels-first", "channels-last")
SHAPES = {
    "images": "(n, H, W), (n, H, W, C) or (n, C, H, W)",
    "rows": "(n, d)",
    "series": "(n, T) or (n, C, T)",
}
CHECKED_WHOLE, CHECKED_ROWS = 2**28, 4096
"""Arrays up to so many bytes are searched for bad values as a whole, larger ones in so many rows spread evenly."""

LARGEST = float(np.finfo(np.float32).max) / 2
"""So that the difference of two numbers is still one of float32."""


def arranged(X: Any, kind: str | None, layout: str | None = None, name: str = "data") -> tuple[Any, str]:
    """`X` as images (n, C, H, W), rows (n, d) or series (n, C, T), and which of them it is.

    Without `kind`: two dimensions are rows, four are images, three are grey images if they are uint8 and otherwise
    refused, because they may be images (n, H, W) or series (n, C, T). Of four dimensions, the channels are axis 1 or
    axis 3, whichever has at most 4 entries; if both or neither has, `layout` must say. Series (n, T) need
    ``kind="series"``. Nothing is copied, save numbers that NumPy or torch do not have: in the byte order of another
    machine, longer than float64, or bfloat16.

    Raises
    ------
    TypeError, ValueError
        If the shape fits no kind or several, values are no numbers, not finite, too large for float32, or images
        outside [0, 1], or `layout` is given for anything but images.
    """
    if layout is not None:
        one_of(layout, "layout", LAYOUTS)
    shape = tuple(X.shape)
    if isinstance(X, Tensor):
        X = X.detach()
        if X.is_complex():
            raise TypeError(f"{name} has dtype {X.dtype}; give real numbers")
        if not hasattr(np, str(X.dtype).removeprefix("torch.")):  # bfloat16 and shorter floats
            X = X.float()
    else:
        if X.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {X.dtype}; give real numbers")
        if X.dtype.kind == "f" and X.dtype.itemsize > 8:  # torch has no longer ones
            X = X.astype(np.float64)
        if not X.dtype.isnative:  # torch knows no other byte order
            X = X.astype(X.dtype.newbyteorder("="))
    if 0 in shape or len(shape) < 2:
        raise ValueError(f"{name} has shape {shape}; give at least one sample with at least one number, samples first")
    kind = _kind(shape, str(X.dtype).endswith("uint8"), name) if kind is None else one_of(kind, "kind", KINDS)
    if layout is not None and kind != "images":
        raise ValueError(
            f"layout = {layout!r} says where images have their channels; {name} holds {kind}: leave it out"
        )
    if kind == "images":
        X = _channels_first(X, layout, name)
    elif kind == "series" and len(shape) == 2:
        X = X[:, None, :]
    if X.ndim != DIMENSIONS[kind]:
        raise ValueError(f"{name} has shape {shape}; {kind} have the shape {SHAPES[kind]}")
    _check_values(X, kind, name)
    return X, kind


def _kind(shape: tuple[int, ...], bytes_: bool, name: str) -> str:
    if len(shape) == 3 and not bytes_:
        raise ValueError(
            f"{name} has shape {shape}: images (n, H, W) or series (n, C, T)? say kind = 'images' or kind = 'series'"
            " (ep.deep.samples(data, kind=...), in a configuration [data] kind)"
        )
    if len(shape) > 4:
        raise ValueError(f"{name} has shape {shape}; give rows (n, d), images or series")
    return "rows" if len(shape) == 2 else "images"


def _channels_first(X: Any, layout: str | None, name: str) -> Any:
    if X.ndim == 3:
        return X[:, None]
    if X.ndim != 4:
        return X  # refused by the caller
    first, last = X.shape[1] <= 4, X.shape[3] <= 4
    if layout is None and first == last:
        why = "both axis 1 and axis 3 have" if first else "neither axis 1 nor axis 3 has"
        raise ValueError(
            f"{name} has shape {tuple(X.shape)}: {why} 1 to 4 entries, so where the channels lie is unclear; "
            "say layout = 'channels-first' or layout = 'channels-last'"
        )
    if layout == "channels-first" or (layout is None and first):
        return X
    return X.permute(0, 3, 1, 2) if isinstance(X, Tensor) else X.transpose(0, 3, 1, 2)


def _check_values(X: Any, kind: str, name: str) -> None:
    """Raise for what training could not use: NaN, inf, what is inf in float32, images that are neither uint8 nor
    floats in [0, 1]."""
    dtype = str(X.dtype).removeprefix("torch.")
    if dtype == "uint8":
        return
    floating = "float" in dtype
    if kind == "images" and not floating:
        raise TypeError(f"{name} has dtype {dtype}; images are uint8, or floats in [0, 1]")
    if not floating:
        return
    n = len(X)
    step = 1 if X.nbytes <= CHECKED_WHOLE else -(-n // CHECKED_ROWS)
    for start in range(0, n, 1024 * step):
        chunk = to_numpy(X[start : start + 1024 * step : step])
        low, high = float(chunk.min()), float(chunk.max())  # NaN survives both
        if not (np.isfinite(low) and np.isfinite(high)):
            row = start + step * int(np.argwhere(~np.isfinite(chunk))[0][0])
            raise ValueError(f"{name}: sample {row} holds NaN or inf; drop or impute such samples")
        if max(-low, high) > LARGEST:
            row, *rest = (int(k) for k in np.argwhere(np.abs(chunk) > LARGEST)[0])
            value, at = float(chunk[row, *rest]), rest[0] if len(rest) == 1 else tuple(rest)
            raise ValueError(
                f"{name}: row {start + step * row}, column {at} is {value:g}, too large for float32, in which networks "
                f"compute (up to {LARGEST:.2g}); rescale that column"
            )
        if kind == "images" and (low < 0 or high > 1):
            raise ValueError(
                f"{name} holds pixels of {low:g} to {high:g}; float images lie in [0, 1]: rescale them "
                "(divide by the largest value possible), or give uint8"
            )
