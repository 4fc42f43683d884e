"""A diagnosis, or several side by side: verdict, findings, and every metric on a line with its reference values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eigenpairs.diagnose.diagnosis import Diagnosis
from eigenpairs.diagnose.findings import VERDICTS
from eigenpairs.diagnose.metric import Metric
from eigenpairs.diagnose.with_labels import Probes
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.gauge import Scale
from eigenpairs.report.probes_section import probe_figures
from eigenpairs.report.section import Figure, Section, Table, table_of_first
from eigenpairs.report.texts import clean, number

TOLD = ("rankme", "effective_rank", "lidar", "uniformity")
"""Metrics for the summary, where there are such."""


def diagnosis_section(diagnosis: Diagnosis) -> Section:
    """The section of one diagnosis."""
    return diagnoses_section({"": diagnosis})


def diagnoses_section(diagnoses: Mapping[Any, Diagnosis]) -> Section:
    """The section of several diagnoses by name: each metric once, with a line for each of them."""
    named = {clean(name): diagnosis for name, diagnosis in diagnoses.items()}
    first = next(iter(named.values()))
    verdict = max((diagnosis.verdict for diagnosis in named.values()), key=VERDICTS.index)
    names = list(dict.fromkeys(name for diagnosis in named.values() for name in diagnosis.metrics))
    probes = {name: diagnosis.probes for name, diagnosis in named.items() if diagnosis.probes is not None}
    values = {
        "diagnoses": named,
        "metrics": [_row(name, named) for name in names],
        "table": _table(names, named),
        "optimum": clean(first.optimum_name),
        "rules": _rules(probes),
    }
    figures = {"singular-values": _singular_values(named), "spread": _spread(named)} | probe_figures(probes)
    tiles = {
        first.metrics[name].title: number(first.metrics[name].value)
        for name in TOLD
        if len(named) == 1 and name in first.metrics
    }
    title = "Diagnosis" if len(named) == 1 else "Diagnoses side by side"
    return Section(title, "diagnosis.html", values, _headline(named), figures, verdict=verdict, tiles=tiles)


def _headline(named: Mapping[str, Diagnosis]) -> str:
    if len(named) > 1:
        return "; ".join(f"{name}: {diagnosis.verdict}" for name, diagnosis in named.items()) + "."
    (diagnosis,) = named.values()
    shape = f"{diagnosis.n_samples:,} rows of {diagnosis.n_columns:,} columns"
    worst = [finding.message for finding in diagnosis.findings if finding.verdict == diagnosis.verdict]
    if diagnosis.verdict == "healthy" or not worst:
        return f"{shape}: nothing speaks of collapse."
    return f"{shape}: {worst[0]}."


def _row(name: str, named: Mapping[str, Diagnosis]) -> dict[str, Any]:
    """A metric in all diagnoses that have it, on one scale."""
    found = {who: diagnosis.metrics[name] for who, diagnosis in named.items() if name in diagnosis.metrics}
    scale = Scale.of(number for metric in found.values() for number in (metric.value, *_known(metric).values()))
    first = next(iter(found.values()))
    lines = {who: _line(metric, scale) for who, metric in found.items()}
    return {"metric": first, "lines": lines, "ends": scale.ends, "log": scale.log}


def _known(metric: Metric) -> dict[str, float]:
    """The reference values by name."""
    reference = metric.reference
    low, high = reference.random or (None, None)
    values = {"low": low, "high": high, "collapsed": reference.collapsed, "optimum": reference.optimum}
    return {name: value for name, value in values.items() if value is not None}


def _line(metric: Metric, scale: Scale) -> dict[str, Any]:
    known = _known(metric)
    places = {name: scale.place(value) for name, value in known.items()}
    return {"value": scale.place(metric.value), "known": known, "places": places, "number": number(metric.value, 3)}


def _table(names: list[str], named: Mapping[str, Diagnosis]) -> Table:
    columns = ["metric", *(name or "value" for name in named), "random rows", "collapsed", "optimum"]
    rows = []
    for name in names:
        found = [diagnosis.metrics.get(name) for diagnosis in named.values()]
        metric = next(metric for metric in found if metric is not None)
        known = _known(metric)
        random = f"{number(known['low'])} to {number(known['high'])}" if "low" in known else "–"
        cells = [number(None if metric is None else metric.value) for metric in found]
        ends = [number(known.get("collapsed")), number(known.get("optimum"))]
        rows.append((metric.title, *cells, random, *ends))
    who, first = next(iter(named.items()))
    note = f"The optimum is that of {clean(first.optimum_name)}."
    note += f" Reference values are those of {who}." if len(named) > 1 else ""
    return Table(columns, rows, note)


def _singular_values(named: Mapping[str, Diagnosis]) -> Figure:
    shares = {name: _relative(diagnosis.singular_values) for name, diagnosis in named.items()}
    data = [curve(name, np.arange(1, len(s) + 1), s, at) for at, (name, s) in enumerate(shares.items())]
    y = axis("relative to the largest")
    if any(share.min(initial=1.0) < 0.01 for share in shares.values()):
        y |= {"type": "log", "tickformat": "~g", "nticks": 6}
    else:
        y |= {"rangemode": "tozero"}
    rows = [(str(k + 1), *(number(_at(s, k)) for s in shares.values())) for k in range(max(map(len, shares.values())))]
    return Figure(
        data,
        layout(axis("singular value, number"), y),
        "Singular values relative to the largest: a flat line fills all directions, a cliff is collapse.",
        table_of_first(("number", *(name or "relative size" for name in named)), rows),
    )


def _relative(singular_values: np.ndarray) -> np.ndarray:
    """Shares of the largest; zeros are left out, as a logarithmic axis has no place for them."""
    largest = singular_values.max(initial=0.0)
    kept = singular_values[singular_values > 0]
    return kept / largest if largest > 0 else kept


def _spread(named: Mapping[str, Diagnosis]) -> Figure:
    spreads = {name: np.sort(diagnosis.std)[::-1] for name, diagnosis in named.items()}
    data = [curve(name, np.arange(1, len(s) + 1), s, at) for at, (name, s) in enumerate(spreads.items())]
    rows = [
        (str(k + 1), *(number(_at(s, k)) for s in spreads.values())) for k in range(max(map(len, spreads.values())))
    ]
    return Figure(
        data,
        layout(axis("column, sorted by spread"), axis("standard deviation", rangemode="tozero")),
        "Standard deviation of every column, sorted: columns near zero are dead.",
        table_of_first(("column, sorted", *(name or "standard deviation" for name in named)), rows),
    )


def _at(values: np.ndarray, k: int) -> float | None:
    return float(values[k]) if k < len(values) else None


def _rules(probes: Mapping[str, Probes]) -> dict[str, list[str]]:
    """How labels were used, in words, and by whose probes."""
    rules: dict[str, list[str]] = {}
    for name, found in probes.items():
        text = f"{found.n_train:,} training rows, {found.n_test:,} test rows, {clean(found.rule)}"
        rules.setdefault(text, []).append(name)
    return rules
