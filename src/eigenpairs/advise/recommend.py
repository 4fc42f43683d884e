"""Which strength to take, and why, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigenpairs.advise.audited import HELPS, HURTS, Audited

MISALIGNED = 2.0
"""A transformation falls on the label if it destroys so many times more of it than of the rows at large."""


LITTLE = 0.05
"""A label of whose variance linear functions tell less than this is not theirs to judge."""


def recommended(rows: Sequence[Audited]) -> dict[str, Audited | None]:
    """The strength of smallest predicted error of every transformation, None where even that one hurts."""
    found: dict[str, Audited | None] = {}
    for name in dict.fromkeys(row.name for row in rows):
        best = min((row for row in rows if row.name == name), key=lambda row: row.predicted)
        found[name] = None if best.verdict == HURTS else best
    return found


def in_words(
    rows: Sequence[Audited],
    unchanged: Audited,
    chosen: dict[str, Audited | None],
    raw: float,
    told: float,
    n_labels: int,
) -> str:
    """The result in a sentence or two."""
    if not chosen:
        return _without_labels(rows)
    best = min(rows, key=lambda row: row.predicted)
    if best.verdict == HELPS:
        words = (
            f"{best.title}: predicted error {best.predicted:.3f} of the label's variance on {n_labels} labels, "
            f"{unchanged.predicted:.3f} without it; {_destroys(best)}"
        )
    else:
        words = (
            f"no transformation helps: predicted error {unchanged.predicted:.3f} of the label's variance on {n_labels} "
            f"labels without any, {best.predicted:.3f} at best ({best.title})"
        )
    against = [name for name, row in chosen.items() if row is None]
    if against:
        worst = max((row for row in rows if row.name in against), key=lambda row: row.predicted)
        words += f"; not {_listed(against)}: with {worst.title} the error is {worst.predicted:.3f}, {_destroys(worst)}"
    if raw < min(best.predicted, unchanged.predicted):
        words += f"; the columns as they are would do better still ({raw:.3f}), with functions of this class"
    if told < LITTLE:
        words += f"; but even of clean rows, linear functions tell only {100 * max(told, 0.0):.0f} % of the label"
    return words


def _listed(names: list[str]) -> str:
    """ "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _destroys(row: Audited) -> str:
    """ "it destroys 3 % of what the rows tell about the label"."""
    share = f"it destroys {100 * max(row.destroyed, 0.0):.0f} % of what linear functions tell about the label"
    if row.destroyed > 0.1 and row.destroyed > MISALIGNED * max(row.destroyed_variance, 0.0):
        return f"{share}, and only {100 * row.destroyed_variance:.0f} % of the rows at large"
    return share


def _without_labels(rows: Sequence[Audited]) -> str:
    """What can be said without labels: how much survives, and no ranking."""
    most, least = (pick(rows, key=lambda row: row.destroyed_variance) for pick in (max, min))
    gap = max(rows, key=lambda row: float(np.mean(row.rho - row.heldout)))
    words = (
        f"no labels, no recommendation: {least.title} destroys {100 * least.destroyed_variance:.0f} % of the rows' "
        f"variance, {most.title} {100 * most.destroyed_variance:.0f} %; whether that is nuisance or task, a few labels "
        "would tell"
    )
    overfit = float(np.mean(gap.rho - gap.heldout))
    return words if overfit < 0.1 else f"{words}; rho is {overfit:.2f} lower on held-out pairs ({gap.title})"
