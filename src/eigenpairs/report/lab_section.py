"""An experiment of the lab: claim, verdict, every check, figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs.report.drawing import axis, curve, layout
from eigenpairs.report.section import Figure, Section, Table
from eigenpairs.report.texts import clean, in_figure, number, rounded

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
    data, more = [], []
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
        line = curve(series.name, series.x, series.y, at)
        if series.mark == "bars":
            line = {"type": "bar", "name": line["name"], "x": line["x"], "y": line["y"],
                    "marker": {"color": line["line"]["color"]}}  # fmt: skip
        else:
            line["mode"] = "lines" if series.mark == "line" else "markers"
        data.append(line)
        ends = np.asarray(series.y, dtype=np.float64)
        more.append((clean(series.name), number(float(ends[0])), number(float(ends[-1]))) if len(ends) else ())
    x, y = (axis(clean(name), **({"type": "log"} if log else {})) for name, log in
            ((panel.x, panel.log_x), (panel.y, panel.log_y)))  # fmt: skip
    rows = [row for row in more if row]
    return Figure(
        data,
        layout(x, y, 340, legend=len(panel.series) > 1),
        f"{clean(panel.title)}. {clean(panel.y)} over {clean(panel.x)}.",
        Table(("series", "first", "last"), rows) if rows else None,
    )
