"""Gaussian blur as two matrix products per image, one for the rows and one for the columns.

Every sample has matrices of its own, so each can be blurred by a width of its own in one batched product.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eigenpairs.deep.views.cache import at_once


def smoothed(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Images x (b, C, H, W) float32 blurred by Gaussians of widths sigma (b,), cut off at `radius` pixels."""
    b, channels, height, width = x.shape
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    step = at_once(x)
    for start in range(0, b, step):
        part = slice(start, start + step)
        rows = blurring(sigma[part], radius, height)
        columns = rows if width == height else blurring(sigma[part], radius, width)
        along = torch.bmm(x[part].reshape(-1, channels * height, width), columns.transpose(1, 2))
        along = along.reshape(-1, channels, height, width)
        for channel in range(channels):
            out[part, channel] = torch.bmm(rows, along[:, channel])
    return out


def blurring(sigma: Tensor, radius: int, n: int) -> Tensor:
    """(b, n, n) weights of Gaussians of widths sigma (b,), cut off at `radius`, the image mirrored at its edges.

    The edge pixel is not repeated, as in torchvision (reflect) and in scipy's ``mode="mirror"``.
    """
    radius = min(radius, n - 1)
    offset = torch.arange(-radius, radius + 1, device=sigma.device)
    taps = torch.softmax(-0.5 * (offset / sigma[:, None]) ** 2, dim=1)
    row = torch.arange(n, device=sigma.device)
    source = (row[:, None] + offset).abs()
    source = torch.where(source < n, source, 2 * (n - 1) - source)
    hits = (source[:, :, None] == row).to(taps.dtype).transpose(0, 1)
    return (taps @ hits.reshape(len(offset), n * n)).reshape(-1, n, n)
