"""Encoders by name, and any module of the user as an encoder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import nn

from eigenpairs._validate import one_of
from eigenpairs.deep.encoders.conv_net import ConvNet
from eigenpairs.deep.encoders.mlp import MLP
from eigenpairs.deep.encoders.res_net import resnet18, resnet50
from eigenpairs.deep.encoders.series_net import SeriesNet

KINDS = ("images", "rows", "series")
ANY, IMAGES, SERIES = KINDS, ("images",), ("series",)

ENCODERS: dict[str, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    "conv-net": (ConvNet, IMAGES),
    "linear": (MLP, ANY),
    "mlp": (MLP, ANY),
    "resnet18": (resnet18, IMAGES),
    "resnet50": (resnet50, IMAGES),
    "series-net": (SeriesNet, SERIES),
}
"""Name: what makes the encoder, and the kinds of samples it takes."""

SMALL, TINY = 96, 64
"""Up to so many pixels "auto" is the ConvNet, and up to so many a ResNet has the stem "cifar" where none is given."""


def build_encoder(
    name: str | nn.Module, samples_shape: Sequence[int], kind: str = "rows", **settings: Any
) -> nn.Module:
    """An encoder with the attribute `n_features`, by name or from a module.

    Parameters
    ----------
    name : ``"mlp"``, ``"linear"`` (one linear map), ``"conv-net"``, ``"series-net"``, ``"resnet18"``,
        ``"resnet50"``, ``"timm:NAME"`` (a model of the package timm, without pretrained weights unless
        ``pretrained=True``), or ``"auto"``: mlp for rows, series-net for series, conv-net for images of up to 96
        pixels and resnet18 beyond. A module is returned as it is, after a dry run in eval mode that finds
        `n_features` where it has none, and otherwise must agree with it; mode, state and random numbers stay untouched.
    samples_shape : shape of one sample: (d,), (C, H, W) or (C, T)
    kind : ``"rows"``, ``"images"`` or ``"series"``
    **settings : parameters of that encoder; what follows from the shape (`n_inputs`, `in_channels`) is filled in,
        and the `stem` of a ResNet is ``"cifar"`` for images of up to 64 pixels and ``"imagenet"`` beyond

    Raises
    ------
    ValueError
        If the name or a setting is unknown, the encoder does not take this kind, or a module does not give
        (b, n_features).
    ModuleNotFoundError
        If timm is asked for and not installed.

    Examples
    --------
    >>> from eigenpairs.deep.encoders import build_encoder
    >>> build_encoder("conv-net", (3, 32, 32), "images", n_features=64).n_features
    64
    >>> build_encoder("conv-net", (20,), "rows")
    Traceback (most recent call last):
    ValueError: encoder 'conv-net' takes images, not rows; for rows choose from 'auto', 'linear', 'mlp'
    """
    shape = tuple(samples_shape)
    one_of(kind, "kind", KINDS)
    if isinstance(name, nn.Module):
        if settings:
            raise ValueError(f"encoder settings {', '.join(settings)} go with a name; a module is taken as it is")
        return _with_n_features(name, shape)
    if isinstance(name, str) and name.startswith("timm:"):
        return _from_timm(name.removeprefix("timm:"), shape, kind, settings)
    name = _auto(shape, kind) if name == "auto" else name
    if name not in ENCODERS:
        allowed = ", ".join(map(repr, ("auto", *ENCODERS, "timm:NAME")))
        raise ValueError(f"encoder {name!r} is unknown; choose from {allowed}, or give a torch.nn.Module")
    make, kinds = ENCODERS[name]
    if kind not in kinds:
        fitting = ", ".join(repr(own) for own in ("auto", *ENCODERS) if own == "auto" or kind in ENCODERS[own][1])
        raise ValueError(f"encoder {name!r} takes {' and '.join(kinds)}, not {kind}; for {kind} choose from {fitting}")
    return make(**_completed(name, make, shape, settings))


def _auto(shape: tuple[int, ...], kind: str) -> str:
    if kind == "images":
        return "conv-net" if max(shape[1:]) <= SMALL else "resnet18"
    return {"rows": "mlp", "series": "series-net"}[kind]


def _completed(name: str, make: Callable, shape: tuple[int, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with what follows from the shape, refused where the encoder has no such parameter."""
    follows = {"n_inputs": prod(shape)} if make is MLP else {"in_channels": shape[0]}
    fixed = follows | ({"hidden": (), "norm": False} if name == "linear" else {})
    free = [parameter for parameter in inspect.signature(make).parameters if parameter not in fixed]
    for key in settings:
        if key not in free:
            why = "follows from the data" if key in follows else "is no setting of it"
            raise ValueError(f"encoder {name!r}: {key} {why}; its settings are {', '.join(free)}")
    if name.startswith("resnet"):
        settings = {"stem": "cifar" if max(shape[1:]) <= TINY else "imagenet"} | settings
    return fixed | settings


def _from_timm(model: str, shape: tuple[int, ...], kind: str, settings: dict[str, Any]) -> nn.Module:
    if kind != "images":
        raise ValueError(f"encoder 'timm:{model}' takes images, not {kind}; for {kind} choose 'auto'")
    try:
        import timm
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"encoder 'timm:{model}' needs the package timm; install it with: pip install timm"
        ) from None
    try:
        module = timm.create_model(model, num_classes=0, in_chans=shape[0], **settings)
    except (RuntimeError, TypeError, ValueError) as error:  # timm's kinds for unknown names and settings
        raise ValueError(f"encoder 'timm:{model}': {error}") from None
    return _with_n_features(module, shape)


def _with_n_features(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """`module`, with the attribute set from a dry run where it has none, and otherwise compared with it."""
    modes = {part: part.training for part in module.modules()}
    tensors = [*module.parameters(), *module.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
    module.eval()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            out = module(torch.zeros(2, *shape, dtype=dtype, device=device))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"the encoder does not take samples of shape {shape}: {reason}") from None
    finally:
        for part, training in modes.items():
            part.training = training
    if not isinstance(out, torch.Tensor) or out.ndim != 2 or len(out) != 2:
        given = f"shape {tuple(out.shape)}" if isinstance(out, torch.Tensor) else f"a {type(out).__name__}"
        raise ValueError(f"the encoder gives {given} for 2 samples of shape {shape}; it must give (2, n_features)")
    own = getattr(module, "n_features", None)
    if own is None:
        module.n_features = out.shape[1]
    elif own != out.shape[1]:
        raise ValueError(
            f"the encoder's attribute n_features is {own!r}, but it gives {out.shape[1]} features; n_features is the "
            "width of what an encoder gives: set it so, or call that attribute something else"
        )
    return module
