"""Curves over modes with matplotlib: drawn on the axes given, or on a new figure, and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = (
    {"color": "#0072B2", "marker": "o"},
    {"color": "#D55E00", "marker": "s"},
)
"""Blue and vermilion of Okabe & Ito's palette, told apart by colour-blind eyes, and by marker in grey."""

MODE = "mode (1 is the most invariant)"
RHO = "correlation across a positive pair, rho"
GAIN = "gain: energy of the mode in the embedding"


def over_modes(curves: dict[str, np.ndarray], ylabel: str, ax: Axes | None) -> Axes:
    """Each curve (m,) over the numbers 1 to m of the modes; several get a legend."""
    ax = new_axes(ax)
    for (name, values), style in zip(curves.items(), STYLES, strict=False):
        ax.plot(np.arange(1, len(values) + 1), values, label=name, **_thin(style, len(values)))
    ax.set(xlabel=MODE, ylabel=ylabel)
    if len(curves) > 1:
        ax.legend()
    return ax


def over_rho(rho: np.ndarray, gains: np.ndarray, ax: Axes | None) -> Axes:
    """Gains (m,) over the correlations (m,) of their modes: the gain curve of an objective."""
    ax = new_axes(ax)
    ax.plot(rho, gains, **_thin(STYLES[0], len(rho)))
    ax.set(xlabel=RHO, ylabel=GAIN)
    return ax


def _thin(style: dict[str, Any], count: int) -> dict[str, Any]:
    """A dot for each of many modes would only thicken the line."""
    return style | {"markersize": 4 if count <= 64 else 0}


def new_axes(ax: Axes | None) -> Axes:
    """`ax`, or the axes of a new figure of pyplot."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "plot needs matplotlib; install it with: pip install 'eigenpairs[plot]' (or pip install matplotlib)"
        ) from None
    return plt.subplots()[1]
