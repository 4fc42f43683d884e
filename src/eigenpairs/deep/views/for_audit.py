"""A chain of torch views as the plain function of rows that `ep.audit` takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from eigenpairs.deep.views.base import View
from eigenpairs.deep.views.chain import Chain
from eigenpairs.deep.views.color import Normalise


def as_rows_view(view: View, series: bool = False) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """``view(X, rng)`` for `ep.audit`: an array of rows in, one view of each row out, in the same shape and units.

    Parameters
    ----------
    view : View or Chain
        A `Normalise` in it is left out, since the clean rows that the audit compares with are not normalised.
    series : bool, default False
        Take X (n, time) or (n, channels, time) as series. Without it, two axes are rows, three are images of one
        channel (n, H, W) and four are images (n, H, W, C).

    Returns
    -------
    callable
        Raises ValueError if floating images leave [0, 1]; uint8 images come back on the scale of 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> import eigenpairs as ep
    >>> from eigenpairs.deep.views import as_rows_view, preset
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(3, size=300)
    >>> ink = np.eye(3)[y][:, None, None, :] * rng.random((300, 6, 6, 1))  # red, green or blue
    >>> found = ep.audit(ink, {"cifar": as_rows_view(preset("byol-cifar")[0])}, y)
    >>> 0 < found["cifar"].destroyed < 1
    True
    """
    chain = Chain([view]) if not isinstance(view, Chain) else view
    chain = chain.without(Normalise)

    def change(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        X = np.asarray(X)
        batch = _batch(X, series)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        out = chain(batch, generator)[0].mul(255 if batch.dtype == torch.uint8 else 1).numpy()
        out = np.moveaxis(out, 1, -1) if X.ndim == 4 else out
        return out.reshape(X.shape) if out.size == X.size else out

    return change


def _batch(X: np.ndarray, series: bool) -> Tensor:
    """X as the tensor a view takes."""
    if not series and X.ndim > 2:
        if X.dtype != np.uint8 and len(X) and (X.min() < 0 or X.max() > 1):
            raise ValueError(f"X is from {X.min():g} to {X.max():g}; give images as uint8 or scaled to [0, 1]")
        X = X[:, None] if X.ndim == 3 else np.moveaxis(X, -1, 1)
    elif series and X.ndim == 2:
        X = X[:, None]
    return torch.from_numpy(np.array(X, dtype=np.uint8 if X.dtype == np.uint8 and X.ndim == 4 else np.float32))
