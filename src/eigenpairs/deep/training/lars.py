"""LARS: stochastic gradient descent whose steps are scaled layer by layer, for large batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class LARS(Optimizer):
    """Layer-wise adaptive rate scaling.

    For weights w with gradient g, in this order::

        g <- g + weight_decay w
        g <- trust |w| / |g| g      (groups with adapt=True; factor 1 where a norm is 0)
        v <- momentum v + g
        w <- w - lr v

    The learning rate is outside the momentum, as in BYOL, Barlow Twins and VICReg; in SimCLR's code it is inside,
    which is the same while it is constant. Where the factor is 1 this is `torch.optim.SGD`.

    Parameters
    ----------
    params : iterable of parameters or of groups
        A group may hold ``adapt``: False leaves its factor at 1, which is usual for norms and biases.
    lr : float
    momentum : float, default 0.9
    weight_decay : float, default 0
    trust : float, default 0.001
    adapt : bool, default True

    References
    ----------
    You, Gitman & Ginsburg 2017, Large batch training of convolutional networks (arXiv 1708.03888).

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> w.grad = torch.tensor([0.0, 2.0])
    >>> LARS([w], lr=1.0, trust=0.1).step()  # factor .1 * 5/2: g becomes (0, .5)
    >>> w.data
    tensor([3.0000, 3.5000])
    """

    def __init__(
        self,
        params: Any,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 1e-3,
        adapt: bool = True,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "adapt": adapt}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure`, if given, computes the loss and its gradient first and its value is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    self._move(weights, group)
        return loss

    def _move(self, weights: torch.Tensor, group: dict[str, Any]) -> None:
        change = weights.grad
        if group["weight_decay"]:
            change = change.add(weights, alpha=group["weight_decay"])
        if group["adapt"]:
            size, length = torch.linalg.vector_norm(weights), torch.linalg.vector_norm(change)
            # On the device: reading the norms would wait for the GPU once per layer.
            change = change * torch.where((size > 0) & (length > 0), group["trust"] * size / length, 1.0)
        state = self.state[weights]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weights)
        velocity = state["momentum_buffer"].mul_(group["momentum"]).add_(change)
        weights.add_(velocity, alpha=-group["lr"])
