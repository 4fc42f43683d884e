"""The parameters and buffers of modules by name: what a checkpoint keeps of them, and putting it back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from torch import Tensor, nn

Modules: TypeAlias = "nn.Module | Mapping[str, nn.Module]"


def named_weights(modules: Modules) -> dict[str, Tensor]:
    """Parameters and buffers of a module, or of several, where the key and a dot come before each name.

    Names are those of the plain module where `torch.compile` or Fabric wraps it.

    Raises
    ------
    TypeError
        If a module keeps something else in its state.
    """
    found = {}
    for prefix, module in _by_prefix(modules).items():
        for name, value in module.state_dict().items():
            if not isinstance(value, Tensor):
                raise TypeError(f"{prefix}{name} is a {type(value).__name__}; only tensors can be kept as weights")
            found[prefix + _clean(name)] = value
    return found


def check_weights(file: Path, given: Mapping[str, Tensor], modules: Modules) -> None:
    """Raise ValueError, in one line that begins with `file`, unless `given` are weights of these modules."""
    own = named_weights(modules)
    for name, value in own.items():
        if name not in given:
            raise ValueError(f"{file} lacks {name!r}, which this network has: it is of another network")
        if given[name].shape != value.shape or given[name].dtype != value.dtype:
            raise ValueError(
                f"{file}: {name!r} is {_described(given[name])}, in this network {_described(value)}: "
                "it is of another network"
            )
    for name in given:
        if name not in own:
            raise ValueError(f"{file} holds {name!r}, which this network lacks: it is of another network")


def place_weights(given: Mapping[str, Tensor], modules: Modules) -> None:
    """Copy checked weights into modules."""
    for prefix, module in _by_prefix(modules).items():
        module.load_state_dict({name: given[prefix + _clean(name)] for name in module.state_dict()})


def _by_prefix(modules: Modules) -> dict[str, nn.Module]:
    return {"": modules} if isinstance(modules, nn.Module) else {f"{name}.": part for name, part in modules.items()}


def _clean(name: str) -> str:
    """The name without what `torch.compile` puts before it."""
    return name.replace("_orig_mod.", "")


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
