"""The collapse alarm: which of the things that `diagnose` finds are a reason to stop a run, in one sentence."""

from __future__ import annotations

from eigenpairs.diagnose import Diagnosis

FATAL = ("collapsed", "invalid")
"""Verdicts that ring. A partial collapse does not: networks begin with far fewer directions than they end with."""

ONE_WAY = 0.1
"""Normalised spread of projections below which all of them point almost the same way (1 is isotropic)."""


def collapse_alarm(features: Diagnosis, projections: Diagnosis, on_sphere: bool) -> str:
    """What is wrong, in a sentence; empty for nothing.

    Parameters
    ----------
    features, projections : Diagnosis
    on_sphere : bool
        Whether the method compares directions (cosines) alone: only then is a large common mean a collapse.
    """
    found = [
        f"{name}: {finding.message}"
        for name, diagnosis in (("features", features), ("projections", projections))
        for finding in diagnosis.findings
        if finding.verdict in FATAL
    ]
    if on_sphere and not found and projections.normalized_std < ONE_WAY:
        spread = f"{projections.normalized_std:.2g}"
        found.append(f"projections: all point almost the same way, their normalised spread is {spread} (1 is isotropic,"
                     f" below {ONE_WAY:g} counts as one point)")  # fmt: skip
    return "; ".join(found)
