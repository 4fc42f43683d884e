"""Several views, one after the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from eigenpairs.deep.views.base import DIMENSIONS, View, as_float
from eigenpairs.deep.views.draws import Draws


class Chain(View):
    """Views applied in their order, as one view.

    Parameters
    ----------
    views : sequence of View
        None at all only makes float32 of the batch (and [0, 1] of uint8 images).

    Attributes
    ----------
    names : list of str
        Of the views, for what was drawn: ``drawn["color-jitter.hue"]``. The second of a kind is ``"flip-2"``.

    Raises
    ------
    TypeError
        If one is no view.

    Examples
    --------
    >>> import torch
    >>> from eigenpairs.deep.views import Chain, ColorJitter, RandomResizedCrop
    >>> images = torch.randint(256, (5, 3, 32, 32), dtype=torch.uint8)
    >>> view = Chain([RandomResizedCrop(24), ColorJitter()])
    >>> out, drawn = view(images, torch.Generator().manual_seed(0))
    >>> out.shape, list(drawn)[-2:], drawn["color-jitter.hue"].shape
    (torch.Size([5, 3, 24, 24]), ['color-jitter.hue', 'color-jitter.order'], torch.Size([5]))
    >>> bool((view.apply(images, drawn) == out).all())
    True
    """

    takes_bytes = True

    def __init__(self, views: Sequence[View]):
        wrong = [view for view in views if not isinstance(view, View)]
        if wrong:
            raise TypeError(f"views holds {wrong[0]!r}, which is no view; give objects such as RandomResizedCrop(32)")
        self.views = list(views)

    @property
    def names(self) -> list[str]:
        seen: Counter[str] = Counter()
        names = []
        for view in self.views:
            name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(view).__name__).lower()
            seen[name] += 1
            names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
        return names

    def check(self, x: Tensor) -> None:
        super().check(x)
        for view in self.views:
            if DIMENSIONS[x.ndim] not in view.kinds:
                view.check(x)

    def draw(self, shape: tuple[int, ...], draws: Draws) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, view in zip(self.names, self.views, strict=True):
            found |= {f"{name}.{key}": value for key, value in view.draw(shape, draws).items()}
            shape = view.shape_after(shape)
        return found

    def change(self, x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        given = x
        for name, view in zip(self.names, self.views, strict=True):
            x = x if view.takes_bytes else as_float(x)
            x = x.clone() if view.in_place and x is given else x
            x = view.change(x, {key[len(name) + 1 :]: value for key, value in _of(name, drawn)})
        return x

    def shape_after(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for view in self.views:
            shape = view.shape_after(shape)
        return shape

    def without(self, *kinds: type[View]) -> Chain:
        """The same chain less the views of these classes."""
        return Chain([view for view in self.views if not isinstance(view, kinds)])

    def __repr__(self) -> str:
        return f"Chain({self.views!r})"


def _of(name: str, drawn: dict[str, Tensor]) -> list[tuple[str, Tensor]]:
    return [(key, value) for key, value in drawn.items() if key.startswith(f"{name}.")]
