"""What changes from step to step by a formula: the learning rate, and the momentum of a target network."""

from __future__ import annotations

from math import cos, pi

from eigenpairs._validate import one_of

SCHEDULES = ("cosine", "constant")


def learning_rate_factor(step: int, n_steps: int, warmup_steps: int = 0, schedule: str = "cosine") -> float:
    """What the learning rate is multiplied by in a step of training.

    A linear rise ``(step + 1) / warmup_steps``, then 1 ("constant") or half a cosine from 1 down to 0 at `n_steps`
    (Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts; with the warm-up as in SimCLR, arXiv 2002.05709).

    Parameters
    ----------
    step : int
        0 to n_steps - 1.
    n_steps : int
    warmup_steps : int, default 0
    schedule : "cosine" or "constant", default "cosine"

    Raises
    ------
    ValueError
        If the schedule is unknown.

    Examples
    --------
    >>> [round(learning_rate_factor(step, 8, warmup_steps=4), 3) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    one_of(schedule, "schedule", SCHEDULES)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if schedule == "constant":
        return 1.0
    return (1 + cos(pi * (step - warmup_steps) / max(1, n_steps - warmup_steps))) / 2


def target_momentum(step: int, n_steps: int, initial: float) -> float:
    """Momentum of a target network that rises from `initial` to 1: ``1 - (1 - m) (cos(pi step / n_steps) + 1) / 2``.

    Source: BYOL (Grill et al. 2020, arXiv 2006.07733), section 3.3.

    Examples
    --------
    >>> target_momentum(0, 100, 0.996), target_momentum(50, 100, 0.996), target_momentum(100, 100, 0.996)
    (0.996, 0.998, 1.0)
    """
    return 1 - (1 - initial) * (cos(pi * step / n_steps) + 1) / 2
