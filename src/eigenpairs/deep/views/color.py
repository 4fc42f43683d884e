"""Views that change colours: jitter, grey, solarisation; and normalisation, which is the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from eigenpairs._validate import real_number
from eigenpairs.deep.views.base import View, probability
from eigenpairs.deep.views.cache import at_once
from eigenpairs.deep.views.draws import Draws
from eigenpairs.deep.views.hue import shift_hue_

LUMA = (0.299, 0.587, 0.114)
"""Grey of red, green and blue (ITU-R BT.601, as PIL has it)."""

NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
"""Parameters that change nothing."""

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)

ORDERS = list(permutations(range(4)))


class ColorJitter(View):
    """Brightness, contrast, saturation and hue by random amounts, in random order.

    Each of the four is what torchvision (on tensors) and PIL do, cut to [0, 1] after each step: brightness multiplies,
    contrast blends with the mean grey of the image, saturation with the grey of the pixel, and hue is shifted in HSV,
    exactly. As in torchvision on single images the order is drawn anew for every sample; kornia and torchvision on a
    batch draw one order for all. One channel counts as three equal ones: saturation and hue leave it as it is.

    Parameters
    ----------
    brightness, contrast, saturation : float, default 0.4
        Factors are uniform on max(0, 1 - v) to 1 + v; a step with 0 is skipped.
    hue : float, default 0.1
        Shifts are uniform on -v to v, in turns of the colour circle; at most 0.5.
    p : float, default 0.8
        Probability that a sample is changed.
    random_order : bool, default True
        Without it all take the order above.

    Notes
    -----
    Draws "brightness", "contrast", "saturation" (1 is neutral), "hue" (0 is) and "order" (0 to 23, the permutations
    of the four in lexical order; 0 is the order above).

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.views import ColorJitter
    >>> images = torch.rand(4, 3, 8, 8)
    >>> out, drawn = ColorJitter(0.8, 0.8, 0.8, 0.2)(images, torch.Generator().manual_seed(1))
    >>> unchanged = drawn["brightness"] == 1
    >>> bool((out[unchanged] == images[unchanged]).all())
    True
    """

    kinds = ("images",)
    in_place = True

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        p: float = 0.8,
        random_order: bool = True,
    ):
        self.brightness = real_number(brightness, "brightness", 0)
        self.contrast = real_number(contrast, "contrast", 0)
        self.saturation = real_number(saturation, "saturation", 0)
        self.hue = real_number(hue, "hue", 0)
        if self.hue > 0.5:
            raise ValueError(f"hue = {hue} is more than half a turn either way; give 0 to 0.5")
        self.p, self.random_order = probability(p, "p"), random_order

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        n = shape[0]
        changed = draws.chance(self.p, n)
        drawn = {}
        for name, neutral in NEUTRAL.items():
            strength = getattr(self, name)
            low = max(neutral - strength, 0.0) if neutral else -strength
            drawn[name] = torch.where(changed, draws.uniform(low, neutral + strength, n), neutral)
        return {**drawn, "order": draws.below(len(ORDERS) if self.random_order else 1, n)}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        pixels = x.reshape(*x.shape[:2], -1)
        color = x.shape[1] == 3
        neutral = torch.ones_like(drawn["saturation"])
        factors = torch.stack(
            [drawn["brightness"], drawn["contrast"], drawn["saturation"] if color else neutral], dim=1
        )
        changed = (factors != 1).any(dim=1) | (drawn["hue"] != 0)
        order = torch.tensor(ORDERS, device=x.device)[drawn["order"]]
        blends = order[order != HUE].reshape(-1, HUE)
        for hue_turn in range(4):  # samples whose hue has the same turn go together: the other steps are one formula
            group = (changed & (order[:, hue_turn] == HUE)).nonzero().squeeze(1)
            for rows in group.split(at_once(x, 2**19)):
                part, kinds = pixels.index_select(0, rows), blends[rows]
                amounts = factors[rows].gather(1, kinds)
                for turn in range(4):
                    if turn == hue_turn and color and self.hue:
                        shift_hue_(part, drawn["hue"][rows])
                    if turn < HUE:
                        blend_(part, amounts[:, turn], kinds[:, turn])
                pixels.index_copy_(0, rows, part)
        return pixels.reshape(x.shape)


class Grey(View):
    """All three channels become the grey of the pixel (`LUMA`) with probability p; one channel stays as it is.

    Parameters
    ----------
    p : float, default 0.2

    Notes
    -----
    Draws "grey".
    """

    kinds = ("images",)
    in_place = True

    def __init__(self, p: float = 0.2):
        self.p = probability(p, "p")

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"grey": draws.chance(self.p, shape[0])}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        if x.shape[1] == 1:
            return x
        chosen = drawn["grey"].nonzero().squeeze(1)
        part = x[chosen]
        return x.index_copy_(0, chosen, luma(part)[:, None].expand_as(part))


class Solarise(View):
    """Values of at least `threshold` are turned over, v to 1 - v, with probability p.

    Parameters
    ----------
    p : float, default 0.2
    threshold : float, default 0.5

    Notes
    -----
    Draws "solarised".
    """

    kinds = ("images",)
    in_place = True

    def __init__(self, p: float = 0.2, threshold: float = 0.5):
        self.p, self.threshold = probability(p, "p"), real_number(threshold, "threshold")

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {"solarised": draws.chance(self.p, shape[0])}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        chosen = drawn["solarised"].nonzero().squeeze(1)
        part = x[chosen]
        return x.index_copy_(0, chosen, torch.where(part >= self.threshold, 1 - part, part))


class Normalise(View):
    """(x - mean) / std of every channel; nothing is drawn. After it images are no longer in [0, 1], so it comes last.

    Parameters
    ----------
    mean, std : float or sequence of floats
        One value for each channel, or one for all. Images of one channel given three values take their means.
    """

    in_place = True

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]):
        self.mean = [real_number(value, "mean") for value in _several(mean)]
        self.std = [real_number(value, "std", 0, above=True) for value in _several(std)]

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        return {}

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        mean, std = (self._shaped(values, name, x) for values, name in ((self.mean, "mean"), (self.std, "std")))
        return x.sub_(mean).div_(std)

    def _shaped(self, values: list[float], name: str, x: Tensor) -> Tensor:
        if x.ndim == 4 and x.shape[1] == 1:
            values = [sum(values) / len(values)]
        if len(values) not in (1, x.shape[1]):
            raise ValueError(f"Normalise: {name} has {len(values)} values for {x.shape[1]} channels; give one for each")
        return torch.tensor(values, device=x.device).reshape(-1, *[1] * (x.ndim - 2))


def _several(values: float | Sequence[float]) -> Sequence[float]:
    return values if isinstance(values, Sequence) else [values]


def luma(x: Tensor) -> Tensor:
    """Grey (b, ...) of images x (b, 3, ...), or the only channel of (b, 1, ...)."""
    if x.shape[1] == 1:
        return x[:, 0]
    return (x[:, 0] * LUMA[0]).add_(x[:, 1], alpha=LUMA[1]).add_(x[:, 2], alpha=LUMA[2])


def blend_(x: Tensor, factor: Tensor, kind: Tensor) -> Tensor:
    """factor * x + (1 - factor) * other, cut to [0, 1], in place.

    `other` is black for brightness (kind 0), the mean grey of the image for contrast (1) and the grey of the pixel for
    saturation (2), as PIL defines the three.

    Parameters
    ----------
    x : (b, C, pixels) float32
    factor : (b,)
    kind : (b,) int64
    """
    grey = luma(x)
    mean_share, pixel_share = ((1 - factor) * (kind == k) for k in (CONTRAST, SATURATION))
    other = torch.addcmul((mean_share * grey.mean(dim=1))[:, None], grey, pixel_share[:, None])
    return x.mul_(factor[:, None, None]).add_(other[:, None]).clamp_(0, 1)
