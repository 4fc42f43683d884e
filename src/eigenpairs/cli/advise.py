"""`eigenpairs advise`: which objective, which value, which width, and are the pairs enough?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from eigenpairs.cli.options import (
    FEATURES_HELP,
    FORCE,
    JSON,
    REPORT,
    count,
    parse_features,
    progress_bar,
    ridge_or_auto,
)
from eigenpairs.cli.output import number, print_json, print_table

if TYPE_CHECKING:
    from eigenpairs.advise import Advice


def advise(
    data: str = typer.Argument(metavar="DATA", help="Rows, labelled or not, as for `fit`."),
    pairs: str = typer.Option(..., metavar="FILE", help="Positive pairs of these rows, as for `fit`."),
    labels: str = typer.Option(None, metavar="FILE", help="One label per row, few are enough (-1 or empty: none)."),
    n_labels: int = typer.Option(
        100, "--n-labels", parser=count, metavar="INTEGER", help="Labels that the task will have."
    ),
    features: str = typer.Option("linear", metavar="NAME", help=FEATURES_HELP),
    ridge: Any = typer.Option(
        "auto", parser=ridge_or_auto, metavar="NUMBER", help="Ridge of the class; 'auto' chooses it on held-out pairs."
    ),
    dim: int = typer.Option(256, parser=count, metavar="INTEGER", help="Largest width to consider."),
    budget: bool = typer.Option(False, "--budget", help="Say as well how the modes would change with more pairs."),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Predict a probe's error for every objective and value, before any training, and recommend one.

    Example: eigenpairs advise X.npy --pairs groups.npy --labels few.csv --n-labels 100
    """
    from eigenpairs.advise import advise as advise_on
    from eigenpairs.cli.diagnose import pairs_and_labels
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.diagnose.on_pairs import groups_of
    from eigenpairs.spectrum import spectrum
    from eigenpairs.tables import read_array

    check_report(report, force)
    functions = parse_features(features, ridge)
    X = read_array(data)
    known = pairs_and_labels(pairs, labels, len(X))
    with progress_bar("moments") as progress:
        spec = spectrum(X, known["relation"], functions, dim, progress=progress)
    with progress_bar("checking on subsets of the labels") as progress:
        sources = groups_of(known["relation"])
        found = advise_on(spec, X, known["y"], n_labels, groups=sources, progress=progress)
    results: list[Any] = [found]
    if budget:
        from eigenpairs.advise.budget import pair_budget

        with progress_bar("subsets of the pairs") as progress:
            results.append(pair_budget(X, known["relation"], functions, progress=progress))
    write_report(report, results, force)
    if as_json:
        print_json(found.to_dict() | ({"budget": results[1].to_dict()} if budget else {}))
        return
    print_advice(found)
    for more in results[1:]:
        print("\n" + "\n".join(more.sentences))


def print_advice(found: Advice) -> None:
    """The reason, the table, and what limits it."""
    print(found.reason)
    rows = [
        [
            type(candidate.objective).__name__,
            f"{candidate.parameter} = {candidate.value:.3g}",
            str(candidate.n_components),
            f"{candidate.predicted:.3f} ({candidate.interval[0]:.3f} to {candidate.interval[1]:.3f})",
            number(candidate.measured),
            " ".join(f"{100 * (factor - 1):+.0f}%" for factor in candidate.flatness),
        ]
        for candidate in found.table
    ]
    if rows:
        columns = ["objective", "value", "modes kept", "predicted error (interval)", "measured", "value /4, x4"]
        print_table(columns, rows, f"Probe on {found.n_labels} labels; error as a share of the label's variance.")
        print(f"raw columns: {number(found.raw)}")
    for note in found.notes:
        print(f"- {note}")
