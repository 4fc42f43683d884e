"""Random generators of torch and NumPy: their states, and those that layers such as dropout draw from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

Generators = Mapping[str, torch.Generator | np.random.Generator]


def default_generators(device: str | torch.device = "cpu") -> dict[str, Any]:
    """torch's own generators, which dropout and the like draw from: the CPU's and that of a CUDA device.

    Examples
    --------
    >>> list(default_generators("cpu"))
    ['torch']
    """
    device = torch.device(device)
    found = {"torch": torch.default_generator}
    if device.type == "cuda":
        torch.cuda.init()
        at = torch.cuda.current_device() if device.index is None else device.index
        found["cuda"] = torch.cuda.default_generators[at]
    return found


def generator_states(generators: Generators) -> dict[str, Any]:
    """The state of each generator, as tensors, arrays and numbers.

    Raises
    ------
    TypeError
        If one of them is no generator.
    """
    return {name: _state(name, generator) for name, generator in generators.items()}


def set_generators(generators: Generators, states: Mapping[str, Any]) -> None:
    """Put generators into the states of `generator_states`.

    Raises
    ------
    ValueError
        If a state is missing or of another kind of generator.
    """
    for name, generator in generators.items():
        kind = _kind(name, generator)
        if name not in states or states[name]["kind"] != kind:
            given = f"that of {states[name]['kind']}" if name in states else "none"
            raise ValueError(f"generator {name!r} is of {kind}; the state kept for it is {given}")
    for name, generator in generators.items():
        if isinstance(generator, torch.Generator):
            generator.set_state(states[name]["state"])
        else:
            generator.bit_generator.state = states[name]["state"]


def _state(name: str, generator: Any) -> dict[str, Any]:
    kind = _kind(name, generator)
    held = generator.get_state() if isinstance(generator, torch.Generator) else generator.bit_generator.state
    return {"kind": kind, "state": held}


def _kind(name: str, generator: Any) -> str:
    if isinstance(generator, torch.Generator):
        return f"torch on {generator.device.type}"
    if isinstance(generator, np.random.Generator):
        return f"numpy {type(generator.bit_generator).__name__}"
    raise TypeError(f"generator {name!r} is a {type(generator).__name__}; give a torch.Generator or a numpy Generator")
