"""Checkpoints: a folder with weights, the state of the optimiser, and counters.

`weights.safetensors` holds the parameters and buffers under their names, for anybody to read; `state.safetensors` and
`state.json` hold the rest, with checksums of all three. Nothing in it can execute code. The folder appears complete or
not at all, and the previous one stays until then. Random numbers are drawn anew in every epoch, from the seed and its
number, so no generator has a state to keep.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from eigenpairs.deep.checkpoints.tensor_tree import alone, join, split
from eigenpairs.deep.checkpoints.weights import Modules, check_weights, named_weights, place_weights
from eigenpairs.files import replacing_folder
from eigenpairs.storage import card_checksum, package_version

FORMAT_VERSION = "1.0"
"""Major: a reader of another major version cannot read it. Minor: older readers may."""

WEIGHTS, TENSORS, STATE = "weights.safetensors", "state.safetensors", "state.json"


def save_checkpoint(
    folder: str | os.PathLike,
    modules: Modules,
    optimizer: Any = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint, in place of the one that is there.

    Parameters
    ----------
    folder : path
        Its parent must exist.
    modules : Module or dict of modules
        With a dict, names of weights begin with the key and a dot. Modules and optimizers may be wrapped by Fabric or
        `torch.compile`.
    optimizer : torch Optimizer, optional
    extra : dict, optional
        Nested dicts, lists and tuples of numbers, texts, tensors and arrays: epoch, step, best value.

    Raises
    ------
    FileExistsError
        If the folder holds files that are no part of a checkpoint.
    TypeError
        If `extra` holds anything else. The previous checkpoint is left as it was.

    Examples
    --------
    >>> import tempfile, torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> with tempfile.TemporaryDirectory() as run:
    ...     save_checkpoint(f"{run}/last", model, optimizer, extra={"epoch": 3})
    ...     load_checkpoint(f"{run}/last", model, optimizer)
    {'epoch': 3}
    """
    target = Path(folder)
    weights = {name: alone(value) for name, value in named_weights(modules).items()}
    tree = {
        "optimizer": None if optimizer is None else {"kind": _kind(optimizer), "state": optimizer.state_dict()},
        "extra": extra or {},
    }
    plain, tensors = split(tree)
    card: dict[str, Any] = {"format": "eigenpairs checkpoint", "format_version": FORMAT_VERSION}
    card |= {"package_version": package_version(), "torch_version": str(torch.__version__), "state": plain}
    with replacing_folder(target, overwrite=True, only={WEIGHTS, TENSORS, STATE}) as temporary:
        card["sha256"] = {
            name: _write(temporary / name, part) for name, part in ((WEIGHTS, weights), (TENSORS, tensors))
        }
        card["card_sha256"] = card_checksum(card)
        _write_through(temporary / STATE, json.dumps(card, indent=1, allow_nan=False).encode())
    for aside in _moved_aside(target):  # left by a process that was killed between two renames
        shutil.rmtree(aside, ignore_errors=True)


def load_checkpoint(
    folder: str | os.PathLike,
    modules: Modules | None = None,
    optimizer: Any = None,
) -> dict[str, Any]:
    """Put modules and optimizer into the state that `save_checkpoint` kept, exactly; returns `extra`.

    What is not given is not restored; ``load_checkpoint(folder)`` reads `extra` alone. Everything is checked before
    anything is changed.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If it is damaged, not ours, of a newer major version, or of another network or optimiser: one line.
    """
    folder = _standing(Path(folder))
    card = _read_card(folder / STATE)
    tensors = _read_tensors(folder / TENSORS, card)
    weights = {} if modules is None else _read_tensors(folder / WEIGHTS, card)
    try:
        tree = join(card["state"], tensors)
        kept, extra = tree["optimizer"], tree["extra"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{folder / STATE} lacks or mistypes an entry ({error})") from None
    if modules is not None:
        check_weights(folder / WEIGHTS, weights, modules)
    if optimizer is not None:
        _check_optimizer(folder / STATE, kept, optimizer)
    if modules is not None:
        place_weights(weights, modules)
    if optimizer is not None:
        _restore_optimizer(optimizer, kept["state"])
    return extra


def load_weights(folder: str | os.PathLike, modules: Modules) -> None:
    """Put the weights of a checkpoint into modules: with a dict, those of its keys, whatever else was saved.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_checkpoint`.
    """
    folder = _standing(Path(folder))
    weights = _read_tensors(folder / WEIGHTS, _read_card(folder / STATE))
    if not isinstance(modules, nn.Module):
        weights = {name: value for name, value in weights.items() if name.partition(".")[0] in modules}
    check_weights(folder / WEIGHTS, weights, modules)
    place_weights(weights, modules)


def has_checkpoint(folder: str | os.PathLike) -> bool:
    """Whether `load_checkpoint` would find one there."""
    return (_standing(Path(folder)) / STATE).is_file()


def _kind(optimizer: Any) -> str:
    return type(getattr(optimizer, "optimizer", optimizer)).__name__  # Fabric holds it in an attribute


def _check_optimizer(file: Path, kept: Any, optimizer: Any) -> None:
    if kept is None:
        raise ValueError(f"{file} keeps no optimizer: training cannot go on from it")
    if kept["kind"] != _kind(optimizer):
        raise ValueError(f"{file} is of the optimizer {kept['kind']}, not {_kind(optimizer)}")
    given, own = (
        [len(group["params"]) for group in groups] for groups in (kept["state"]["param_groups"], optimizer.param_groups)
    )
    if given != own:
        raise ValueError(f"{file}: the optimizer has groups of {given} parameters, this one {own}")
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    for at, entries in kept["state"]["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameters[at].shape:
                raise ValueError(
                    f"{file}: {name} of parameter {at} has shape {tuple(value.shape)}, the parameter here "
                    f"{tuple(parameters[at].shape)}"
                )


def _restore_optimizer(optimizer: Any, state: dict[str, Any]) -> None:
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    for at, entries in state["state"].items():
        for name, value in entries.items():
            if (
                isinstance(value, Tensor)
                and value.shape == parameters[at].shape
                and value.dtype == parameters[at].dtype
            ):
                # In the memory layout of the parameter (channels last), which is how the optimizer makes it.
                entries[name] = torch.empty_like(parameters[at], requires_grad=False).copy_(value)
    optimizer.load_state_dict(state)


def _standing(folder: Path) -> Path:
    """The folder, or the previous one where a process was killed between moving it aside and naming the new one."""
    if folder.exists():
        return folder
    aside = [path / "old" for path in _moved_aside(folder) if (path / "old" / STATE).is_file()]
    return max(aside, key=lambda path: path.stat().st_mtime, default=folder)


def _moved_aside(folder: Path) -> list[Path]:
    return list(folder.parent.glob(f".{folder.name}-old-*"))


def _write(file: Path, tensors: Mapping[str, Tensor]) -> str:
    from safetensors.torch import save as to_bytes

    blob = to_bytes(dict(tensors))
    _write_through(file, blob)
    return hashlib.sha256(blob).hexdigest()


def _write_through(file: Path, blob: bytes) -> None:
    """Down to the disk: a rename may reach it before the content does."""
    with file.open("wb") as stream:
        stream.write(blob)
        stream.flush()
        os.fsync(stream.fileno())


def _read_tensors(file: Path, card: Mapping[str, Any]) -> dict[str, Tensor]:
    from safetensors.torch import load as from_bytes

    if not file.is_file():
        raise ValueError(f"{file} is missing: the checkpoint is incomplete, copy the whole folder")
    blob = file.read_bytes()
    if hashlib.sha256(blob).hexdigest() != card["sha256"][file.name]:
        raise ValueError(f"{file} does not match its checksum in {STATE}: it is truncated, changed, or of another run")
    return from_bytes(blob)


def _read_card(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise FileNotFoundError(f"{file.parent} holds no {STATE}; give a checkpoint's folder")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError
        raise ValueError(f"{file} is not readable JSON ({error}): truncated or not ours") from None
    if not isinstance(card, dict) or card.get("format") != "eigenpairs checkpoint":
        raise ValueError(f"{file} is not of an eigenpairs checkpoint")
    major = str(card.get("format_version")).partition(".")[0]
    if not major.isdigit() or int(major) > int(FORMAT_VERSION.partition(".")[0]):
        raise ValueError(
            f"{file} has format version {card.get('format_version')}, this eigenpairs reads up to {FORMAT_VERSION}; "
            "install a newer eigenpairs"
        )
    if card.pop("card_sha256", None) != card_checksum(card):
        raise ValueError(f"{file} does not match its own checksum: it was changed by hand or damaged")
    return card
