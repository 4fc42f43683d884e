"""`eigenpairs fit`: data and pairs in, a model folder out."""

from __future__ import annotations

import time
import warnings
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
    ridge_or_auto,
    width,
)
from eigenpairs.cli.output import curve, number, print_json


def fit(
    data: str = typer.Argument(
        metavar="DATA",
        help="Rows: .npy (memory-mapped), .npz, .csv or .parquet (needs pyarrow); file.npz:NAME picks an array.",
    ),
    data_b: str = typer.Argument(
        None, metavar="[DATA_B]", help="Rows of a second kind, such as the captions of the images in DATA."
    ),
    pairs: str = typer.Option(
        None,
        metavar="FILE",
        help="One column: group of each row (numbers or texts; -1 or empty: alone). Two: row numbers of each pair, "
        "counted from zero; three: a weight. A header line is skipped. With DATA_B: row in DATA, row in DATA_B, "
        "or nothing if row i goes with row i.",
    ),
    out: str = typer.Option(..., metavar="FOLDER", help="Folder to write the model to."),
    labels: str = typer.Option(
        None, metavar="FILE", help="One label per row (-1 or empty: none); only used to print kNN accuracy."
    ),
    objective: str = OBJECTIVE,
    settings: list[str] = SETTINGS,
    features: str = typer.Option("linear", metavar="NAME", help=FEATURES_HELP),
    ridge: Any = typer.Option(
        0.0,
        parser=ridge_or_auto,
        metavar="NUMBER",
        help="Ridge relative to the mean variance, for few rows; 'auto' chooses it on held-out pairs.",
    ),
    dim: Any = typer.Option(
        64,
        parser=width,
        metavar="NUMBER",
        help="Output columns: a number; a share such as 0.95 of all gains; or auto, as many as get a gain.",
    ),
    weighting: str = typer.Option("pairs", metavar="NAME", help="pairs (rows weigh by degree) or samples (equally)."),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Solve an objective exactly on your rows and pairs, and save the embedding.

    Example: eigenpairs fit views.npy --pairs groups.npy --dim 64 --out model/
    """
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.spectrum import spectrum
    from eigenpairs.spectrum.spectrum import ALL_MODES
    from eigenpairs.storage import check_free, save

    check_free(out, force)
    check_report(report, force)
    chosen, functions = parse_objective(objective, settings), parse_features(features, ridge)
    start = time.perf_counter()
    X, relation = read_rows_and_pairs(data, data_b, pairs)
    if labels is not None and data_b is not None:
        raise ValueError("--labels goes with one table of rows; with DATA_B see `eigenpairs search --wanted`")
    y = None if labels is None else read_labels(labels, len(X))
    n_modes = max(dim, 256) if isinstance(dim, int) else ALL_MODES
    with progress_bar("moments") as progress:
        spec = spectrum(X, relation, functions, n_modes, weighting, progress=progress)
    warn_of_overfit(relation, spec)
    embedding = spec.embed(chosen, dim)
    solved = time.perf_counter() - start
    accuracy = None if y is None else knn_before_and_after(X, y, relation, embedding)
    save(embedding, out, overwrite=force)
    write_report(report, [embedding], force, X=X, labels=None if y is None else np.where(y < 0, -1, y))
    best = embedding.optimum
    facts: dict[str, Any] = {
        "model": out,
        "rows": [len(side) for side in _sides(X)] if data_b else len(X),
        "columns": [side.shape[1] for side in _sides(X)] if data_b else X.shape[1],
        "objective": repr(chosen),
        "dim": embedding.n_components,
        "rank": best.rank,
        "loss": best.loss,
        "exact": best.exact,
        "lower_bound": best.lower_bound,
        "ridge": spec.ridge,
        "rho": spec.rho,
        "seconds": solved,
    }
    if accuracy is not None:
        facts["knn_raw"], facts["knn_embedding"], facts["knn_rule"] = accuracy
    if as_json:
        print_json(facts)
        return
    shapes = " and ".join(f"{len(side):,} rows x {side.shape[1]} columns" for side in _sides(X))
    print(f"{shapes}, {relation!r}")
    ends = f"{spec.rho[0]:.3f} to {spec.rho[-1]:.3f}"
    print(f"rho    {curve(spec.rho, top=1.0)}  {ends}, {spec.n_modes} of {spec.rank} modes")
    print(f"gains  {curve(best.gains)}  {chosen!r}, rank {best.rank} of {embedding.n_components}")
    print(f"loss   {number(best.loss)} ({best.note})")
    if accuracy is not None:
        print(f"kNN    raw columns {accuracy[0]:.3f}, embedding {accuracy[1]:.3f} (k = 5, {accuracy[2]})")
    print(f"saved  {out} after {solved:.1f} s")


def read_rows_and_pairs(data: str, data_b: str | None, pairs: str | None) -> tuple[Any, Any]:
    """The rows (an array, or `Towers` for two files) and their relation."""
    from eigenpairs.features import Towers
    from eigenpairs.relation.read import read_pairs, read_pairs_between
    from eigenpairs.tables import read_array

    X = read_array(data)
    if data_b is not None:
        towers = Towers(X, read_array(data_b, "DATA_B"))
        return towers, towers.pairs(None if pairs is None else read_pairs_between(pairs, towers.lengths))
    if pairs is None:
        raise ValueError("--pairs: is missing; only with DATA_B can it be left out, where row i then goes with row i")
    return X, read_pairs(pairs, len(X))


def _sides(X: Any) -> tuple[Any, ...]:
    return getattr(X, "sides", (X,))


def read_labels(path: str, n_samples: int) -> np.ndarray:
    """(n_samples,) codes of the labels in a file, -1 for none."""
    from eigenpairs._validate import group_ids
    from eigenpairs.tables import read_columns

    columns = read_columns(path, "LABELS")
    if len(columns) != 1 or len(columns[0]) != n_samples:
        raise ValueError(
            f"LABELS {path} has {len(columns)} column(s) of {len(columns[0])} entries; give one column of {n_samples}"
        )
    return group_ids(columns[0], "labels")


def knn_before_and_after(X: Any, y: np.ndarray, relation: Any, embedding: Any) -> tuple[float, float, str]:
    """kNN accuracy on raw columns and on the embedding, and the rule by which test rows were held out."""
    from eigenpairs.diagnose.probes import knn_accuracy, split_by_source

    split = split_by_source(np.flatnonzero(y >= 0), y, relation.components)
    sides = (y[split.bank], y[split.test])
    raw_bank, raw_test = (np.asarray(X[rows], dtype=np.float32) for rows in (split.bank, split.test))
    raw = knn_accuracy(raw_bank, sides[0], raw_test, sides[1])
    embedded = knn_accuracy(embedding.transform(raw_bank), sides[0], embedding.transform(raw_test), sides[1])
    return raw, embedded, split.rule


def warn_of_overfit(relation: Any, spec: Any) -> None:
    """Say so when there are too few independent groups of partners for the columns."""
    sources = int(relation.components.max()) + 1
    independent = sources if sources > 1 else int(np.count_nonzero(relation.degrees))
    if np.max(spec.ridge) == 0 and independent < 2 * spec.rank:
        warnings.warn(
            f"{independent} independent groups of partners for {spec.rank} directions: rho is partly fitted to noise; "
            "try --ridge auto, or compare with Spectrum.heldout",
            stacklevel=2,
        )
