"""Figures of the lab in matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eigenpairs.lab.figure import Panel


def draw(panels: Sequence[Panel], axes: Any = None) -> Any:
    """Draw panels one below the other, on `axes` (one per panel) if given; returns the axes.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib.
    """
    if axes is None:
        try:
            import matplotlib.pyplot as plt
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "plot needs matplotlib; install it with: pip install 'eigenpairs[plot]'"
            ) from None
        _, axes = plt.subplots(len(panels), 1, figsize=(6, 3.6 * len(panels)), layout="constrained", squeeze=False)
    for panel, ax in zip(panels, np.ravel(axes), strict=True):
        _draw_one(panel, ax)
    return axes


def _draw_one(panel: Panel, ax: Any) -> None:
    if panel.grid is not None:
        colours = ax.pcolormesh(
            panel.grid.x, panel.grid.y, panel.grid.z, shading="nearest", cmap="cividis", rasterized=True
        )
        ax.figure.colorbar(colours, ax=ax, label=panel.grid.name)
    for series in panel.series:
        if series.named:
            ax.barh(series.x, series.y, label=series.name)
        elif series.mark == "bars":
            ax.bar(series.x, series.y, label=series.name)
        else:
            ax.plot(series.x, series.y, "-" if series.mark == "line" else "o", markersize=4, label=series.name)
    if any(series.named for series in panel.series):  # names are read along the lines, from the top
        ax.invert_yaxis()
        ax.set(title=panel.title, xlabel=panel.y)
    else:
        ax.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
    if panel.log_x:
        ax.set_xscale("log")
    if panel.log_y:
        ax.set_yscale("log")
    if len(panel.series) > 1:
        ax.legend(fontsize="small")
