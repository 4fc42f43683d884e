"""A training run: what it ended with, its curves, its spectrum, and a set predictor beside its fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.report.curves_section import curves_section
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, number

VERDICTS = ("verdict", "verdict_projection")


def run_sections(run: Any) -> list[Section]:
    """The summary of a run, and its curves."""
    if not run.history:
        raise ValueError("this run has no epoch yet; train it before reporting on it")
    last = _last_known(run.history)
    sentences = [_what(run), *_measured(last)]
    figures = {name: figure for name, figure in (("rho", _spectrum(last)), ("fixed", _predictor(last))) if figure}
    titles = {"rho": "Spectrum of the projections", "fixed": "The predictor and its fixed point"}
    values = {
        "sentence": clean(sentences[0]),
        "more": [clean(sentence) for sentence in sentences[1:]],
        "table": Table(("setting", "value"), _settings(run.card)),
        "caption": "Settings",
        "names": [(name, titles[name]) for name in figures],
    }
    tiles = {f"kNN {clean(name)}": number(value, 3) for name, value in (last.get("knn") or {}).items()}
    tiles |= {"Loss": number(last["loss"])} | ({"Gap": number(last["gap"])} if last.get("gap") is not None else {})
    verdict = str(last.get("verdict") or "")
    section = Section("Run", "run.html", values, clean(sentences[0]), figures, verdict=verdict, tiles=tiles)
    return [section, curves_section(run.curves)]


def _last_known(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The last epoch, with what was measured less often from the last time that it was."""
    known: dict[str, Any] = {}
    for record in history:
        known |= {name: value for name, value in record.items() if value is not None}
    return known


def _what(run: Any) -> str:
    card, last = run.card, run.history[-1]
    encoder = card["encoder"].get("name", card["encoder"].get("module"))
    return (
        f"{card['method']['name']} trained a {encoder} on {card['n_samples']:,} samples for {len(run.history)} epochs, "
        f"to a loss of {number(last['loss'])}."
    )


def _measured(last: dict[str, Any]) -> list[str]:
    found = [str(last["certificate"])] if last.get("certificate") else []
    if last.get("alarm"):
        found.append(f"Collapse alarm: {last['alarm_text']}")
    if last.get("rankme") is not None:
        found.append(
            f"RankMe {number(last['rankme'])} of the features, {number(last.get('rankme_projection'))} of the "
            f"projections; sum of rho {number(last.get('sum_rho'))}."
        )
    return found


def _settings(card: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for section in ("method", "encoder", "projector", "training", "evaluation"):
        rows += [(f"{section}: {clean(str(key))}", clean(str(value))) for key, value in card[section].items()]
    views = card["views"] if isinstance(card["views"], str) else "; ".join(card["views"])
    return [("views", clean(views)), *((key, value) for key, value in rows if value != "None")]


def _spectrum(last: dict[str, Any]) -> Figure | None:
    rho = np.asarray(last.get("rho") or [], dtype=np.float64)
    if not len(rho):
        return None
    modes = np.arange(1, len(rho) + 1)
    return Figure(
        [curve("rho", modes, rho)],
        layout(axis("mode"), axis("rho", range=[min(0.0, float(rho.min())), 1.02])),
        f"Pair correlations of the projections, {number(rho[0])} to {number(rho[-1])}: 1 is perfectly invariant.",
        table_of_first(("mode", "rho"), [(str(mode), number(value)) for mode, value in zip(modes, rho)]),
    )


def _predictor(last: dict[str, Any]) -> Figure | None:
    state = last.get("predictor") or {}
    if not state.get("predicted"):
        return None
    predicted, measured = (np.asarray(state[name], dtype=np.float64) for name in ("predicted", "measured"))
    modes = np.arange(1, len(predicted) + 1)
    return Figure(
        [curve("fixed point of the theory", modes, predicted), curve("measured", modes, measured, 1)],
        layout(axis("mode"), axis("energy"), legend=True),
        "Energy of each mode of the projections beside the stable fixed point of the predictor's dynamics.",
        table_of_first(
            ("mode", "fixed point", "measured"),
            [(str(mode), number(a), number(b)) for mode, a, b in zip(modes, predicted, measured)],
        ),
    )
