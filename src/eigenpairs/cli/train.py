"""`eigenpairs train`: a configuration file in, a trained encoder out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from eigenpairs.cli.options import FORCE, JSON, REPORT
from eigenpairs.cli.output import number, print_json

EXAMPLE = """\
[data]
path = "images.npy"            # .npy .npz .csv .parquet, a folder of images, CIFAR or STL-10 in binary format
# labels = { class = "y.npy" } # only watched; a file, or the name of a column of the table
# pairs = "pairs.csv"          # who belongs together, as for `eigenpairs fit`; or neighbors = 5

[views]
# preset = "simclr-cifar"      # by the kind of data if left out: simclr-cifar or simclr-imagenet, rows, series

[encoder]
# name = "conv-net"            # by the kind of data if left out: mlp, linear, conv-net, series-net, resnet18, resnet50

[method]
name = "vicreg"                # any objective, direct-copy, direct-pred, byol, simsiam; parameters below

[training]
epochs = 100

[output]
folder = "run"
"""


class Interrupted(Exception):
    """Ctrl-C after work has begun: what there is of it, for the line that says so."""


def train(
    config: str = typer.Argument(
        None, metavar="CONFIG", help="TOML file; only [data] path and [output] folder must be there."
    ),
    settings: list[str] = typer.Option(
        [], "--set", metavar="SECTION.KEY=VALUE", help="Change a setting of the file; may be repeated."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on where the last checkpoint stopped."),
    example: bool = typer.Option(False, "--example", help="Print a configuration file to begin with."),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Train a deep encoder on any objective, with the exact optimum of its head beside it.

    Example: eigenpairs train --example > run.toml; eigenpairs train run.toml --set training.epochs=20
    """
    if example:
        print(EXAMPLE, end="")
        return
    if config is None:
        raise ValueError("CONFIG: is missing; `eigenpairs train --example` prints one to begin with")
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.deep.checkpoints.checkpoint import has_checkpoint
    from eigenpairs.deep.run import LAST
    from eigenpairs.deep.settings.config import read_config
    from eigenpairs.deep.train import train_config
    from eigenpairs.deep.training.diverged import Diverged

    check_report(report, force)
    chosen = read_config(config, changes=dict(_setting(text) for text in settings))
    try:
        run = train_config(chosen, resume, overwrite=force, progress=True)
        write_report(report, [run], force, title=f"eigenpairs: {Path(chosen.output.folder).name}")
    except Diverged as error:
        print(f"eigenpairs train: {error}", file=sys.stderr)
        raise typer.Exit(3) from None
    except KeyboardInterrupt:
        folder = chosen.output.folder
        kept = has_checkpoint(folder / LAST)
        raise Interrupted(
            f"go on with --resume: {folder} holds the last checkpoint" if kept else "no checkpoint was written yet"
        ) from None
    last: dict[str, Any] = run.history[-1] if run.history else {}
    if as_json:
        print_json({"folder": str(run.folder), "epochs": len(run.history)} | last)
        return
    print(f"{run!r}")
    if last.get("certificate"):
        print(last["certificate"])
    if last.get("alarm"):
        print(f"collapse alarm: {last['alarm_text']}")
    for name, accuracy in (last.get("knn") or {}).items():
        print(f"kNN    {name} {number(accuracy)} (online, held-out rows of the training data)")


def _setting(text: str) -> tuple[str, str]:
    """``SECTION.KEY=VALUE`` as the place and the text of the value."""
    key, equals, value = text.partition("=")
    if not equals or key.count(".") != 1:
        raise ValueError(f"--set: {text!r} is not SECTION.KEY=VALUE, such as training.epochs=20")
    return key, value
