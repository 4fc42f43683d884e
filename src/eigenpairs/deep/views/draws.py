"""Random numbers of a batch, all from one generator and on one device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ATTEMPTS = 10
"""Boxes drawn for each sample; the first that fits is taken."""


class Draws:
    """What views draw from: every method gives one independent value, or row of values, per sample.

    Parameters
    ----------
    device : torch.device
    generator : torch.Generator, optional
        One of that device; without it, torch's own.

    Raises
    ------
    ValueError
        If the generator belongs to another kind of device.
    """

    def __init__(self, device: torch.device, generator: torch.Generator | None = None):
        if generator is not None and generator.device.type != device.type:
            raise ValueError(
                f"generator is on {generator.device} and the batch on {device}; "
                f"give torch.Generator({device.type!r}).manual_seed(seed)"
            )
        self.device, self.generator = device, generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform on [low, high)."""
        return torch.rand(shape, generator=self.generator, device=self.device).mul_(high - low).add_(low)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def chance(self, p: float, *shape: int) -> Tensor:
        """True with probability p."""
        return torch.rand(shape, generator=self.generator, device=self.device) < p

    def below(self, limit: Tensor | int, *shape: int) -> Tensor:
        """Whole numbers 0 .. limit - 1, all equally likely, int64."""
        drawn = (torch.rand(shape, generator=self.generator, device=self.device) * limit).long()
        return torch.minimum(drawn, torch.as_tensor(limit - 1, device=self.device))  # rounding may reach the limit

    def boxes(
        self, n: int, image: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Boxes inside an image (height, width), as torchvision's ``RandomResizedCrop.get_params`` draws them.

        The share of the area is uniform on `scale`, the logarithm of width / height on that of `ratio`; sides are
        rounded to whole pixels, places are uniform. Of ten attempts the first that fits is taken.

        Returns
        -------
        fits : (n,) bool
            Whether any attempt did.
        boxes : dict
            "top", "left", "height", "width" (n,) int64; where nothing fits, the largest centred box within `ratio`.
        """
        area = self.uniform(*scale, n, ATTEMPTS) * (image[0] * image[1])
        shape = torch.exp(self.uniform(math.log(ratio[0]), math.log(ratio[1]), n, ATTEMPTS))
        heights, widths = torch.sqrt(area / shape).round_(), torch.sqrt(area * shape).round_()
        fitting = (heights >= 1) & (widths >= 1) & (heights <= image[0]) & (widths <= image[1])
        fits, first = fitting.any(dim=1), fitting.to(torch.uint8).argmax(dim=1, keepdim=True)
        largest = _largest(image, ratio)
        height, width = (
            torch.where(fits, found.gather(1, first).squeeze(1), instead).long()
            for found, instead in zip((heights, widths), largest, strict=True)
        )
        free = image[0] - height, image[1] - width
        top, left = (torch.where(fits, self.below(space + 1, n), space // 2) for space in free)
        return fits, {"top": top, "left": left, "height": height, "width": width}


def _largest(image: tuple[int, int], ratio: tuple[float, float]) -> tuple[int, int]:
    """Sides of the largest box with width / height within `ratio`."""
    height, width = image
    if width < ratio[0] * height:
        return max(round(width / ratio[0]), 1), width
    if width > ratio[1] * height:
        return height, max(round(height * ratio[1]), 1)
    return height, width
