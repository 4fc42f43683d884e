"""Numpy and torch through one door.

Losses and relations are written against the array-API standard, so that one function serves numpy arrays
and torch tensors with gradients. What the standard lacks (moving an index to a tensor's device, raising half
precision) is here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array

Array = Any
"""A numpy array or a torch tensor."""


def namespace(x: Array) -> Any:
    """The array-API namespace of `x` (numpy's or torch's)."""
    return array_namespace(x)


def like(values: np.ndarray, reference: Array, dtype: Any = None) -> Array:
    """`values` as an array of the kind of `reference`, on its device."""
    if isinstance(reference, np.ndarray):
        return values if dtype is None else values.astype(dtype, copy=False)
    xp = array_namespace(reference)
    return xp.asarray(values, dtype=dtype, device=device(reference))


def at_least_float32(x: Array) -> Array:
    """`x` itself if it is float32 or float64, otherwise a float32 copy (float64 for integers)."""
    xp = array_namespace(x)
    if x.dtype in (xp.float32, xp.float64):
        return x
    return xp.astype(x, xp.float32 if xp.isdtype(x.dtype, "real floating") else xp.float64)


def detached(x: Array) -> Array:
    """`x` without its gradient history."""
    return x.detach() if is_torch_array(x) else x


def to_numpy(x: Array, dtype: Any = None) -> np.ndarray:
    """`x` as a numpy array on the host, detached from any graph."""
    if is_torch_array(x):
        x = x.detach().cpu()
        if not hasattr(np, str(x.dtype).removeprefix("torch.")):  # bfloat16 has no numpy counterpart
            x = x.float()
        x = x.numpy()
    return np.asarray(x, dtype=dtype)


def back_like(values: np.ndarray, reference: Array) -> Array:
    """The numpy result `values` in the kind, device and float dtype of the input it was computed from."""
    if is_torch_array(reference):
        import torch

        dtype = reference.dtype if reference.dtype.is_floating_point else torch.float64
        return torch.as_tensor(values, device=reference.device).to(dtype)
    given = np.asarray(reference).dtype if not hasattr(reference, "dtype") else reference.dtype
    if isinstance(given, np.dtype) and given.kind == "f":
        return values.astype(given, copy=False)
    return values
