"""Views that move pixels: a random crop resized to a fixed size, and exchanging left and right."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eigenpairs._validate import one_of, whole_number
from eigenpairs.deep.views.base import View, probability, span
from eigenpairs.deep.views.draws import Draws
from eigenpairs.deep.views.resize import REACH, resized, taps


class RandomResizedCrop(View):
    """A box of random area, shape and place, resized to `size`, and in some samples flipped: one resampling for both.

    Drawn as in torchvision (`Draws.boxes`), except that every sample has a draw of its own; resized as PIL does, so a
    box larger than `size` is filtered and never aliased.

    Parameters
    ----------
    size : int or (height, width), optional
        That of the result; without it, that of the batch.
    scale : (low, high), default (0.08, 1)
        Share of the area.
    ratio : (low, high), default (3/4, 4/3)
        Width over height.
    flip : float, default 0
        Probability that left and right are exchanged.
    interpolation : "bilinear" or "bicubic"
        Bicubic is cut to [0, 1].

    Notes
    -----
    Draws "top", "left", "height", "width" (pixels) and "flipped".

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.views import RandomResizedCrop
    >>> out, drawn = RandomResizedCrop(24, flip=0.5)(torch.rand(8, 3, 32, 48), torch.Generator().manual_seed(0))
    >>> out.shape, bool((drawn["left"] + drawn["width"] <= 48).all())
    (torch.Size([8, 3, 24, 24]), True)
    """

    kinds = ("images",)
    takes_bytes = True

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip: float = 0.0,
        interpolation: str = "bilinear",
    ):
        self.size = None if size is None else sides(size)
        self.scale = span(scale, "scale", 0, 1)
        self.ratio = span(ratio, "ratio", 1e-3)
        self.flip = probability(flip, "flip")
        self.interpolation = one_of(interpolation, "interpolation", tuple(REACH))

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        _, boxes = draws.boxes(shape[0], (shape[2], shape[3]), self.scale, self.ratio)
        return {**boxes, "flipped": draws.chance(self.flip, shape[0])}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        height, width = self.size or x.shape[2:]
        rows = taps(drawn["top"], drawn["height"], x.shape[2], height, self.interpolation)
        columns = taps(drawn["left"], drawn["width"], x.shape[3], width, self.interpolation, drawn["flipped"])
        if x.dtype == torch.uint8:
            rows = rows[0], rows[1] / 255
        out = resized(x, rows, columns)
        return out if self.interpolation == "bilinear" else out.clamp_(0, 1)

    def shape_after(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.size is None else (*shape[:2], *self.size)


class Flip(View):
    """Left and right exchanged with probability p; inside a RandomResizedCrop it costs nothing.

    Parameters
    ----------
    p : float, default 0.5

    Notes
    -----
    Draws "flipped".
    """

    kinds = ("images",)
    in_place = True

    def __init__(self, p: float = 0.5):
        self.p = probability(p, "p")

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"flipped": draws.chance(self.p, shape[0])}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        chosen = drawn["flipped"].nonzero().squeeze(1)
        return x.index_copy_(0, chosen, x[chosen].flip(-1))


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size given as one number or two."""
    both = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(both) != 2:
        raise ValueError(f"size = {size} has {len(both)} numbers; give one, or (height, width)")
    return whole_number(both[0], "size", 1), whole_number(both[1], "size", 1)
