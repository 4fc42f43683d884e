"""Tables and curves in characters."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from eigenpairs._json import plain

BARS = " ▁▂▃▄▅▆▇█"


def print_json(value: Any) -> None:
    """One JSON object on stdout; NaN and infinities become null."""
    print(json.dumps(plain(value), allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table without frames; the first column is text, the others are numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 120
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)


def curve(values: np.ndarray, width: int = 40, top: float | None = None) -> str:
    """`values` (m,) from left to right as a row of bars, negative values as blanks."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) > width:
        edges = np.linspace(0, len(values), width + 1).astype(int)
        values = np.array([values[a:b].mean() for a, b in pairwise(edges)])
    top = float(values.max(initial=0.0)) if top is None else top
    if not top > 0:
        return " " * len(values)
    level = np.clip(np.ceil(values / top * 8 - 1e-9), 0, 8).astype(int)
    return "".join(BARS[k] for k in level)


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is nothing."""
    return "-" if value is None or not np.isfinite(value) else f"{value:.4g}"


def percent(value: float | None) -> str:
    """An accuracy as .983."""
    return "-" if value is None else f"{value:.3f}"
