"""What every view is: something that draws parameters from a shape, and changes a batch by them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from eigenpairs.deep.views.draws import Draws

SHAPES = {
    "images": "images (b, 1 or 3, height, width)",
    "rows": "rows (b, d)",
    "series": "series (b, channels, time)",
}
DIMENSIONS = {2: "rows", 3: "series", 4: "images"}
DTYPES = (torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64)


class View(ABC):
    """A random change of a batch: ``out, drawn = view(x, generator)``.

    Every sample is changed by a draw of its own, on the device of x. What is drawn depends on the shape of the batch
    and the generator only, and ``view.apply(x, drawn)`` gives the same result again. Samples that a probability
    leaves out have neutral parameters (factor 1, shift 0, width 0, False). x is left alone and `out` is float32;
    uint8 images are divided by 255 first, and floating images have to be in [0, 1].

    A view of your own has `draw` and `change`, and says which `kinds` of batches it takes.
    """

    kinds: ClassVar[tuple[str, ...]] = ("images", "rows", "series")
    in_place: ClassVar[bool] = False
    """Whether `change` may write into the batch it is given."""
    takes_bytes: ClassVar[bool] = False
    """Whether `change` also takes uint8, to save the conversion."""

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        self.check(x)
        drawn = self.draw(tuple(x.shape), Draws(x.device, generator))
        return self.apply(x, drawn), drawn

    def apply(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        """x changed by parameters drawn before."""
        self.check(x)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            ready = x if self.takes_bytes else as_float(x)
            return as_float(self.change(ready.clone() if self.in_place and ready is x else ready, drawn))

    @abstractmethod
    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        """Parameters for a batch of this shape, name to (b, ...)."""

    @abstractmethod
    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        """The changed batch; x is float32, or uint8 as well where `takes_bytes`."""

    def shape_after(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for a batch of this shape."""
        return shape

    def check(self, x: Any) -> None:
        """Raise unless x is a batch this view can change."""
        name = type(self).__name__
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: x is a {type(x).__name__}; give a torch.Tensor")
        kind = DIMENSIONS.get(x.ndim)
        if kind not in self.kinds or (kind == "images" and x.shape[1] not in (1, 3)):
            raise ValueError(f"{name}: x has shape {tuple(x.shape)}; give {' or '.join(SHAPES[k] for k in self.kinds)}")
        if x.dtype not in DTYPES:
            raise TypeError(f"{name}: x has dtype {x.dtype}; give uint8 or floating numbers")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def as_float(x: Tensor) -> Tensor:
    """float32; bytes of images (four axes) become [0, 1]."""
    return x.float().div_(255) if x.dtype == torch.uint8 and x.ndim == 4 else x.float()


def probability(value: Any, name: str) -> float:
    """`value` as a float in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} = {value!r} is not a probability; give a number from 0 to 1")
    return float(value)


def span(value: Any, name: str, low: float = 0.0, high: float = math.inf) -> tuple[float, float]:
    """`value` as two ascending numbers, both within low .. high."""
    if not isinstance(value, Sequence) or len(value) != 2 or not low <= value[0] <= value[1] <= high:
        limits = f"from {low:g} up" if high == math.inf else f"within {low:g} and {high:g}"
        raise ValueError(f"{name} = {value!r} is no range; give two ascending numbers {limits}")
    return float(value[0]), float(value[1])
