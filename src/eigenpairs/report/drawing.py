"""Parts of plotly figures that several sections use."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.report.texts import in_figure, rounded

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star")
SERIES = len(SYMBOLS)
"""Colours of the palette: "--series-1" to "--series-8"."""

MARKED = 64
"""Points up to which a line shows a mark for each."""

MOST_POINTS = 2000
"""Points of a line; of longer ones every so manyth is drawn."""


def curve(name: str, x: Any, y: Any, at: int = 0) -> dict[str, Any]:
    """The line of a series, number `at`, told from others by its colour, its dash and its marks."""
    x, y = np.asarray(x), np.asarray(y)
    step = -(-max(len(y), 1) // MOST_POINTS)
    colour = f"--series-{at % SERIES + 1}"
    return {
        "type": "scatter",
        "mode": "lines+markers" if 1 < len(y) <= MARKED else "markers" if len(y) == 1 else "lines",
        "name": in_figure(name),
        "x": rounded(x[::step], 9),
        "y": rounded(y[::step]),
        "line": {"color": colour, "width": 2, "dash": DASHES[at % len(DASHES)]},
        "marker": {"color": colour, "size": 6, "symbol": SYMBOLS[at % len(SYMBOLS)]},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}} | more


def layout(x: dict[str, Any], y: dict[str, Any], height: int = 300, legend: bool = False) -> dict[str, Any]:
    """Axes and height; series of several figures have a legend of their own in HTML."""
    return {"xaxis": x, "yaxis": y, "height": height, "showlegend": legend}
