"""An embedding of linear features as a `torch.nn.Linear`, to go on training from the optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs.features.linear import LinearMap

if TYPE_CHECKING:
    import torch

    from eigenpairs.spectrum.embedding import Embedding


def linear_layer(emb: Embedding, tower: int | None, dtype: Any, device: Any) -> torch.nn.Linear:
    """The layer that maps x to ``emb.transform(x)``; see `Embedding.to_torch`."""
    feature_map = emb.spectrum.modes_of(tower).feature_map
    if not isinstance(feature_map, LinearMap):
        features = emb.spectrum.features
        kind = type(features[tower or 0] if isinstance(features, tuple) else features).__name__
        raise TypeError(
            f"to_torch makes one linear layer, and {kind} features are no linear function of x; fit ep.Linear(), or "
            "call transform"
        )
    try:
        import torch
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "to_torch needs torch; install it with: pip install 'eigenpairs[deep]' (or pip install torch)"
        ) from None

    components = emb.components_of(tower)
    bias = -components @ emb.spectrum.modes_of(tower).mean
    bias[:1] += np.sqrt(emb.optimum.constant)
    n_outputs, n_inputs = components.shape
    layer = torch.nn.utils.skip_init(
        torch.nn.Linear, n_inputs, n_outputs, dtype=dtype or torch.float32, device=device or "cpu"
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(components)))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer
