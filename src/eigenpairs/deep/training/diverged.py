"""What is said when a loss, a weight or a feature is not finite any more."""

from __future__ import annotations


class Diverged(RuntimeError):
    """The loss, a weight or a feature is not finite. The last good checkpoint is kept.

    Parameters
    ----------
    epoch, step : int
    terms : dict of float
        The parts of the loss; where all are finite, it is a weight that is not, or else a feature.
    lr : float
        The learning rate then.
    largest_weight : float
        Largest entry of all weights; nan where weights are spoilt.
    """

    def __init__(self, epoch: int, step: int, terms: dict[str, float], lr: float, largest_weight: float):
        self.epoch, self.step, self.terms, self.lr, self.largest_weight = epoch, step, terms, lr, largest_weight
        spoilt = ", ".join(f"{name} = {value}" for name, value in terms.items() if not abs(value) < float("inf"))
        finite = abs(largest_weight) < float("inf")
        weights = f"the largest weight is {largest_weight:.3g}" if finite else "weights are spoilt as well"
        if spoilt:
            what = f"the loss is not finite at epoch {epoch}, step {step}: {spoilt}; {weights}"
        elif finite:
            what = f"features are not finite after epoch {epoch}, step {step}; {weights}"
        else:
            what = f"weights are not finite at epoch {epoch}, after step {step}"
        super().__init__(
            f"{what}; learning rate {lr:.3g}: lower it, lengthen warmup_epochs, set gradient_clip, or use "
            "precision '32'"
        )

    def kept(self, where: str) -> Diverged:
        """The same, with what is left of the run in its text."""
        self.args = (f"{self.args[0]}; {where}",)
        return self
