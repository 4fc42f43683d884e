"""DirectSet in deep training (Wang, Chen, Du & Tian 2021, arXiv 2110.04947): the predictor is set from the second
moment of the projections instead of trained.

After every optimiser step ``F <- mu F + (1 - mu) E_batch[f f^T]``, then ``W_p = (F/|F|)^alpha + eps I``. For alpha = 1
(DirectCopy) that is a copy; alpha = 2 one product; other powers (DirectPred, 1/2) need an eigendecomposition, which
may be taken every few steps only. The spectral norm of a copy comes from a few power iterations that go on from the
last step's vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from eigenpairs._validate import an_instance, whole_number
from eigenpairs.deep.methods.method import Head, Method
from eigenpairs.deep.methods.prediction import prediction_terms
from eigenpairs.deep.methods.second_moment import SecondMoment
from eigenpairs.deep.methods.self_prediction import _flag, _share
from eigenpairs.objective import DirectSet

FIRST_ITERATIONS, ITERATIONS = 64, 2
"""Power iterations for the first batch, and for each one after it."""


@dataclass
class Direct(Method):
    """Train with a predictor set by `DirectSet` and a target network.

    Parameters
    ----------
    objective : DirectSet, default DirectCopy()
        alpha, eps, norm and criterion of the predictor and its loss; its `weight_decay` is the optimiser's.
    averaging : float, default 0.5
        mu, of the second moment F.
    every : int, default 1
        Steps between two settings of the predictor.
    momentum : float or None, default 0.996
        Of the target network; None: the projections themselves, detached.
    ramp : bool, default False
        Whether that momentum rises to 1 on a cosine.
    stop_gradient : bool, default True
        False lets the gradient through the targets: the ablation that collapses. Needs momentum=None.

    Examples
    --------
    >>> import torch, eigenpairs as ep
    >>> from eigenpairs.deep.methods import Direct
    >>> head = Direct(ep.DirectSet(alpha=1.0, eps=0.5, norm="frobenius")).head(2)
    >>> head.after_step(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    >>> head.predictor  # F/|F| + eps I, with F = diag(2, 0)
    tensor([[1.5000, 0.0000],
            [0.0000, 0.5000]])
    """

    objective: DirectSet = field(default_factory=DirectSet)
    averaging: float = 0.5
    every: int = 1
    momentum: float | None = 0.996
    ramp: bool = False
    stop_gradient: bool = True

    def validate(self) -> None:
        an_instance(self.objective, DirectSet, "objective", "ep.DirectCopy()")
        _share(self.averaging, "averaging")
        whole_number(self.every, "every", 1)
        _flag(self.ramp, "ramp")
        _flag(self.stop_gradient, "stop_gradient")
        if self.momentum is not None:
            _share(self.momentum, "momentum")
            if not self.stop_gradient:
                raise ValueError("stop_gradient = False needs momentum=None: a target network has no gradient anyway")

    @property
    def weight_decay(self) -> float:  # type: ignore[override]  # read from the objective, never stored
        return self.objective.weight_decay

    def head(self, width: int) -> Head:
        return _SetPredictor(width, self.objective, self.averaging, self.every)


class _SetPredictor(Head):
    predictor: Tensor
    leading: Tensor

    def __init__(self, width: int, objective: DirectSet, averaging: float, every: int):
        super().__init__()
        self.objective, self.every = objective, every
        self.moment = SecondMoment(width, averaging)
        self.register_buffer("predictor", torch.eye(width))
        # Where power iteration begins: at random, for a vector of ones is orthogonal to projections that are centred.
        start = torch.randn(width, generator=torch.Generator().manual_seed(0))
        self.register_buffer("leading", start / start.norm())

    def terms(self, Z: Tensor, targets: Tensor, relation: Any) -> dict[str, Tensor]:
        if self.moment.seen == 0:  # no step was taken yet: the first batch sets its own predictor
            self.after_step(Z)
        return prediction_terms(Z.float() @ self.predictor, targets, relation, self.objective.criterion)

    @torch.no_grad()
    def after_step(self, Z: Tensor) -> None:
        self.moment.update(Z)
        if (int(self.moment.seen) - 1) % self.every == 0:
            self.set_predictor()

    @torch.no_grad()
    def set_predictor(self) -> None:
        """W_p from F as it is now."""
        alpha, value = self.objective.alpha, self.moment.value
        if alpha == 1:
            torch.mul(value, 1 / self._size(), out=self.predictor)
        elif alpha == 2:
            torch.mm(value, value, out=self.predictor)
            self.predictor.mul_(self._size() ** -2)
        else:
            s, vectors = torch.linalg.eigh(value)
            s = s.clamp_min(0)
            size = {"none": torch.ones_like(s[-1]), "spectral": s[-1], "frobenius": s.norm()}[self.objective.norm]
            powers = (s / torch.where(size > 0, size, torch.ones_like(size))) ** alpha
            torch.mm(vectors * powers, vectors.T, out=self.predictor)
        self.predictor.diagonal().add_(self.objective.eps)

    def _size(self) -> Tensor:
        """|F| in the norm asked for; 1 where F is zero."""
        value = self.moment.value
        if self.objective.norm == "none":
            return torch.ones((), device=value.device)
        if self.objective.norm == "frobenius":
            size = value.norm()
        else:
            for _ in range(FIRST_ITERATIONS if self.moment.seen <= 1 else ITERATIONS):
                image = value @ self.leading
                size = image.norm()
                self.leading.copy_(torch.where(size > 0, image / size.clamp_min(1e-38), self.leading))
        return torch.where(size > 0, size, torch.ones_like(size))

    def describe(self) -> dict[str, Any]:
        return self.moment.against(self.predictor)
