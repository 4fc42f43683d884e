"""Training curves: one small figure each, since their scales have nothing in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, table_of_first
from eigenpairs.report.texts import clean, number


def curves_section(curves: Mapping[Any, Any]) -> Section:
    """The section of curves by name, each a pair of steps (n,) and values (n,).

    Raises
    ------
    ValueError
        If steps and values are no vectors of one length.
    """
    figures, ends = {}, {}
    for at, (name, pair) in enumerate(curves.items()):
        steps, values = _vectors(name, pair)
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite):
            first, last = values[finite[0]], values[finite[-1]]
            ends[clean(name)] = f"from {number(first)} to {number(last)}"
        else:
            ends[clean(name)] = "no finite value"
        figures[f"curve-{at}"] = Figure(
            [curve(clean(name), steps, values)],
            layout(axis("step"), axis(""), height=220),
            f"{clean(name)} over training steps, {ends[clean(name)]}.",
            table_of_first(("step", "value"), [(number(s), number(v)) for s, v in zip(steps, values)]),
        )
    names = [clean(name) for name in curves]
    headline = "; ".join(f"{name} {what}" for name, what in list(ends.items())[:4]) + "."
    return Section("Training", "curves.html", {"curves": list(zip(names, figures))}, headline, figures)


def _vectors(name: Any, pair: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        steps, values = (np.asarray(part, dtype=np.float64) for part in pair)
    except (TypeError, ValueError):
        raise ValueError(f"curves[{name!r}] is no pair (steps, values) of two vectors of numbers") from None
    if steps.ndim != 1 or steps.shape != values.shape or not len(steps):
        raise ValueError(
            f"curves[{name!r}] has steps of shape {steps.shape} and values of shape {values.shape}; "
            "give one value per step, shape (n,) both"
        )
    return steps, values
