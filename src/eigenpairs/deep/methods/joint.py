"""Joint embedding: any objective of the core as a training loss. Nothing but the network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from eigenpairs._validate import an_instance
from eigenpairs.deep.methods.method import Head, Method
from eigenpairs.objective import DirectSet, Objective, VICReg


@dataclass
class Joint(Method):
    """An objective on the projections of a batch, all views in one relation.

    Parameters
    ----------
    objective : Objective, default VICReg()
        Its loss is the one of `Objective.loss`, the same that the closed forms solve.
    per_view : bool, default False
        Statistics taken view by view, as in the authors' code (`Objective.loss` says where they differ).

    Raises
    ------
    ValueError
        For `DirectSet`, which has no loss: see `Direct`.

    Examples
    --------
    >>> import torch, eigenpairs as ep
    >>> from eigenpairs.deep.methods import Joint
    >>> Z = torch.eye(4)
    >>> terms = Joint(ep.SpectralContrastive()).head(4).terms(Z, Z, ep.Relation.from_views(2, 2))
    >>> {name: round(float(term), 3) for name, term in terms.items()}
    {'positives': -0.0, 'negatives': 0.25}
    """

    objective: Objective = field(default_factory=VICReg)
    per_view: bool = False

    def validate(self) -> None:
        an_instance(self.objective, Objective, "objective", "ep.VICReg()")
        if isinstance(self.objective, DirectSet):
            raise ValueError(f"objective = {self.objective!r} has no loss; train it with Direct(objective)")

    def head(self, width: int) -> Head:
        return _Loss(self.objective, self.per_view)


class _Loss(Head):
    def __init__(self, objective: Objective, per_view: bool):
        super().__init__()
        self.objective, self.per_view = objective, per_view

    def terms(self, Z: Tensor, targets: Tensor, relation: Any) -> dict[str, Tensor]:
        return self.objective.terms(Z, relation, self.per_view)
