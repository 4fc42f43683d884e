"""The collapse alarm: which of the things that `diagnose` finds are a reason to stop a run, in one sentence."""

from __future__ import annotations

from eigenpairs.diagnose import Diagnosis

FATAL = ("collapsed", "invalid")
"""Verdicts that ring. A partial collapse does not: networks begin with far fewer directions than they end with."""

ONE_WAY, NOT_GROWING = 0.1, 0.2
"""Normalised spread of projections (1 is isotropic) below which all of them point almost the same way: always, and
where it has not grown since the last look. Untrained networks begin at .09 to .24; runs that learn leave that within
two epochs and end above .3, those without predictor or stop-gradient stay below .17."""


def collapse_alarm(features: Diagnosis, projections: Diagnosis, on_sphere: bool, before: float | None = None) -> str:
    """What is wrong, in a sentence; empty for nothing.

    Parameters
    ----------
    features, projections : Diagnosis
    on_sphere : bool
        Whether the method compares directions (cosines) alone: only then is a large common mean a collapse.
    before : float, optional
        Normalised spread of the projections at the last look.
    """
    found = [
        f"{name}: {finding.message}"
        for name, diagnosis in (("features", features), ("projections", projections))
        for finding in diagnosis.findings
        if finding.verdict in FATAL
    ]
    if on_sphere and not found:
        spread = projections.normalized_std
        limit = NOT_GROWING if before is not None and spread <= before else ONE_WAY
        if spread < limit:
            rule = f"below {limit:g} counts as one point" + (" unless it grows" if limit == NOT_GROWING else "")
            found.append(
                f"projections: all point almost the same way, their normalised spread is {spread:.2g} (1 is isotropic, "
                f"{rule})"
            )
    return "; ".join(found)
