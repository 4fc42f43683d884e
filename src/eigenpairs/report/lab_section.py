"""An experiment of the lab: claim, verdict, every check, figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.report.drawing import SERIES, axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table
from eigenpairs.report.texts import clean, in_figure, number, rounded

MOST_ROWS = 12
"""Values of a series in the table beside its figure."""

COLUMNS = ("check", "measured", "expected", "tolerance", "")


def lab_section(outcome: Any) -> Section:
    """The section of one outcome."""
    result, experiment = outcome.result, outcome.experiment
    claim = clean(experiment.paragraph("Claim"))
    figures = {f"panel-{at}": _figure(panel) for at, panel in enumerate(result.figures)}
    values = {
        "verdict": outcome.verdict,
        "words": [(word, clean(experiment.paragraph(word))) for word in ("Claim", "Source", "Setting", "Expected")],
        "table": Table(COLUMNS, [_row(check) for check in result.checks]),
        "notes": [clean(note) for note in result.notes],
        "names": [(f"panel-{at}", clean(panel.title)) for at, panel in enumerate(result.figures)],
        "parameters": ", ".join(f"{key} = {value}" for key, value in experiment.get_params().items()),
        "seconds": number(outcome.seconds, 3),
    }
    return Section(outcome.name, "lab.html", values, f"{outcome.verdict}: {claim}", figures)


def _row(check: Any) -> tuple[str, ...]:
    wanted = {"equal": "", "at least": "at least ", "at most": "at most "}[check.kind] + number(check.expected, 6)
    room = number(check.tolerance, 3) if check.tolerance else "-"
    return clean(check.what), number(check.measured, 6), wanted, room, "holds" if check.holds else "fails"


def _figure(panel: Any) -> Figure:
    data: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    if panel.grid is not None:
        data.append(
            {
                "type": "heatmap",
                "x": rounded(np.asarray(panel.grid.x, dtype=np.float64), 9),
                "y": rounded(np.asarray(panel.grid.y, dtype=np.float64), 9),
                "z": [rounded(row) for row in np.asarray(panel.grid.z, dtype=np.float64)],
                "colorscale": "Cividis",
                "colorbar": {"title": {"text": in_figure(panel.grid.name)}},
            }
        )
    for at, series in enumerate(panel.series):
        data.append(_bars(series, at) if series.mark == "bars" else _line(series, at))
        rows += _told(series)
    x, y = (axis(clean(name), **({"type": "log"} if log else {})) for name, log in
            ((panel.x, panel.log_x), (panel.y, panel.log_y)))  # fmt: skip
    return Figure(
        data,
        layout(x, y, 340, legend=len(panel.series) > 1),
        f"{clean(panel.title)}. {clean(panel.y)} over {clean(panel.x)}.",
        Table(("series", clean(panel.x), clean(panel.y)), rows) if rows else None,
    )


def _line(series: Any, at: int) -> dict[str, Any]:
    return curve(series.name, series.x, series.y, at) | {"mode": "lines" if series.mark == "line" else "markers"}


def _bars(series: Any, at: int) -> dict[str, Any]:
    names = [in_figure(str(name)) for name in series.x] if series.named else rounded(series.x, 9)
    colour = {"color": f"--series-{at % SERIES + 1}"}
    return {"type": "bar", "name": in_figure(series.name), "marker": colour, "x": names, "y": rounded(series.y)}


def _told(series: Any) -> list[tuple[str, ...]]:
    """At most MOST_ROWS values of a series, evenly spread."""
    count = len(series.x)
    at = np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).round().astype(np.int64))
    texts = [clean(str(series.x[k])) if series.named else number(float(series.x[k])) for k in at]
    return [(clean(series.name), text, number(float(series.y[k]))) for text, k in zip(texts, at, strict=True)]
