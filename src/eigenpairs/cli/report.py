"""`eigenpairs report`: one HTML page on a saved model or embedding; and what `--report` of other verbs does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from eigenpairs.cli.options import FORCE


def report(
    result: str = typer.Argument(metavar="RESULT", help="Model folder, or the file of a saved embedding."),
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help="HTML file to write."),
    data: str = typer.Option(None, metavar="FILE", help="Rows to draw with a model of one tower."),
    pairs: str = typer.Option(None, metavar="FILE", help="Positive pairs of the rows, as for `fit`."),
    labels: str = typer.Option(None, metavar="FILE", help="One label per row, to colour rows by."),
    title: str = typer.Option(None, metavar="TEXT", help="Title of the page."),
    force: bool = FORCE,
) -> None:
    """Write one self-contained HTML page: spectrum with every objective's gains, rows, metrics. Works offline.

    Example: eigenpairs report model/ --data X.npy --labels y.csv -o report.html
    """
    from eigenpairs.cli.diagnose import pairs_and_labels
    from eigenpairs.diagnose.diagnose import diagnose
    from eigenpairs.tables import read_array

    check_report(out, force)
    results: list[Any]
    if Path(result).is_dir():
        held = _loaded(result)
        held = getattr(held, "embedding_", held)
        if data is None and (labels is not None or pairs is not None):
            raise ValueError("--data: is missing; labels and pairs are of rows that the model does not hold")
        X = None if data is None else read_array(data, "--data")
        known = {"y": None} if X is None else pairs_and_labels(pairs, labels, len(X))
        results = [held]
        if X is not None and hasattr(held, "objective"):
            known_for_metrics = {name: value for name, value in known.items() if name != "y"}
            results.append(diagnose(held.transform(X), **known_for_metrics, objective=held.objective))
    else:
        X = read_array(result, "RESULT")
        known = pairs_and_labels(pairs, labels, len(X))
        results = [diagnose(X, **known)]
    write_report(out, results, force, title=title or f"eigenpairs: {Path(result).name}", X=X, labels=known["y"])
    print(f"wrote {out}")


def _loaded(folder: str) -> Any:
    """A model, or the card and curves of a run, which need no network."""
    from eigenpairs.storage import is_run, load

    if not is_run(folder):
        return load(folder)
    from eigenpairs.deep.run import read_run

    return read_run(folder)


def check_report(path: str | None, force: bool) -> None:
    """Raise now if the page could not be written later."""
    from eigenpairs.files import check_target

    if path is None:
        return
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path} is no name of a page; end it with .html")
    check_target(path, force)


def write_report(path: str | None, results: list[Any], force: bool, **options: Any) -> None:
    """Write the page if one was asked for."""
    if path is None:
        return
    from eigenpairs.report import write

    write(path, *results, overwrite=force, **options)
