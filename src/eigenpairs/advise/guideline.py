"""The guideline of Balestriero & LeCun 2022 (arXiv 2205.11508) in words, with this task's numbers, and where it errs.

Pairs that are aligned with the task and few labels: strong invariance. Misaligned pairs: weak invariance.
"""

from __future__ import annotations

from collections.abc import Sequence

from eigenpairs.advise.advice import Candidate

ALIGNED = 0.5
"""Share of the label's explained variance that survives a change of partner, from which pairs count as aligned."""

STRONG = 0.5
"""Share of the modes below which an objective counts as strongly invariant."""


def in_words(table: Sequence[Candidate], alignment: float, raw: float, n_labels: int, n_modes: int) -> str:
    """One sentence: what to take, why, and whether the guideline agrees."""
    best = table[0]
    aligned, few = alignment >= ALIGNED, n_labels < n_modes
    strong = best.effective_modes < STRONG * n_modes
    pairs = f"pairs are {'aligned' if aligned else 'misaligned'} with the task (alignment {alignment:.2f})"
    labels = f"{n_labels} labels are {'few' if few else 'many'} for {n_modes} modes"
    wants_strong = aligned and few
    wanted = "strong" if wants_strong else "weak"
    kept = f"{best.n_components} of {n_modes} modes kept"
    if round(best.effective_modes) != best.n_components:
        kept += f", whose gains count for {best.effective_modes:.0f} equal ones"
    verdict = (
        f"{wanted} invariance wins, as the guideline says"
        if strong == wants_strong
        else f"here {'strong' if strong else 'weak'} invariance wins, although the guideline says {wanted}"
    )
    error = f"{best.objective!r} with {kept}: error {best.headline:.3f} of the label's variance"
    reasons = f"{pairs}, {labels}: {verdict}"
    if raw < (best.measured if best.measured == best.measured else best.predicted):  # like with like
        return f"{error}; {reasons}; the raw columns are better still ({raw:.3f}): these pairs are not worth it"
    beside = f" ({raw:.3f} with the raw columns)" if raw == raw else ""  # nan: there are none
    return f"{error}{beside}; {reasons}"
