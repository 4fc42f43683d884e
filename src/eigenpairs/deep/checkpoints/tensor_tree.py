"""Nested state as JSON beside named tensors: optimisers and counters on disk without pickle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

MARK = "$"
"""The key of the objects that stand for what JSON lacks; no dict of ours has it."""


def split(tree: Any, name: str = "state") -> tuple[Any, dict[str, Tensor]]:
    """`tree` as plain JSON values, and the tensors in it by their place.

    Parameters
    ----------
    tree : nested dicts, lists and tuples of tensors, arrays, numbers, texts and None
        Keys of dicts are texts or whole numbers.
    name : str
        What the names of tensors begin with.

    Raises
    ------
    TypeError
        If there is anything else in it; the message has its place.

    Examples
    --------
    >>> import torch
    >>> split({"step": 3, "betas": (0.9, 0.999), "mean": torch.ones(2)}, "own")
    ({'step': 3, 'betas': {'$': 'tuple', 'of': [0.9, 0.999]}, 'mean': {'$': 'tensor', 'of': 'own.mean'}},
     {'own.mean': tensor([1., 1.])})
    """
    tensors: dict[str, Tensor] = {}
    return _split(tree, name, tensors), tensors


def join(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `split` took apart; tensors are on the CPU.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the parts are not what `split` gives.
    """
    if isinstance(plain, list):
        return [join(entry, tensors) for entry in plain]
    if not isinstance(plain, dict):
        return plain
    if MARK not in plain:
        return {key: join(entry, tensors) for key, entry in plain.items()}
    kind, of = plain[MARK], plain["of"]
    if kind == "tensor":
        return tensors[of]
    if kind == "array":
        return tensors[of].numpy()
    if kind == "tuple":
        return tuple(join(entry, tensors) for entry in of)
    if kind == "float":
        return float(of)
    if kind == "items":
        return {key: join(entry, tensors) for key, entry in of}
    raise ValueError(f"unknown entry {kind!r}")


def alone(tensor: Tensor) -> Tensor:
    """A copy on the CPU, contiguous and sharing its memory with no other (tied weights do), for safetensors."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _split(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, np.generic):
        tree = tree.item()
    if tree is None or isinstance(tree, (bool, int, str)):
        return tree
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else {MARK: "float", "of": repr(tree)}
    if isinstance(tree, Tensor):
        return _hold(tree, "tensor", name, tensors)
    if isinstance(tree, np.ndarray) and tree.dtype.kind in "biuf":
        return _hold(torch.from_numpy(np.ascontiguousarray(tree)), "array", name, tensors)
    if isinstance(tree, (list, tuple)):
        entries = [_split(entry, f"{name}.{at}", tensors) for at, entry in enumerate(tree)]
        return entries if isinstance(tree, list) else {MARK: "tuple", "of": entries}
    if isinstance(tree, dict) and all(type(key) in (int, str) for key in tree):
        items = [[key, _split(entry, f"{name}.{key}", tensors)] for key, entry in tree.items()]
        plain = all(isinstance(key, str) and key != MARK for key in tree)
        return dict(items) if plain else {MARK: "items", "of": items}
    raise TypeError(f"{name} is a {type(tree).__name__}, which has no place in a checkpoint; give numbers or tensors")


def _hold(tensor: Tensor, kind: str, name: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    key = name
    while key in tensors:  # {"a": {"b": ...}, "a.b": ...}
        key += "'"
    tensors[key] = alone(tensor)
    return {MARK: kind, "of": key}
