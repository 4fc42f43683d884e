"""`eigenpairs certify`: how far is a saved embedding from the exact optimum?"""

from __future__ import annotations

from typing import Any

import numpy as np
import typer

from eigenpairs.cli.options import (
    FEATURES_HELP,
    FORCE,
    JSON,
    OBJECTIVE,
    REPORT,
    SETTINGS,
    parse_features,
    parse_objective,
    progress_bar,
)
from eigenpairs.cli.output import curve, print_json


def certify(
    embedding: str = typer.Argument(metavar="Z", help="Saved embedding, one row per sample."),
    embedding_b: str = typer.Argument(
        None, metavar="[Z_B]", help="Embedding of rows of a second kind, for two towers."
    ),
    pairs: str = typer.Option(
        None, metavar="FILE", help="Positive pairs, as for `fit`; with Z_B row i goes with row i if left out."
    ),
    data: str = typer.Option(
        None,
        metavar="FILE",
        help="What the functions of the class see: raw rows, or the features of a backbone for its linear heads. "
        "Without it the class is any function of the samples.",
    ),
    data_b: str = typer.Option(None, metavar="FILE", help="The same for rows of a second kind."),
    features: str = typer.Option("linear", metavar="NAME", help=f"With --data. {FEATURES_HELP}"),
    objective: str = OBJECTIVE,
    settings: list[str] = SETTINGS,
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Compare the loss of a saved embedding with the exact optimum over a class of functions, on the same pairs.

    Example: eigenpairs certify Z.npy --pairs groups.npy --data backbone.npy --objective vicreg
    """
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.diagnose.certify import certify as certify_rows

    check_report(report, force)
    chosen = parse_objective(objective, settings)
    Z, X, relation = read_embedding(embedding, embedding_b, pairs, data, data_b)
    functions = None if X is None else parse_features(features, 0.0)
    with progress_bar("solving the class") as progress:
        found = certify_rows(Z, chosen, relation, X, functions, progress=progress)
    write_report(report, [found], force)
    if as_json:
        print_json(found.to_dict())
        return
    print(found.sentence)
    top = max(float(np.max(found.gains, initial=0.0)), float(np.max(found.energies, initial=0.0)))
    print(f"optimum {curve(found.gains, 60, top=top)}  gain of each mode, most invariant first")
    print(f"Z       {curve(found.energies, 60, top=top)}  energy of each mode in it")
    if len(found.angles):
        low, high = np.degrees(found.angles[[0, -1]])
        print(f"angles  {low:.2f} to {high:.2f} degrees to the optimal modes")
    print(f"note    {found.note}")


def read_embedding(
    embedding: str, embedding_b: str | None, pairs: str | None, data: str | None, data_b: str | None
) -> tuple[Any, Any, Any]:
    """Z, X and the relation, of one tower or of two."""
    from eigenpairs.features import Towers
    from eigenpairs.relation.read import read_pairs, read_pairs_between
    from eigenpairs.tables import read_array

    Z = read_array(embedding, "Z")
    if (data is None) != (data_b is None) and embedding_b is not None:
        raise ValueError("--data and --data-b go together: give what both towers see, or neither")
    if embedding_b is None:
        if data_b is not None:
            raise ValueError("--data-b: is for two towers; give the embedding of the second one as Z_B")
        if pairs is None:
            raise ValueError("--pairs: is missing; only with Z_B can it be left out, where row i then goes with row i")
        return Z, None if data is None else read_array(data, "--data"), read_pairs(pairs, len(Z))
    both = Towers(Z, read_array(embedding_b, "Z_B"))
    relation = both.pairs(None if pairs is None else read_pairs_between(pairs, both.lengths))
    if data is None or data_b is None:
        return both, None, relation
    return both, Towers(read_array(data, "--data"), read_array(data_b, "--data-b")), relation
