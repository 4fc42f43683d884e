"""`eigenpairs transform`: apply a saved model to rows."""

from __future__ import annotations

import warnings

import numpy as np
import typer

from eigenpairs.cli.options import FORCE, JSON
from eigenpairs.cli.output import print_json


def transform(
    model: str = typer.Argument(metavar="MODEL", help="Folder written by `eigenpairs fit`, `train` or ep.save."),
    data: str = typer.Argument(
        metavar="DATA", help="Rows with the columns the model was fitted on; images or series for a run."
    ),
    out: str = typer.Option(..., metavar="FILE", help="File to write: .npy, .npz, .csv or .parquet."),
    tower: int = typer.Option(
        None, metavar="INTEGER", help="For a model of two towers: 0 if DATA is like the first table, 1 if the second."
    ),
    split: str = typer.Option(
        None, metavar="PART", help="Part of a folder of images: train, test, unlabeled, all; as in training by default."
    ),
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Embed rows with a saved model.

    Example: eigenpairs transform model/ new.npy --out Z.npy
    """
    from eigenpairs.files import check_target
    from eigenpairs.storage import load
    from eigenpairs.tables import known_suffix, read_array, write_array

    known_suffix(out, "--out")
    check_target(out, force)
    held = load(model)
    is_run = hasattr(held, "read")  # which takes images and series as well
    if split is not None and not is_run:
        raise ValueError(f"--split: {split!r} is of folders of images, for the run of a deep encoder; leave it out")
    if tower is not None and is_run:
        raise ValueError(f"--tower: {tower} is of models of two towers, and {model} is the run of one encoder")
    rows = held.read(data, split) if is_run else read_array(data)
    Z = held.transform(rows) if tower is None else held.transform(rows, tower=tower)
    spoilt = int(np.count_nonzero(~np.isfinite(Z).all(axis=1)))
    if spoilt:
        warnings.warn(f"{spoilt} row(s) of {data} hold NaN or inf, and so do their embeddings", stacklevel=2)
    write_array(out, Z, overwrite=force)
    if as_json:
        print_json({"out": out, "rows": Z.shape[0], "columns": Z.shape[1], "dtype": str(Z.dtype)})
    else:
        print(f"{Z.shape[0]:,} rows x {Z.shape[1]} columns ({Z.dtype}) in {out}")
