"""`eigenpairs audit`: what do augmentations keep and destroy, and which strength is best, before any training?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from eigenpairs.cli.options import (
    FORCE,
    JSON,
    OBJECTIVE,
    REPORT,
    SETTINGS,
    count,
    parse_objective,
    progress_bar,
)
from eigenpairs.cli.output import print_json, print_table

if TYPE_CHECKING:
    from eigenpairs.advise.audited import Audit

VIEWS_HELP = (
    "Names of views, separated by commas; strengths may follow, separated by colons: shift=1:2:4. For any rows: noise, "
    "masking, scaling. For images: shift, rotation, quarter-turns, flip, erasing, blur, brightness, contrast; in "
    "colour: grey, hue."
)


def audit(
    data: str = typer.Argument(metavar="DATA", help="Rows: .npy, .npz, .csv, .parquet."),
    views: str = typer.Option("noise,masking", "--views", metavar="NAMES", help=VIEWS_HELP),
    labels: str = typer.Option(None, metavar="FILE", help="One label per row (-1 or empty: none); a few will do."),
    n_labels: int = typer.Option(100, metavar="N", parser=count, help="Labels that a probe will have."),
    n_views: int = typer.Option(2, metavar="N", parser=count, help="Views of every row."),
    image_shape: str = typer.Option(None, metavar="HxW[xC]", help="Rows are images of this shape, such as 28x28."),
    rows: int = typer.Option(2000, metavar="N", parser=count, help="Rows used, drawn at random, labelled ones first."),
    objective: str = OBJECTIVE,
    settings: list[str] = SETTINGS,
    seed: int = typer.Option(0, help="Seed of the sample and of the views."),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Draw views of a sample of rows and tell what they keep, what they destroy, and which are worth learning from.

    Example: eigenpairs audit X.npy --image-shape 28x28 --views shift=1:2:4,rotation,noise --labels y.csv --n-labels 100
    """
    from eigenpairs.advise.audit import audit as audit_views
    from eigenpairs.cli.diagnose import pairs_and_labels
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.tables import read_array

    check_report(report, force)
    wanted = parse_views(views)
    chosen = parse_objective(objective, settings)
    X = read_array(data, "DATA")
    y = pairs_and_labels(None, labels, len(X))["y"]
    if image_shape is not None:
        X = as_images(X, image_shape)
    with progress_bar("drawing views") as progress:
        found = audit_views(
            X, wanted, y, n_labels=n_labels, n_views=n_views, n_rows=rows, objective=chosen, random_state=seed,
            progress=progress,
        )  # fmt: skip
    write_report(report, [found], force)
    if as_json:
        print_json(found.to_dict())
    else:
        print_audit(found)


def parse_views(text: str) -> dict[str, Any]:
    """``shift=1:2,flip`` as a dict of names to strengths, None for those of the preset."""
    from eigenpairs.advise.views import PRESETS

    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, strengths = part.partition("=")
        if name not in PRESETS:
            raise ValueError(f"--views: {name!r} is unknown; choose from {', '.join(PRESETS)}")
        try:
            found[name] = [float(each) for each in strengths.split(":")] if strengths else None
        except ValueError:
            raise ValueError(f"--views: {part!r} has strengths that are no numbers; write {name}=1:2") from None
    if not found:
        raise ValueError(f"--views: names no view; choose from {', '.join(PRESETS)}")
    return found


def as_images(X: np.ndarray, text: str) -> np.ndarray:
    """Rows (n, pixels) as images of the shape ``28x28`` or ``32x32x3``."""
    try:
        shape = tuple(int(each) for each in text.lower().split("x"))
    except ValueError:
        shape = ()
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"--image-shape: {text!r} is no shape; write height x width such as 28x28, or 32x32x3")
    if np.prod(shape) != X.shape[1]:
        raise ValueError(f"--image-shape: {text} has {np.prod(shape):,} entries, and rows of DATA {X.shape[1]:,}")
    return X.reshape(-1, *shape)


def print_audit(found: Audit) -> None:
    """The result in words, and a table of all strengths."""
    print(f"{found.reason[:1].upper()}{found.reason[1:]}.")
    columns = ["view", "modes", "rho", "held out", "destroyed"]
    columns += ["of the label", "error", "verdict"] if found.recommended else []
    rows = []
    for row in (found.unchanged, *found.rows):
        cells = [row.title, str(row.n_modes), *(f"{part.mean():.2f}" for part in (row.rho, row.heldout))]
        cells.append(f"{max(row.destroyed_variance, 0.0):.2f}")
        if found.recommended:
            cells += [f"{max(row.destroyed, 0.0):.2f}", f"{row.predicted:.3f}", row.verdict or "-"]
        rows.append(cells)
    print_table(columns, rows)
    told = (
        "modes: of held-out rho above a half; destroyed: share of the rows that linear functions of a view do not tell"
    )
    print(f"{told}{', and of the label' if found.recommended else ''}")
    labelled, without = "", ""
    if found.recommended:
        labelled, without = f", {found.n_labelled:,} labelled", f"; columns as they are: error {found.raw:.3f}"
    size = f"{found.n_rows:,} rows{labelled}, {len(found.variances)} directions"
    print(f"{size}; rho held out on {found.n_heldout:,} rows{without}")
