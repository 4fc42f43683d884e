"""Where positives come from: views by preset or by hand, a relation, or neighbours that are looked for again every
epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from eigenpairs.deep.frozen import features
from eigenpairs.deep.network import Encode, Network, Units
from eigenpairs.deep.views import Chain, Normalise, preset
from eigenpairs.relation import Relation

EXACT = 20_000
"""Rows up to which neighbours are searched for exactly."""


class InUnits:
    """A view of rows or series whose strengths are in units of the training data's spread."""

    def __init__(self, view: Any, units: Units):
        self.view, self.units = view, units

    def __call__(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        changed, drawn = self.view(self.units(x), generator)
        return self.units.back(changed), drawn


def views_of(given: Any, samples: Any, units: Units, n_views: int, has_relation: bool) -> tuple[list[Any] | None, Any]:
    """The chain of each view, or None for rows as they are; and what the card says of them.

    Parameters
    ----------
    given : "auto", "none", the name of a preset, a callable, or a list with a callable per view
        "auto" leaves rows as they are where a relation makes the pairs, and otherwise takes the preset "rows",
        "series", or for images "simclr-cifar" up to 64 pixels and "simclr-imagenet" beyond.
    samples : Samples
    units : Units
    n_views : int
    has_relation : bool
    """
    if given == "auto":
        small = max(samples.shape[1:], default=0) <= 64
        of_images = "simclr-cifar" if small else "simclr-imagenet"
        given = "none" if has_relation else {"images": of_images}.get(samples.kind, samples.kind)
    if given is None or given == "none":
        return None, "none"
    if isinstance(given, str):
        size = {"images": samples.shape[1:], "series": samples.shape[-1]}.get(samples.kind)
        chains: list[Any] = list(preset(given, size, n_views, samples.kind))
        described: Any = given
    else:
        chains = list(given) if isinstance(given, Sequence) else [given] * n_views
        described = [re.sub(r" at 0x[0-9a-f]+", "", repr(view)) for view in chains]  # addresses change from run to run
    # The network brings inputs into units of the training data itself, in training and in use alike.
    chains = [view.without(Normalise) if isinstance(view, Chain) else view for view in chains]
    first = samples.take([0, min(1, len(samples) - 1)])
    for view in chains:
        _check_view(view, first if samples.kind == "images" else units(first), samples.kind)
    if samples.kind != "images":
        chains = [InUnits(view, units) for view in chains]
    return chains, described


def _check_view(view: Any, x: Tensor, kind: str) -> None:
    """Raise unless the view does what views do: on two samples, before anything is written."""
    wanted = f"views: {view!r} is called as view(x, generator) and returns (x changed, dict of what it drew)"
    try:
        with torch.random.fork_rng(devices=[]):
            out = view(x, torch.Generator().manual_seed(0))
    except TypeError as error:
        raise TypeError(f"{wanted}; it raised: {error}") from None
    if not (isinstance(out, tuple) and len(out) == 2 and isinstance(out[0], Tensor) and len(out[0]) == len(x)):
        raise TypeError(f"{wanted}; this one returned a {type(out).__name__}")
    if kind != "images" and out[0].shape != x.shape:
        shapes = f"{tuple(x.shape[1:])} becomes {tuple(out[0].shape[1:])}"
        raise ValueError(f"views: {view!r} changes the shape of {kind} ({shapes}), whose columns have units; keep it")


def neighbors_of(network: Network, samples: Any, k: int, seed: int) -> Relation:
    """Every sample with its k nearest others by cosine of the network's features, as they are now.

    Above 20,000 samples the search is approximate where faiss is installed (`Relation.from_neighbors`).
    """
    H = features(Encode(network), samples)
    many = len(H) > EXACT and find_spec("faiss") is not None
    return Relation.from_neighbors(H, k, "cosine", "faiss" if many else "auto", seed)
