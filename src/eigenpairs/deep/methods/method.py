"""The contract of a method: how the projections of a batch of views become a loss, and what happens after a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from eigenpairs._parameters import Parameters
from eigenpairs.objective import Objective


class Head(nn.Module, ABC):
    """The part of a method that lives during training: its predictor, if it has one, and the state of that.

    Subclasses give `terms`; those that set something by hand after a step give `after_step`, those that have something
    to show give `describe`.
    """

    @abstractmethod
    def terms(self, Z: Tensor, targets: Tensor, relation: Any) -> dict[str, Tensor]:
        """The named parts whose sum is the loss of a batch.

        Parameters
        ----------
        Z : (n_views * n, K) projections, view after view
        targets : (n_views * n, K)
            What predictions are compared with: outputs of the target network, or Z itself, detached or not.
        relation : Relation over these rows
        """

    def after_step(self, Z: Tensor) -> None:
        """Called after the optimiser's step with the detached projections it was taken on."""

    def describe(self) -> dict[str, Any]:
        """Plain values for the log."""
        return {}


class Method(Parameters, ABC):
    """What is trained for. Subclasses are dataclasses of the hyper-parameters; `head` makes the part with state.

    Attributes
    ----------
    objective : Objective or None
        What the head is certified against.
    momentum : float or None
        Of the target network, a moving average of the network; None: no target network.
    ramp : bool
        Whether that momentum rises to 1 on a cosine.
    stop_gradient : bool
        Whether targets are constants to the gradient.
    weight_decay : float or None
        What the method asks of the optimiser where the user asks for nothing.
    """

    objective: Objective | None = None
    momentum: float | None = None
    ramp: bool = False
    stop_gradient: bool = True
    weight_decay: float | None = None

    @abstractmethod
    def head(self, width: int) -> Head:
        """A fresh head for projections of `width` columns."""
