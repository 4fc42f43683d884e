"""The spectrum with the gain curve of every objective over it, which sliders move: the page computes them itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from eigenpairs.objective import OBJECTIVES, Objective, Optimum, VICReg
from eigenpairs.report.knobs import TITLES, in_words, is_known, is_searched, knob_of, needs_python, parameters, variant
from eigenpairs.report.section import Section
from eigenpairs.report.texts import clean, number
from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.spectrum import Spectrum

WIDTH = 64
"""Columns to begin with where no embedding says how many."""


def spectrum_section(spec: Spectrum) -> Section:
    """The section of a spectrum, every objective with its defaults."""
    width = min(WIDTH, spec.n_modes)
    half = int(np.count_nonzero(spec.rho >= 0.5))
    headline = (
        f"{spec.n_modes:,} of {spec.rank:,} modes; the most invariant has rho {number(spec.rho[0], 3)}, "
        f"{half:,} have rho of at least one half."
    )
    return _section(spec, _entries(spec, None), width, headline, {})


def embedding_section(emb: Embedding) -> Section:
    """The section of an embedding: its own objective first."""
    best = emb.optimum
    kind = "exact optimum" if best.exact else "see its note" if np.isfinite(best.lower_bound) else "no bound known"
    loss = f"loss {number(best.loss)} ({kind}), " if np.isfinite(best.loss) else ""
    name = type(emb.objective).__name__
    headline = f"{name}: {loss}{best.rank} of {emb.n_components} dimensions used."
    tiles = {"Objective": called(emb.objective), "Kept": f"{best.rank} of {emb.n_components}"}
    if np.isfinite(best.loss):
        tiles["Loss at the optimum"] = number(best.loss)
    return _section(emb.spectrum, _entries(emb.spectrum, emb), emb.n_components, headline, tiles)


def called(objective: Objective) -> str:
    """Class and parameters that differ from their defaults, as one would write them."""
    try:
        default = type(objective)().get_params()
    except TypeError:  # a class of somebody else's without defaults
        default = {}
    given = {name: value for name, value in objective.get_params().items() if value != default.get(name)}
    inside = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return clean(f"{type(objective).__name__}({inside})")


def _section(
    spec: Spectrum, entries: list[dict[str, Any]], width: int, headline: str, tiles: dict[str, str]
) -> Section:
    values = {
        "entries": entries,
        "own": entries[0]["own"],
        "width": width,
        "most": _most(spec, width),
        "n_modes": spec.n_modes,
        "rank": spec.rank,
        "truncated": spec.n_modes < spec.rank,
        "faithful": spec.faithful,
        "ridge": bool(np.max(spec.ridge) > 0),
        "note": entries[0]["note"],
        "features": clean(spec._class),
    }
    data = {"rho": spec.rho, "width": width, "faithful": spec.faithful, "objectives": entries}
    tiles |= {"Modes": f"{spec.n_modes:,} of {spec.rank:,}", "Largest rho": number(float(spec.rho[0]), 3)}
    title = "Spectrum and gains"
    return Section(title, "spectrum.html", values, headline, data={"explorer": data}, tiles=tiles)


def _most(spec: Spectrum, width: int) -> int:
    """The largest width on the slider: a truncated spectrum knows no optimum of more columns than it has modes."""
    return max(spec.n_modes, width)


def _entries(spec: Spectrum, own: Embedding | None) -> list[dict[str, Any]]:
    """Every objective, as the page needs it; the embedding's own first."""
    others: list[Objective] = []
    for kind in OBJECTIVES.values():
        others += [VICReg(), VICReg(form="least-squares")] if kind is VICReg else [kind()]
    if own is None:
        return [_entry(objective) for objective in others]
    best = own.optimum
    solved = _solved(best) if needs_python(own.objective, best, spec.rho) else None
    first = _entry(own.objective) | {"own": True, "note": clean(best.note), "solved": solved}
    return [first, *(_entry(objective) for objective in others if objective != own.objective)]


def _entry(objective: Objective) -> dict[str, Any]:
    name, known = type(objective).__name__, is_known(objective)
    return {
        "name": name if known else "",
        "title": clean(TITLES.get(name, name)),
        "variant": variant(objective),
        "own": False,
        "called": called(objective),
        "words": in_words(objective),
        "params": parameters(objective) if known else {},
        "note": "",
        "knob": _knob(objective) if known else None,
        "solved": None,
    }


def _knob(objective: Objective) -> dict[str, Any] | None:
    knob = knob_of(objective)
    if knob is None:
        return None
    return asdict(knob) | {"value": getattr(objective, knob.parameter), "slow": is_searched(objective)}


def _solved(best: Optimum) -> dict[str, Any]:
    """An optimum that the page could not compute itself."""
    return {
        "gains": best.gains,
        "loss": best.loss,
        "lower_bound": best.lower_bound,
        "constant": best.constant,
        "rank": best.rank,
        "exact": best.exact,
    }
