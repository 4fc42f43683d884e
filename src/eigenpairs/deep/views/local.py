"""Views that take detail away: Gaussian blur and erased boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from eigenpairs._validate import real_number, whole_number
from eigenpairs.deep.views.base import View, probability, span
from eigenpairs.deep.views.draws import Draws
from eigenpairs.deep.views.smooth import smoothed


class GaussianBlur(View):
    """Smoothed by a Gaussian of random width with probability p, mirrored at the edges.

    Parameters
    ----------
    p : float, default 0.5
    sigma : (low, high), default (0.1, 2)
        Range of the width, uniform, in pixels.
    radius : int, optional
        Where the Gaussian is cut off; without it a twentieth of the longer side, at least 1, as SimCLR and BYOL have
        it (23 x 23 for 224 pixels).

    Notes
    -----
    Draws "sigma"; 0 is no blur.
    """

    kinds = ("images",)
    in_place = True

    def __init__(self, p: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0), radius: int | None = None):
        self.p, self.sigma = probability(p, "p"), span(sigma, "sigma", 1e-3)
        self.radius = None if radius is None else whole_number(radius, "radius", 1)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        blurred = draws.chance(self.p, shape[0])
        return {"sigma": torch.where(blurred, draws.uniform(*self.sigma, shape[0]), 0.0)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        chosen = drawn["sigma"].nonzero().squeeze(1)
        radius = self.radius or max(max(x.shape[2:]) // 20, 1)
        return x.index_copy_(0, chosen, smoothed(x[chosen], drawn["sigma"][chosen], radius))


class Erasing(View):
    """A random box is filled with `value`, with probability p.

    Parameters
    ----------
    p : float, default 0.5
    scale : (low, high), default (0.02, 0.33)
        Share of the area.
    ratio : (low, high), default (0.3, 3.3)
        Width over height. Where no box of ten drawn fits, the sample stays as it is (as in torchvision).
    value : float, default 0

    Notes
    -----
    Draws "top", "left", "height", "width" (pixels); sides of 0 are no box.

    References
    ----------
    Zhong et al. 2020, Random erasing data augmentation (arXiv 1708.04896); constants of torchvision.
    """

    kinds = ("images",)
    in_place = True

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0.0,
    ):
        self.p, self.value = probability(p, "p"), real_number(value, "value")
        self.scale, self.ratio = span(scale, "scale", 0, 1), span(ratio, "ratio", 1e-3)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        fits, boxes = draws.boxes(shape[0], (shape[2], shape[3]), self.scale, self.ratio)
        erased = fits & draws.chance(self.p, shape[0])
        return boxes | {side: boxes[side] * erased for side in ("height", "width")}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        inside = [
            (first[:, None] <= place) & (place < (first + size)[:, None])
            for first, size, place in (
                (drawn["top"], drawn["height"], torch.arange(x.shape[2], device=x.device)),
                (drawn["left"], drawn["width"], torch.arange(x.shape[3], device=x.device)),
            )
        ]
        return x.masked_fill_((inside[0][:, :, None] & inside[1][:, None, :])[:, None], self.value)
