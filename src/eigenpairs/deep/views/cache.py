"""How much of a batch to change at a time."""

from __future__ import annotations

from torch import Tensor

IN_CACHE = 2**18
"""Entries that a CPU keeps near: no step of a view then waits for memory, nor asks the system for more of it."""

ELSEWHERE = 2**26


def at_once(x: Tensor, entries: int = IN_CACHE) -> int:
    """How many samples of x (b, ...) to change at a time: so many entries on a CPU, more on other devices."""
    return max((entries if x.device.type == "cpu" else ELSEWHERE) // max(x[:1].numel(), 1), 1)
