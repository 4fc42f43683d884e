"""Every experiment by name: the modules of this package that hold one."""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib import import_module

from eigenpairs._names import kebab
from eigenpairs.lab import experiments as room
from eigenpairs.lab.experiment import Experiment


@cache
def experiments() -> dict[str, type[Experiment]]:
    """Every experiment's class by name, in the order of papers."""
    found = {}
    for module in pkgutil.iter_modules(room.__path__):
        held = vars(import_module(f"{room.__name__}.{module.name}")).values()
        own = [
            kind for kind in held
            if isinstance(kind, type) and issubclass(kind, Experiment) and kind.__module__.endswith(f".{module.name}")
        ]  # fmt: skip
        for kind in own:
            found[kebab(kind.__name__)] = kind
    return dict(sorted(found.items(), key=lambda entry: (entry[1].paper == "ours", entry[1].paper, entry[0])))


def experiment_called(name: str) -> type[Experiment]:
    """The experiment of this name.

    Raises
    ------
    ValueError
        If there is none; with the nearest names.
    """
    known = experiments()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"{name!r} is no experiment; {hint}choose from {', '.join(known)}")
