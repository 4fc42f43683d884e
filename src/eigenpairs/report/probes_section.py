"""What labels say about one embedding or several: scores of probes, few labels, and where the labels lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eigenpairs.diagnose.with_labels import Probes
from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Table, table_of_first
from eigenpairs.report.texts import in_figure, number, rounded

SCORES = {"knn": "kNN", "knn_cosine": "kNN, cosine", "ridge": "ridge", "logistic": "logistic"}


def probe_figures(probes: Mapping[str, Probes]) -> dict[str, Figure]:
    """The figures of probes by the name of their embedding; none where there are no labels."""
    if not probes:
        return {}
    return {"probes": _scores(probes), "few-shot": _few_shot(probes), "label-energy": _label_energy(probes)}


def _scores(probes: Mapping[str, Probes]) -> Figure:
    first = next(iter(probes.values()))
    known = [name for name in SCORES if np.isfinite(getattr(first, name))]
    bars = [
        {
            "type": "bar",
            "name": in_figure(who),
            "x": [SCORES[name] for name in known],
            "y": rounded([getattr(found, name) for name in known]),
            "marker": {"color": f"--series-{at % 8 + 1}"},
            "hovertemplate": "%{x}: %{y}<extra></extra>",
        }
        for at, (who, found) in enumerate(probes.items())
    ]
    lines = [_level(found.baseline) for found in probes.values()]
    score = _score(first)
    text = f"{score} of probes on held-out rows; the dashed line is what always giving the commonest answer scores."
    head = ("probe", *(who or score for who in probes), "without the embedding")
    rows = [
        (SCORES[name], *(number(getattr(found, name)) for found in probes.values()), number(first.baseline))
        for name in known
    ]
    shapes = {"shapes": lines[:1], "bargap": 0.4}
    return Figure(bars, layout(axis(""), axis(score)) | shapes, text, Table(head, rows))


def _few_shot(probes: Mapping[str, Probes]) -> Figure:
    data = []
    for at, (who, found) in enumerate(probes.items()):
        shots = found.few_shot
        error = {"type": "data", "array": rounded(shots.standard_error), "color": f"--series-{at % 8 + 1}", "width": 3}
        data.append(curve(who, shots.labels, shots.mean, at) | {"error_y": error})
    first = next(iter(probes.values())).few_shot
    unit = "labels of each class" if first.score == "accuracy" else "labels"
    rows = [
        (str(count), *(number(_at(found.few_shot.mean, k)) for found in probes.values()))
        for k, count in enumerate(first.labels)
    ]
    score = _score(next(iter(probes.values())))
    ticks = {"type": "log", "tickvals": first.labels.tolist()}
    return Figure(
        data,
        layout(axis(unit, **ticks), axis(score)),
        f"{score} of a ridge probe against the number of labels, the mean of {first.n_draws} draws with its error.",
        Table((unit, *(who or score for who in probes)), rows),
    )


def _label_energy(probes: Mapping[str, Probes]) -> Figure:
    shares = {who: found.label_energy.cumulative for who, found in probes.items()}
    data = [curve(who, np.arange(1, len(share) + 1), share, at) for at, (who, share) in enumerate(shares.items())]
    rows = [(str(k + 1), *(number(_at(s, k)) for s in shares.values())) for k in range(max(map(len, shares.values())))]
    return Figure(
        data,
        layout(axis("directions of the embedding"), axis("share of the label", rangemode="tozero")),
        "How much of the label's variance the first directions hold: a curve that climbs early needs few labels.",
        table_of_first(("directions", *(who or "share" for who in probes)), rows),
    )


def _level(value: float) -> dict[str, object]:
    line = {"color": "--soft", "width": 1.5, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": float(value), "y1": float(value), "line": line}


def _score(probes: Probes) -> str:
    return "Accuracy" if probes.score == "accuracy" else "R²"


def _at(values: np.ndarray, k: int) -> float | None:
    return float(values[k]) if k < len(values) else None
