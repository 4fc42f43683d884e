"""What an experiment found: numbers against what was expected, and the verdict that follows from nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eigenpairs._json import plain
from eigenpairs._validate import one_of
from eigenpairs.lab.figure import Panel

HOLDS, FAILS, NOT_TESTABLE = "holds", "fails", "not testable here"
KINDS = ("equal", "at least", "at most")


@dataclass(frozen=True)
class Check:
    """One number that was measured, and what was expected of it.

    Parameters
    ----------
    what : str
        What the number is, in words.
    measured, expected : float
    tolerance : float, default 0
        Absolute: how far `measured` may be from `expected`, or on the wrong side of it.
    kind : "equal", "at least" or "at most", default "equal"

    Examples
    --------
    >>> from eigenpairs.lab import Check
    >>> Check("eigenvalue", 0.7236, 0.72361, tolerance=1e-4).holds
    True
    >>> Check("accuracy", 0.8, 0.9, kind="at least").holds
    False
    """

    what: str
    measured: float
    expected: float
    tolerance: float = 0.0
    kind: str = "equal"

    def __post_init__(self) -> None:
        one_of(self.kind, "kind", KINDS)

    @property
    def holds(self) -> bool:
        """Whether it is as expected; a number that is not finite never is."""
        if not math.isfinite(self.measured):
            return False
        excess = self.measured - self.expected
        return {"equal": abs(excess), "at least": -excess, "at most": excess}[self.kind] <= self.tolerance

    @property
    def sentence(self) -> str:
        """The check in words."""
        wanted = {"equal": "", "at least": "at least ", "at most": "at most "}[self.kind]
        room = f" (within {self.tolerance:.3g})" if self.tolerance else ""
        return f"{self.what}: {self.measured:.6g}, expected {wanted}{self.expected:.6g}{room}"


@dataclass(frozen=True, eq=False)
class Result:
    """Checks, figures and remarks of one run of an experiment.

    Parameters
    ----------
    checks : sequence of Check
        The first is the headline. None at all: not testable here, and `notes` say why.
    figures : sequence of Panel
    notes : sequence of str
        What a reader should know besides, such as where the claim stops holding.
    """

    checks: Sequence[Check]
    figures: Sequence[Panel] = ()
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """ "holds" if every check does, "fails" if one does not, "not testable here" without any."""
        if not self.checks:
            return NOT_TESTABLE
        return HOLDS if all(check.holds for check in self.checks) else FAILS

    @property
    def headline(self) -> Check | None:
        """The first check that fails, or else the first."""
        failed = [check for check in self.checks if not check.holds]
        return next(iter([*failed, *self.checks]), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: verdict; measured, expected and tolerance of the headline; all checks; notes."""
        head = self.headline
        found = {name: None if head is None else getattr(head, name) for name in ("measured", "expected", "tolerance")}
        checks = [
            {"what": c.what, "measured": c.measured, "expected": c.expected, "tolerance": c.tolerance,
             "kind": c.kind, "holds": c.holds}
            for c in self.checks
        ]  # fmt: skip
        return plain({"verdict": self.verdict, **found, "checks": checks, "notes": list(self.notes)})

    def plot(self, axes: Any = None) -> Any:
        """Draw the figures with matplotlib, one below the other; returns the axes (extra ``plot``)."""
        from eigenpairs.lab.drawing import draw

        return draw(self.figures, axes)
