"""What `audit` accepts as views, as a plain list: one entry for each transformation at each strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import real_number
from eigenpairs.advise.views import PRESETS, View

ALLOWED = (
    "give a function view(X, rng); or a dict of name to such a function, to (function, strengths) with a function "
    "view(X, rng, strength), or to the strengths of a preset; or names of presets"
)


@dataclass(frozen=True)
class Transformation:
    """A view at one strength (None: it has none)."""

    name: str
    strength: float | None
    view: View

    @property
    def title(self) -> str:
        """ "shift 2", or the name alone."""
        return self.name if self.strength is None else f"{self.name} {self.strength:g}"

    def draw(self, X: Any, rng: np.random.Generator) -> Any:
        """One view of every row of X.

        Raises
        ------
        ValueError
            If the view returns another number of rows.
        """
        changed = self.view(X, rng) if self.strength is None else self.view(X, rng, self.strength)
        if changed is None or not hasattr(changed, "__len__") or len(changed) != len(X):
            given = type(changed).__name__ if not hasattr(changed, "__len__") else f"{len(changed)} rows"
            raise ValueError(
                f"the view {self.title!r} returned {given} for {len(X)} rows; return one view for every row, in order"
            )
        return changed


def transformations(views: Any) -> tuple[Transformation, ...]:
    """Every transformation at every strength, in the order given.

    Parameters
    ----------
    views : callable, name, sequence of names, or dict
        See `audit`.

    Raises
    ------
    TypeError, ValueError
        If there is none, a name is unknown, or an entry is nothing that can be called.

    Examples
    --------
    >>> from eigenpairs.advise.transformations import transformations
    >>> [each.title for each in transformations({"shift": [1, 2], "reversed": lambda X, rng: X[:, ::-1]})]
    ['shift 1', 'shift 2', 'reversed']
    """
    if callable(views):
        views = {getattr(views, "__name__", "view"): views}
    elif isinstance(views, str):
        views = {views: None}
    elif isinstance(views, Sequence) and all(isinstance(name, str) for name in views):
        views = dict.fromkeys(views)
    if not isinstance(views, Mapping):
        raise TypeError(f"views is a {type(views).__name__}; {ALLOWED}")
    found = tuple(each for name, value in views.items() for each in _of_entry(str(name), value))
    if not found:
        raise ValueError(f"views is empty; {ALLOWED}")
    return found


def _of_entry(name: str, value: Any) -> list[Transformation]:
    if callable(value):
        return [Transformation(name, None, value)]
    view, strengths = value if isinstance(value, tuple) and value and callable(value[0]) else (None, value)
    if view is None:
        if name not in PRESETS:
            raise ValueError(f"views: {name!r} is no preset ({', '.join(PRESETS)}); {ALLOWED}")
        view = PRESETS[name].view
        if strengths is None or not PRESETS[name].strengths:
            strengths = PRESETS[name].strengths
            if not strengths:
                return [Transformation(name, None, view)]
    numbers = to_numpy(strengths)
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu" or not len(numbers):
        raise TypeError(f"views[{name!r}] is {value!r}; {ALLOWED}")
    return [Transformation(name, real_number(each, f"views[{name!r}]"), view) for each in numbers.tolist()]
