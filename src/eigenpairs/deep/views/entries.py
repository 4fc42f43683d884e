"""Views of rows (b, d) and series (b, channels, time): noise, masking, scaling, and entries taken from other rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eigenpairs._validate import real_number
from eigenpairs.deep.views.base import View, probability
from eigenpairs.deep.views.draws import Draws

LINES = ("rows", "series")


class Noise(View):
    """Normal noise of standard deviation `strength`, in units of the input: standardise columns first.

    Parameters
    ----------
    strength : float, default 0.1

    Notes
    -----
    Draws "noise", standard normal, of the shape of the batch.
    """

    kinds = LINES

    def __init__(self, strength: float = 0.1):
        self.strength = real_number(strength, "strength", 0)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"noise": draws.normal(*shape)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        return x + self.strength * drawn["noise"]


class Scaling(View):
    """Multiplied by 1 + strength * normal: one factor for each row, or for each channel of a series.

    Parameters
    ----------
    strength : float, default 0.1

    Notes
    -----
    Draws "factor".
    """

    kinds = LINES

    def __init__(self, strength: float = 0.1):
        self.strength = real_number(strength, "strength", 0)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        factors = (shape[0], 1) if len(shape) == 2 else (*shape[:2], 1)
        return {"factor": 1 + self.strength * draws.normal(*factors)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        return x * drawn["factor"]


class Masking(View):
    """Each entry becomes `fill` with probability `share`.

    Parameters
    ----------
    share : float, default 0.3
    fill : float or sequence of d floats, default 0
        For instance the means of the columns, where they are not standardised.

    Notes
    -----
    Draws "masked", of the shape of the batch.
    """

    kinds = LINES

    def __init__(self, share: float = 0.3, fill: float | Sequence[float] = 0.0):
        self.share = probability(share, "share")
        self.fill = torch.as_tensor(fill, dtype=torch.float32)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"masked": draws.chance(self.share, *shape)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        if self.fill.ndim and self.fill.shape != x.shape[-1:]:
            raise ValueError(f"Masking: fill has shape {tuple(self.fill.shape)} for rows of {x.shape[-1]} entries")
        return torch.where(drawn["masked"], self.fill.to(x.device), x)


class Corruption(View):
    """Each entry is replaced, with probability `share`, by that of the same column in a random row of the batch.

    So entries come from the column's marginal distribution, whatever its units: no column has to be standardised, and
    categories stay categories. It is the one view that looks at other samples of the batch.

    Parameters
    ----------
    share : float, default 0.3

    Notes
    -----
    Draws "corrupted" and "source" (the row an entry would come from), of the shape of the batch.

    References
    ----------
    Yoon et al. 2020, VIME (share 0.3); Bahri et al. 2022, SCARF, arXiv 2106.15147 (share 0.6, only one of two views).
    """

    kinds = ("rows",)

    def __init__(self, share: float = 0.3):
        self.share = probability(share, "share")

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"corrupted": draws.chance(self.share, *shape), "source": draws.below(shape[0], *shape)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        return torch.where(drawn["corrupted"], x.gather(0, drawn["source"]), x)
