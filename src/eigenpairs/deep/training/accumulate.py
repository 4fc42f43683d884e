"""Forward and backward of a batch in parts, with the loss of the whole batch.

The usual way, summing gradients of the losses of small batches, changes the loss: covariances and negatives of 64 rows
are not those of 512. Here projections are computed part by part without a graph, the loss and its gradient with respect
to them on all rows, and then each part again with its graph, fed with its share of that gradient (Gao et al. 2021,
arXiv 2101.06983). It costs one more forward pass and holds the graph of one part only. The gradient is that of the
whole batch exactly, but for batch normalisation, which sees the rows of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def parts_of(n_rows: int, n_views: int, n_parts: int) -> list[Tensor]:
    """Row numbers of each part: all views of its sources, view after view; no part without a source."""
    sources = torch.arange(n_rows // n_views)
    views = n_rows // n_views * torch.arange(n_views)[:, None]
    return [(views + part).ravel() for part in sources.tensor_split(min(n_parts, len(sources)))]


def project(network: Any, x: Tensor, parts: list[Tensor]) -> Tensor:
    """(n, K) projections of all rows, without a graph."""
    Z = None
    for part in parts:
        piece = network(x[part.to(x.device)])[1]
        Z = piece.new_empty((len(x), piece.shape[1])) if Z is None else Z
        Z[part.to(x.device)] = piece
    assert Z is not None
    return Z


def backward_in_parts(
    network: Any, x: Tensor, parts: list[Tensor], loss_of: Callable[[Tensor], Tensor], backward: Callable[..., None]
) -> Tensor:
    """Add the gradient of ``loss_of(projections of x)`` to all parameters; returns the projections (n, K).

    Parameters
    ----------
    network : callable that gives features and projections
    x : (n, ...) inputs
    parts : row numbers of each part
    loss_of : the loss of all projections
    backward : ``backward(tensor, gradient=None)``, such as that of Fabric
    """
    states = []
    with torch.no_grad(), statistics_kept(network):
        pieces = []
        for part in parts:
            states.append(_random_state(x))
            pieces.append(network(x[part.to(x.device)])[1])
    Z = torch.empty((len(x), pieces[0].shape[1]), dtype=pieces[0].dtype, device=x.device)
    for part, piece in zip(parts, pieces):
        Z[part.to(x.device)] = piece
    Z.requires_grad_(True)
    backward(loss_of(Z))
    gradient = Z.grad
    for part, state in zip(parts, states):
        with _random_state_of(state, x):  # the same dropout as before
            piece = network(x[part.to(x.device)])[1]
        backward(piece, gradient=gradient[part.to(x.device)])
    return Z.detach()


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Batch norms in training mode whose running statistics do not move."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts):
            norm.momentum = momentum
            if count is not None:  # a norm without momentum averages over the batches it has counted
                norm.num_batches_tracked.copy_(count)


def _random_state(x: Tensor) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(x.device) if x.is_cuda else None


@contextmanager
def _random_state_of(state: tuple[Tensor, Tensor | None], x: Tensor) -> Iterator[None]:
    with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], x.device)
        yield
