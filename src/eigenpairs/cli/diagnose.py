"""`eigenpairs diagnose`: is an embedding healthy, or which of several is better?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eigenpairs.cli.options import FORCE, JSON, OBJECTIVE_HELP, REPORT, SETTINGS, parse_objective, progress_bar
from eigenpairs.cli.output import number, print_json, print_table

if TYPE_CHECKING:
    from eigenpairs.diagnose import Comparison, Diagnosis

COLLAPSED = 3
"""Exit code for pipelines: the embedding is collapsed or invalid."""


def diagnose(
    embeddings: list[str] = typer.Argument(
        metavar="Z...",
        help="Saved embeddings, one row per sample: .npy (memory-mapped), .npz, .csv, .parquet. Several are compared.",
    ),
    pairs: str = typer.Option(
        None,
        metavar="FILE",
        help="Positive pairs as for `fit`: a column of group ids (adds LiDAR), or two of row numbers.",
    ),
    labels: str = typer.Option(None, metavar="FILE", help="One label per row (-1 or empty: none): adds probes."),
    objective: str = typer.Option(
        None,
        "--objective",
        metavar="NAME",
        help=f"Reference values of its optimum; whitening's by default. {OBJECTIVE_HELP}",
    ),
    settings: list[str] = SETTINGS,
    center: bool = typer.Option(True, help="Ranks of the centred rows; --no-center counts an offset as a direction."),
    strict: bool = typer.Option(False, "--strict", help="Exit with 3 for a partial collapse, too."),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Measure saved embeddings: rank, collapse, spread, and what pairs and labels say, each beside reference values.

    Exit code 3 if one is collapsed or holds NaN, for pipelines.

    Example: eigenpairs diagnose epoch10.npy epoch20.npy --pairs groups.npy
    """
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.diagnose.compare import Comparison, compare
    from eigenpairs.diagnose.diagnose import diagnose as diagnose_one
    from eigenpairs.tables import read_array

    check_report(report, force)
    chosen = None if objective is None else parse_objective(objective, settings)
    tables = {name: read_array(path, "Z") for name, path in named(embeddings).items()}
    n_samples = len(next(iter(tables.values())))
    known = pairs_and_labels(pairs, labels, n_samples)
    found: Diagnosis | Comparison
    shown: dict[str, Any] = {}
    with progress_bar("reading rows") as progress:
        if len(tables) == 1:
            (Z,) = tables.values()
            found = diagnose_one(Z, **known, center=center, objective=chosen, progress=progress)
            shown = {"X": Z, "labels": known["y"]}
        else:
            found = compare(tables, **known, center=center, objective=chosen, progress=progress)
    diagnoses = found.diagnoses if isinstance(found, Comparison) else dict.fromkeys(tables, found)
    write_report(report, [diagnoses if isinstance(found, Comparison) else found], force, **shown)
    if as_json:
        print_json(found.to_dict())
    elif isinstance(found, Comparison):
        print_several(found)
    else:
        print_one(found)
    bad = {"invalid", "collapsed"} | ({"partially collapsed"} if strict else set())
    if any(diagnosis.verdict in bad for diagnosis in diagnoses.values()):
        raise typer.Exit(COLLAPSED)


def named(paths: list[str]) -> dict[str, str]:
    """Paths by their file names, or by themselves where two files are called the same."""
    short = [Path(path).name for path in paths]
    names = short if len(set(short)) == len(short) else paths
    if len(set(names)) < len(names):
        raise ValueError(f"Z: {next(name for name in names if names.count(name) > 1)} is given twice")
    return dict(zip(names, paths, strict=True))


def pairs_and_labels(pairs: str | None, labels: str | None, n_samples: int) -> dict[str, Any]:
    """`relation` and `y` from their files."""
    from eigenpairs.relation.read import read_pairs
    from eigenpairs.tables import read_columns

    relation = None if pairs is None else read_pairs(pairs, n_samples)
    if labels is None:
        return {"relation": relation, "y": None}
    columns = read_columns(labels, "LABELS")
    if len(columns) != 1 or len(columns[0]) != n_samples:
        given = f"{len(columns)} column(s) of {len(columns[0])} entries"
        raise ValueError(f"LABELS {labels} has {given}; give one column of {n_samples}")
    return {"relation": relation, "y": columns[0]}


def print_one(found: Diagnosis) -> None:
    """Verdict, findings, and a table of metrics with their reference values."""
    print(f"{found.verdict}: {found.n_samples:,} rows x {found.n_columns:,} columns")
    for finding in found.findings:
        print(f"- {finding.message}")
    rows = [
        [
            metric.title,
            number(metric.value),
            "-" if metric.reference.random is None else _span(*metric.reference.random),
            number(metric.reference.collapsed),
            number(metric.reference.optimum),
        ]
        for metric in found.metrics.values()
    ]
    print_table(["metric", "value", "random rows", "collapsed", f"optimum of {found.optimum_name}"], rows)
    if found.probes is not None:
        print(f"with labels: {found.probes!r}")


def print_several(found: Comparison) -> None:
    """One column per embedding, best first, and how alike they are."""
    columns = list(found.ranking)
    metrics = list(dict.fromkeys(name for diagnosis in found.diagnoses.values() for name in diagnosis.metrics))
    rows = [["verdict", *(found.diagnoses[name].verdict for name in columns)]]
    for metric in metrics:
        held = [found.diagnoses[name].metrics.get(metric) for name in columns]
        title = next(each.title for each in held if each is not None)
        rows.append([title, *(number(None if each is None else each.value) for each in held)])
    probes = [probe for name in columns if (probe := found.diagnoses[name].probes) is not None]
    if len(probes) == len(columns):
        for score in ("knn", "logistic", "ridge"):
            rows.append([f"{score} ({probes[0].score})", *(number(getattr(probe, score)) for probe in probes)])
    print_table(["metric", *columns], rows, f"Best first, by {found.ranked_by}.")
    for name in columns:
        for finding in found.diagnoses[name].findings:
            print(f"- {name}: {finding.message}")
    alike = [
        [
            f"{a} ~ {b}",
            number(each.cka),
            f"{number(each.mean_squared_cosine)} ({number(each.mean_squared_cosine_by_chance)})",
            f"{number(each.mutual_neighbors)} ({number(each.mutual_neighbors_by_chance)})",
        ]
        for (a, b), each in found.similarities.items()
    ]
    if alike:
        print_table(["alike (by chance)", "linear CKA", "mean squared cosine", "mutual neighbours"], alike)


def _span(low: float, high: float) -> str:
    a, b = number(low), number(high)
    return a if a == b else f"{a} to {b}"
