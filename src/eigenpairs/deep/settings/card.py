"""The card of a run: what its network is made of and how it was trained, as plain values in `run.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from eigenpairs._names import kebab
from eigenpairs.deep.encoders import Projector, build_encoder
from eigenpairs.deep.encoders.by_name import _auto
from eigenpairs.deep.methods import Direct, Joint, Method, build_method
from eigenpairs.files import replacing_file
from eigenpairs.storage import RUN_CARD as CARD

FORMAT_VERSION = "1.0"
"""Major: a reader of another major version cannot read it. Minor: older readers may."""


def named(method: Method) -> dict[str, Any]:
    """A method as its name and all parameters: ``build_method(**named(method)) == method``."""
    own = {key: value for key, value in method.get_params().items() if key != "objective"}
    if isinstance(method, (Joint, Direct)):
        return {"name": kebab(type(method.objective).__name__)} | method.objective.get_params() | own
    return {"name": kebab(type(method).__name__)} | own


def method_of(entry: dict[str, Any]) -> Method:
    """The method that `named` wrote down."""
    return build_method(entry["name"], **{key: value for key, value in entry.items() if key != "name"})


def make_encoder(entry: Any, shape: tuple[int, ...], kind: str) -> tuple[nn.Module, Any]:
    """The encoder that a name, a dict of name and settings, or a module stands for, and what the card says of it."""
    if isinstance(entry, nn.Module):
        return build_encoder(entry, shape, kind), {"module": type(entry).__name__}
    if isinstance(entry, dict):
        name, settings = entry.get("name", "auto"), {key: value for key, value in entry.items() if key != "name"}
    else:
        name, settings = entry, {}
    name = _auto(shape, kind) if name == "auto" else name
    return build_encoder(name, shape, kind, **settings), {"name": name} | settings


def make_projector(entry: Any, n_features: int) -> tuple[nn.Module, Any]:
    """The projector of a dict of settings (hidden, n_outputs, norm), a module, or None for none."""
    if isinstance(entry, nn.Module):
        return entry, {"module": type(entry).__name__}
    if not (entry is None or isinstance(entry, Mapping)):
        raise TypeError(
            f"projector = {entry!r} is not allowed; give {{'hidden': [512], 'n_outputs': 128}}, a torch.nn.Module, or "
            "None"
        )
    entry = {"hidden": [], "n_outputs": 0} if entry is None else dict(entry)
    unknown = set(entry) - {"hidden", "n_outputs", "norm", "last_norm"}
    if unknown:
        raise ValueError(f"projector has {sorted(unknown)[0]!r}; its settings are hidden, n_outputs, norm, last_norm")
    return Projector(n_features, **(entry | {"n_outputs": entry.get("n_outputs", 128) or None})), entry


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write `run.json`, complete or not at all."""
    with replacing_file(folder / CARD, overwrite=True) as temporary:
        temporary.write_text(json.dumps(card, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_card(folder: str | os.PathLike) -> dict[str, Any]:
    """The card of a run.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder holds none, or one that this version cannot read.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no folder of a training run: there is no {CARD} in it")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        version = card["format_version"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is damaged, or the card of something else") from None
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise ValueError(f"{path} has format {version}, this version reads {FORMAT_VERSION}; update eigenpairs")
    return card
