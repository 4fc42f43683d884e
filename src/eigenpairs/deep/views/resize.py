"""Cropping and resizing in one pass, every sample by a box of its own, filtered where it shrinks.

A resized line is a weighted sum of a few old lines, so columns first and rows second each are one ``embedding_bag``,
which sums chosen lines of a table by weights. Shrinking is filtered exactly as in PIL, which ``grid_sample`` cannot do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from eigenpairs.deep.views.cache import at_once

REACH = {"bilinear": 1, "bicubic": 2}
"""How far each filter reaches, in pixels of the larger of the two grids."""

Taps = tuple[Tensor, Tensor]
"""Old lines (b, n_out, K) int64 of every new line, and their weights (b, n_out, K)."""


def taps(
    start: Tensor, length: Tensor, n_in: int, n_out: int, kind: str = "bilinear", reverse: Tensor | None = None
) -> Taps:
    """Lines and weights that resize the lines start .. start + length - 1 of n_in to n_out.

    The weights are those of PIL and of ``F.interpolate(..., antialias=True)`` on the cropped image: pixels are centred
    at halves, the filter is as wide as the larger pixel, what lies outside the crop has no weight, the sum is one.

    Parameters
    ----------
    start, length : (b,) int64
    kind : "bilinear" or "bicubic"
        Triangle, or Keys' cubic with a = -1/2, which overshoots.
    reverse : (b,) bool, optional
        Where the result runs backwards.
    """
    place = torch.arange(n_out, device=start.device) + 0.5
    places = place.expand(len(start), -1)
    if reverse is not None:
        places = torch.where(reverse[:, None], n_out - place, place)
    scale = (length / n_out)[:, None]
    stretch = scale.clamp(min=1)
    centre = places * scale - 0.5  # in the box, where the first pixel is centred at 0
    n_taps = math.ceil(2 * REACH[kind] * max(n_in / n_out, 1))
    first = torch.floor(centre - REACH[kind] * stretch).long() + 1
    line = first[:, :, None] + torch.arange(n_taps, device=start.device)
    distance = ((line - centre[:, :, None]) / stretch[:, :, None]).abs_()
    weights = (1 - distance).clamp_(min=0) if kind == "bilinear" else keys(distance)
    last = length[:, None, None] - 1
    weights = weights * ((line >= 0) & (line <= last))
    lines = torch.minimum(line.clamp_(min=0), last) + start[:, None, None]
    return lines, weights / weights.sum(dim=2, keepdim=True)


def resized(x: Tensor, rows: Taps, columns: Taps) -> Tensor:
    """Images x (b, C, H, W) of any dtype, resampled along both axes; float32."""
    height, width = rows[0].shape[1], columns[0].shape[1]
    out = x.new_empty((*x.shape[:2], height, width), dtype=torch.float32)
    step = at_once(x)
    for begin in range(0, len(x), step):
        part = slice(begin, begin + step)
        upright = x[part].transpose(2, 3).to(torch.float32, memory_format=torch.contiguous_format)
        narrow = weighted_lines(upright, (columns[0][part], columns[1][part]))
        flat = narrow.transpose(2, 3).contiguous()
        out[part] = weighted_lines(flat, (rows[0][part], rows[1][part]))
    return out


def weighted_lines(x: Tensor, taps: Taps) -> Tensor:
    """Weighted sums of lines of x (b, C, n_in, m): (b, C, n_out, m)."""
    b, channels, n_in, m = x.shape
    lines, weights = taps
    table = torch.arange(b * channels, device=x.device).reshape(b, channels, 1, 1) * n_in
    index = (table + lines[:, None]).reshape(-1, lines.shape[2])
    weights = weights[:, None].expand(b, channels, -1, -1).reshape(index.shape)
    found = embedding_bag(index, x.reshape(-1, m), per_sample_weights=weights, mode="sum")
    return found.reshape(b, channels, -1, m)


def keys(t: Tensor) -> Tensor:
    """Keys (1981) with a = -1/2: 1.5 t^3 - 2.5 t^2 + 1 up to 1, then -0.5 (t - 1) (2 - t)^2 up to 2."""
    far = (2 - t).clamp_(min=0).square_().mul_(t - 1).mul_(-0.5)
    return torch.where(t < 1, (1.5 * t - 2.5).mul_(t).mul_(t).add_(1), far)
