"""The optimiser of a run, from its settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from eigenpairs.deep.training.lars import LARS

if TYPE_CHECKING:
    from eigenpairs.deep.settings.config import Training


def default_learning_rate(optimizer: str, batch_size: int) -> float:
    """The learning rate where the settings give none.

    - sgd: 0.05 batch_size / 256 (SimSiam, Chen & He 2021, arXiv 2011.10566);
    - lars: 0.2 batch_size / 256 (BYOL, Grill et al. 2020, arXiv 2006.07733);
    - adamw: 0.001 sqrt(batch_size / 256), the usual value and the square-root rule for adaptive methods
      (Malladi et al. 2022, arXiv 2205.10287).

    Examples
    --------
    >>> default_learning_rate("sgd", 512), default_learning_rate("adamw", 1024)
    (0.1, 0.002)
    """
    scale = batch_size / 256
    return {"sgd": 0.05 * scale, "lars": 0.2 * scale, "adamw": 1e-3 * scale**0.5}[optimizer]


def default_weight_decay(optimizer: str) -> float:
    """The weight decay where neither the settings nor the method give one.

    - sgd: 1e-4 (SimSiam);
    - lars: 1e-6 (SimCLR, Chen et al. 2020, arXiv 2002.05709);
    - adamw: 1e-2, which is decoupled from the gradient (Loshchilov & Hutter 2019, arXiv 1711.05101).

    Examples
    --------
    >>> default_weight_decay("lars")
    1e-06
    """
    return {"sgd": 1e-4, "lars": 1e-6, "adamw": 1e-2}[optimizer]


def build_optimizer(
    parameters: nn.Module | Iterable[tuple[str, nn.Parameter]],
    settings: Training,
    weight_decay: float | None = None,
) -> Optimizer:
    """SGD with momentum, AdamW or LARS over the parameters that are trained.

    Parameters with at most one dimension (norms, biases) form a group of their own: without weight decay unless
    ``settings.decay_norm_and_bias``, and never adapted by LARS.

    Parameters
    ----------
    parameters : Module or pairs (name, parameter)
        Parameters that need no gradient are left out.
    settings : Training
        `optimizer`, `lr`, `batch_size`, `momentum`, `weight_decay`, `decay_norm_and_bias`.
    weight_decay : float, optional
        The method's own, which counts where the settings give none; `default_weight_decay` otherwise.

    Raises
    ------
    ValueError
        If no parameter needs a gradient.

    Examples
    --------
    >>> from torch import nn
    >>> from eigenpairs.deep.settings.config import Training
    >>> optimizer = build_optimizer(nn.Linear(3, 2), Training(optimizer="sgd", weight_decay=0.01))
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.01, 0.0]
    """
    named = parameters.named_parameters() if isinstance(parameters, nn.Module) else parameters
    trained = [parameter for _, parameter in named if parameter.requires_grad]
    if not trained:
        raise ValueError("nothing to train: no parameter needs a gradient; unfreeze the encoder or give it a projector")
    if settings.weight_decay is not None:
        weight_decay = settings.weight_decay
    elif weight_decay is None:
        weight_decay = default_weight_decay(settings.optimizer)
    matrices = {"params": [own for own in trained if own.ndim > 1], "weight_decay": weight_decay}
    vectors = {
        "params": [own for own in trained if own.ndim <= 1],
        "weight_decay": weight_decay if settings.decay_norm_and_bias else 0.0,
    }
    if settings.optimizer == "lars":
        vectors["adapt"] = False
    groups = [group for group in (matrices, vectors) if group["params"]]
    if settings.optimizer == "adamw":
        return AdamW(groups, lr=settings.learning_rate)
    kind = {"sgd": SGD, "lars": LARS}[settings.optimizer]
    return kind(groups, lr=settings.learning_rate, momentum=settings.momentum)
