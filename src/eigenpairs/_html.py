"""Small pictures for notebooks: a curve as inline SVG, without any plotting library."""

from __future__ import annotations

from html import escape

import numpy as np

WIDTH, HEIGHT = 320, 60


def card(title: str, curves: dict[str, np.ndarray]) -> str:
    """A title and one small curve per entry, bars from zero."""
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{_bars(values)}</td></tr>" for name, values in curves.items())
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table></div>"


def _bars(values: np.ndarray) -> str:
    top, bottom = max(float(values.max(initial=0.0)), 1e-300), min(float(values.min(initial=0.0)), 0.0)
    unit, step = HEIGHT / (top - bottom), WIDTH / max(len(values), 1)
    bars = "".join(
        f'<rect x="{k * step:.2f}" y="{(top - max(value, 0.0)) * unit:.2f}" '
        f'width="{max(step - 0.5, 0.5):.2f}" height="{abs(value) * unit:.2f}"/>'
        for k, value in enumerate(values)
    )
    return f'<svg width="{WIDTH}" height="{HEIGHT}" fill="currentColor" role="img">{bars}</svg> up to {top:.3g}'
