"""The loss of methods without negatives: predict the target of a positive from a row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def prediction_terms(predicted: Tensor, targets: Tensor, relation: Any, criterion: str) -> dict[str, Tensor]:
    """The loss between predictions and the targets of positives, the mean over pairs in both directions.

    criterion "cosine": minus the mean cosine, between -1 and 1 (BYOL's loss is 2 + 2 times it, in each direction);
    "l2": half the mean squared distance.

    Parameters
    ----------
    predicted, targets : (n, K)
    relation : Relation over the n rows
    """
    predicted, targets = predicted.float(), targets.float()
    if criterion == "cosine":
        predicted, targets = F.normalize(predicted, dim=1), F.normalize(targets, dim=1)
        return {"prediction": -torch.sum(predicted * (relation @ targets)) / relation.total}
    degrees = torch.as_tensor(relation.degrees, dtype=predicted.dtype, device=predicted.device)
    own = torch.sum(degrees[:, None] * (predicted * predicted + targets * targets))
    return {"prediction": (0.5 * own - torch.sum(predicted * (relation @ targets))) / relation.total}
