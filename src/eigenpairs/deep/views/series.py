"""Views of series (b, channels, time) that move or stretch time."""

from __future__ import annotations

import torch
from torch import Tensor

from eigenpairs._validate import whole_number
from eigenpairs.deep.views.base import View, probability, span
from eigenpairs.deep.views.draws import Draws
from eigenpairs.deep.views.resize import taps, weighted_lines


class SeriesCrop(View):
    """A window of random length and place, stretched to `size` by linear interpolation (filtered where it shrinks).

    Parameters
    ----------
    size : int, optional
        Length of the result; without it, that of the batch.
    scale : (low, high), default (0.5, 1)
        Length of the window as a share of the series, uniform.

    Notes
    -----
    Draws "start" and "length" (steps).
    """

    kinds = ("series",)

    def __init__(self, size: int | None = None, scale: tuple[float, float] = (0.5, 1.0)):
        self.size = None if size is None else whole_number(size, "size", 1)
        self.scale = span(scale, "scale", 0, 1)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        n, time = shape[0], shape[2]
        length = (draws.uniform(*self.scale, n) * time).round().clamp(1, time).long()
        return {"start": draws.below(time - length + 1, n), "length": length}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        steps = taps(drawn["start"], drawn["length"], x.shape[2], self.size or x.shape[2])
        return weighted_lines(x.transpose(1, 2)[:, None], steps)[:, 0].transpose(1, 2).contiguous()

    def shape_after(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.size is None else (*shape[:2], self.size)


class SeriesShift(View):
    """Moved in time by up to `share` of the length either way, in whole steps; the end values are repeated.

    Parameters
    ----------
    share : float, default 0.1

    Notes
    -----
    Draws "shift" (steps; above 0 is later).
    """

    kinds = ("series",)

    def __init__(self, share: float = 0.1):
        self.share = probability(share, "share")

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        far = round(self.share * shape[2])
        return {"shift": draws.below(2 * far + 1, shape[0]) - far}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        time = torch.arange(x.shape[2], device=x.device)
        source = (time - drawn["shift"][:, None]).clamp(0, x.shape[2] - 1)
        return x.gather(2, source[:, None, :].expand_as(x))
