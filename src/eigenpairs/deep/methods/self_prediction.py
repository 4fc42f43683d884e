"""BYOL (Grill et al. 2020, arXiv 2006.07733) and SimSiam (Chen & He 2021, arXiv 2011.10566): no negatives, a predictor
that is trained, and targets that the gradient does not see.

Why they do not collapse is a matter of dynamics, not of a loss (docs/theory.md, section 7): take away the predictor or
the stop-gradient and they do, which `BYOL(predictor=False)` and `SimSiam(stop_gradient=False)` are there to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from eigenpairs._validate import real_number, whole_number
from eigenpairs.deep.methods.method import Head, Method
from eigenpairs.deep.methods.prediction import prediction_terms
from eigenpairs.deep.methods.second_moment import SecondMoment


@dataclass
class SimSiam(Method):
    """Predict the other view's projection from this one's, with a stop-gradient on the target.

    Parameters
    ----------
    hidden : int, default 512
        Width of the predictor's hidden layer (linear, batch norm, ReLU, linear); 0 for a linear predictor.
    predictor, stop_gradient : bool, default True
        False takes it away: the ablation that collapses.
    averaging : float, default 0.5
        Of the second moment that is logged for a linear predictor.
    """

    hidden: int = 512
    predictor: bool = True
    stop_gradient: bool = True
    averaging: float = 0.5

    def validate(self) -> None:
        whole_number(self.hidden, "hidden", 0)
        _share(self.averaging, "averaging")
        _flag(self.predictor, "predictor")
        _flag(self.stop_gradient, "stop_gradient")

    def head(self, width: int) -> Head:
        return _Predictor(width, self.hidden if self.predictor else None, self.averaging)


@dataclass
class BYOL(SimSiam):
    """Predict the projection that a moving average of the network, the target, makes of the other view.

    Parameters
    ----------
    hidden, predictor, stop_gradient, averaging : as for `SimSiam`
    momentum : float, default 0.996
        Of the target network.
    ramp : bool, default True
        The momentum rises to 1 on a cosine, as in the paper.
    """

    momentum: float = 0.996
    ramp: bool = True

    def validate(self) -> None:
        super().validate()
        _share(self.momentum, "momentum")
        _flag(self.ramp, "ramp")
        if not self.stop_gradient:
            raise ValueError("stop_gradient = False has no meaning for BYOL, whose target is another network")


class _Predictor(Head):
    """A trained predictor; none (`hidden` None) hands projections through."""

    def __init__(self, width: int, hidden: int | None, averaging: float):
        super().__init__()
        self.predictor: nn.Module
        if hidden is None:
            self.predictor = nn.Identity()
        elif hidden == 0:
            self.predictor = nn.Linear(width, width, bias=False)
        else:
            layers = (nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, width))
            self.predictor = nn.Sequential(*layers)
        self.moment = SecondMoment(width, averaging) if hidden == 0 else None

    def terms(self, Z: Tensor, targets: Tensor, relation: Any) -> dict[str, Tensor]:
        return prediction_terms(self.predictor(Z.float()), targets, relation, "cosine")

    def after_step(self, Z: Tensor) -> None:
        if self.moment is not None:
            self.moment.update(Z)

    def describe(self) -> dict[str, Any]:
        if self.moment is None:
            return {}
        weight: Any = self.predictor.weight
        return self.moment.against(weight)


def _share(value: Any, name: str) -> None:
    if not 0 <= real_number(value, name) <= 1:
        raise ValueError(f"{name} = {value} is not allowed; give a number from 0 to 1")


def _flag(value: Any, name: str) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} = {value!r} is neither True nor False")
