"""Figures as plain numbers: the page draws them with plotly, `Result.plot` with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._validate import one_of

MARKS = ("line", "points", "bars")


@dataclass(frozen=True, eq=False)
class Series:
    """Values over values.

    Parameters
    ----------
    name : str
    x, y : (n,)
        Numbers; x of bars may be texts.
    mark : "line", "points" or "bars", default "line"
        The custom here: a line is what theory says, points are what was measured.
    """

    name: str
    x: Any
    y: Any
    mark: str = "line"

    def __post_init__(self) -> None:
        one_of(self.mark, "mark", MARKS)
        if np.shape(self.x) != np.shape(self.y) or np.ndim(self.x) != 1:
            raise ValueError(f"{self.name}: x has shape {np.shape(self.x)}, y {np.shape(self.y)}; give two vectors")
        if self.named and self.mark != "bars":
            raise ValueError(f"{self.name}: x are texts, which only bars have; give numbers, or mark='bars'")

    @property
    def named(self) -> bool:
        """Whether x are texts."""
        return np.asarray(self.x).dtype.kind in "UO"


@dataclass(frozen=True, eq=False)
class Grid:
    """Values z (len(y), len(x)) over a plane, drawn as colours."""

    x: Any
    y: Any
    z: Any
    name: str = ""

    def __post_init__(self) -> None:
        if np.shape(self.z) != (len(self.y), len(self.x)):
            raise ValueError(f"z has shape {np.shape(self.z)}; y and x ask for ({len(self.y)}, {len(self.x)})")


@dataclass(frozen=True, eq=False)
class Panel:
    """One figure: a title that says what there is to see, axes, series, and a grid of colours below them if given."""

    title: str
    x: str
    y: str
    series: Sequence[Series] = ()
    grid: Grid | None = None
    log_x: bool = False
    log_y: bool = False
