"""Several embeddings of the same rows: their order, their diagnoses, and how alike each two of them are."""

from __future__ import annotations

import numpy as np

from eigenpairs.diagnose.compare import Comparison
from eigenpairs.report.diagnosis_section import diagnoses_section
from eigenpairs.report.drawing import axis, layout
from eigenpairs.report.section import Figure, Section, Table
from eigenpairs.report.texts import clean, in_figure, number


def comparison_sections(comparison: Comparison) -> list[Section]:
    """Diagnoses in their order, and a section on how alike they are."""
    ranked = {name: comparison.diagnoses[name] for name in comparison.ranking}
    diagnoses = diagnoses_section(ranked)
    if len(ranked) < 2:
        return [diagnoses]
    names = [clean(name) for name in comparison.ranking]
    metric = ranked[comparison.ranking[0]].metrics[comparison.ranked_by].title
    headline = f"By verdict, then {metric}: {', '.join(names)}."
    figures = {"alike": _alike(comparison)}
    return [
        diagnoses,
        Section("Order and likeness", "comparison.html", {"order": names, "by": metric}, headline, figures),
    ]


def _alike(comparison: Comparison) -> Figure:
    names = list(comparison.ranking)
    place = {name: at for at, name in enumerate(names)}
    cka = np.eye(len(names))
    rows = []
    for (a, b), found in comparison.similarities.items():
        cka[place[a], place[b]] = cka[place[b], place[a]] = found.cka
        chance = (
            f"{number(found.mean_squared_cosine, 3)} ({number(found.mean_squared_cosine_by_chance, 3)})",
            f"{number(found.mutual_neighbors, 3)} ({number(found.mutual_neighbors_by_chance, 3)})",
        )
        rows.append((f"{clean(a)} and {clean(b)}", number(found.cka, 3), *chance))
    labels = [in_figure(name) for name in names]
    text = [[f"{number(value, 3)}" for value in row] for row in cka]
    heat = {
        "type": "heatmap",
        "x": labels,
        "y": labels,
        "z": cka.round(6).tolist(),
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "--card"], [1, "--series-1"]],
        "text": text,
        "texttemplate": "%{text}",
        "hovertemplate": "%{x}, %{y}: %{text}<extra></extra>",
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
    }
    height = 120 + 60 * len(names)
    columns = ("two embeddings", "CKA", "squared cosine (by chance)", "shared neighbours (by chance)")
    return Figure(
        [heat],
        layout(axis("", type="category"), axis("", type="category", autorange="reversed"), height),
        "Linear CKA of each two embeddings: 1 for the same cloud up to rotation and scale, 0 for unrelated ones.",
        Table(columns, rows),
    )
