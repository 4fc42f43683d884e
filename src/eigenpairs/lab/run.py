"""Run experiments one after the other, and keep what each found and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from eigenpairs.lab.catalogue import experiment_called
from eigenpairs.lab.experiment import Experiment
from eigenpairs.lab.result import Result


@dataclass(frozen=True, eq=False)
class Outcome:
    """An experiment with its parameters, what it found, and the seconds it took."""

    name: str
    experiment: Experiment
    result: Result
    seconds: float

    @property
    def verdict(self) -> str:
        """Of the result."""
        return self.result.verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain values: name, paper, claim, source, parameters, seconds, and those of the result."""
        about = {word.lower(): self.experiment.paragraph(word) for word in ("Claim", "Source", "Setting", "Expected")}
        head = {"name": self.name, "paper": self.experiment.paper} | about
        return head | {"parameters": self.experiment.get_params(), "seconds": self.seconds} | self.result.to_dict()

    def __repr__(self) -> str:
        head = self.result.headline
        said = head.sentence if head else "; ".join(self.result.notes)
        return f"Outcome({self.name}: {self.verdict}; {said})"


def run(name: str, fast: bool = False, progress: Callable[[float], None] | None = None, **parameters: Any) -> Outcome:
    """Run one experiment.

    Parameters
    ----------
    name : str
        See `experiments`.
    fast : bool, default False
        The parameters that make it a matter of seconds; those given here count more.
    progress : callable, optional
        Called with the share done, 0 to 1.
    **parameters
        Fields of the experiment.

    Raises
    ------
    ValueError, TypeError
        If the name or a parameter is unknown, or a value is not allowed.

    Examples
    --------
    >>> from eigenpairs import lab
    >>> lab.run("sample-complexity", fast=True).verdict
    'holds'
    """
    kind = experiment_called(name)
    given = (kind.fast if fast else {}) | parameters
    known = kind.parameter_types()
    for key in given:
        if key not in known:
            raise ValueError(f"{name} has no parameter {key!r}; it has {', '.join(known) or 'none'}")
    experiment = kind(**given)
    start = time.perf_counter()
    missing = [module for module in kind.needs if find_spec(module) is None]
    if missing:
        result = Result((), notes=(f"needs {', '.join(missing)}, which is not installed",))
    else:
        result = experiment.measure(progress or (lambda share: None))
    return Outcome(name, experiment, result, time.perf_counter() - start)
