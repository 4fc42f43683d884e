"""What a module answers on samples when nothing may change: eval mode, no gradient, and every mode put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eigenpairs._validate import whole_number
from eigenpairs.deep.network import as_floats

View = Callable[[Tensor, Any], tuple[Tensor, dict[str, Tensor]]]
"""``out, drawn = view(x, generator)``: one independent draw per sample."""


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """The module in eval mode and without gradients; afterwards each part is in the mode it had.

    ``module.train()`` would not do for that: parts that a user keeps in eval mode would leave it.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def device_of(module: nn.Module) -> torch.device:
    """Where the module's first parameter or buffer is; the CPU for a module without any."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def batches(
    samples: Any, rows: np.ndarray, device: Any, batch_size: int, view: View | None = None, generator: Any = None
) -> Iterator[Tensor]:
    """Samples of these numbers as float32 on a device, through `view` if there is one, images of bytes in [0, 1]."""
    for start in range(0, len(rows), batch_size):
        x = samples.take(rows[start : start + batch_size], device)
        yield as_floats(x if view is None else view(x, generator)[0])


def features(
    encoder: nn.Module,
    samples: Any,
    device: Any = None,
    batch_size: int = 512,
    view: View | None = None,
    generator: Any = None,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Frozen features of samples: eval mode, no gradient, no augmentation.

    Parameters
    ----------
    encoder : torch.nn.Module
        From a batch (b, *shape) to features (b, d), or to a tuple that begins with them, as `Network` does. Its parts
        leave in the mode they came in.
    samples : Samples
    device : torch device or str, optional
        Where the encoder is, by default.
    batch_size : int, default 512
    view : view, optional
        What inputs go through first, for an encoder that does not bring them into its own units.
    generator : torch.Generator, optional
        Passed to the view.
    rows : (n,) integers, optional
        Numbers of the samples; all by default.

    Returns
    -------
    (n, d) float32

    Raises
    ------
    TypeError, ValueError
        If the encoder gives anything but one row of numbers per sample.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from eigenpairs.deep.data.samples import Samples
    >>> rows = Samples(np.arange(12.0).reshape(6, 2), "rows")
    >>> features(torch.nn.Linear(2, 3), rows).shape
    (6, 3)
    """
    whole_number(batch_size, "batch_size", 1)
    device = device_of(encoder) if device is None else torch.device(device)
    rows = np.arange(len(samples)) if rows is None else np.asarray(rows)
    with eval_mode(encoder):
        parts = [
            to_host(_table(encoder(x), len(x))) for x in batches(samples, rows, device, batch_size, view, generator)
        ]
    if not parts:
        raise ValueError("samples holds no row to embed; give at least one")
    return np.concatenate(parts)


def _table(out: Any, n: int) -> Tensor:
    out = out[0] if isinstance(out, tuple) and out else out
    if not isinstance(out, Tensor):
        raise TypeError(f"encoder returns a {type(out).__name__}; give one that returns a tensor of shape ({n}, d)")
    if out.ndim != 2 or len(out) != n:
        raise ValueError(f"encoder returns shape {tuple(out.shape)} for {n} samples; give one that returns ({n}, d)")
    return out


def to_host(x: Tensor) -> np.ndarray:
    """As float32 on the CPU; bfloat16 has no counterpart there."""
    found: np.ndarray = x.float().cpu().numpy()
    return found
