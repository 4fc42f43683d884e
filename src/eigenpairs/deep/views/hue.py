"""The hue shift of HSV in closed form, without branches, sorting or a table of sectors."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_CHROMA = 1e-8
"""Below it a pixel is grey, and has no hue to shift."""


def shift_hue_(x: Tensor, turns: Tensor) -> Tensor:
    """Add `turns` of the colour circle to the HSV hue of every pixel, in place; value and saturation stay.

    With n = min(r, g, b) and chroma c = max - n, the hue in sixths of a turn, in (-3, 3], has the size
    1 + (g + b - r - n) / c and the sign of g - b. A pixel of hue h has red n + c R with R = (2 - |h|) cut to [0, 1];
    (g - n) / c + (b - n) / c = |h| - 1 + R, and their difference is min(|h|, 3 - |h|, 1) with the sign of h. Both can
    be checked sector by sector. The usual way picks the sector by comparisons, which cost more than arithmetic.

    Parameters
    ----------
    x : (b, 3, pixels) float32
    turns : (b,)
        1/3 makes red green; whole numbers change nothing.
    """
    red, green, blue = x.unbind(1)
    low = torch.minimum(red, green)
    low = torch.minimum(low, blue, out=low)
    chroma = torch.maximum(red, green)
    chroma = torch.maximum(chroma, blue, out=chroma).sub_(low)
    hue = (green + blue).sub_(red).sub_(low).div_(chroma.clamp(min=LEAST_CHROMA)).add_(1)
    hue = torch.copysign(hue, green - blue, out=hue).add_(6 * turns[:, None])
    hue.sub_((hue / 6).round_(), alpha=6)
    size = hue.abs()
    R = (2 - size).clamp_(0, 1)
    total = (size + R).sub_(1)
    difference = torch.minimum(size, 3 - size, out=size).clamp_(max=1)
    difference = torch.copysign(difference, hue, out=difference)
    torch.addcmul(low, chroma, R, out=red)
    torch.addcmul(low, chroma, total + difference, value=0.5, out=green)
    torch.addcmul(low, chroma, total.sub_(difference), value=0.5, out=blue)
    return x
