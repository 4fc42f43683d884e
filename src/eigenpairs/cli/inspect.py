"""`eigenpairs inspect`: a model's card, its spectrum, and what every objective would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from eigenpairs.cli.options import JSON, count
from eigenpairs.cli.output import curve, number, print_json, print_table

if TYPE_CHECKING:
    from eigenpairs.objective import Objective


def inspect(
    model: str = typer.Argument(metavar="MODEL", help="Folder written by `eigenpairs fit`, `train` or ep.save."),
    dim: int = typer.Option(
        None, parser=count, metavar="INTEGER", help="Columns for the comparison; the model's own by default."
    ),
    as_json: bool = JSON,
) -> None:
    """Print a model's card, its spectrum, and gains and rank of every objective on it.

    Example: eigenpairs inspect model/
    """
    from eigenpairs.storage import is_run, load, read_card

    if is_run(model):
        from eigenpairs.deep.run import read_run

        inspect_run(read_run(model), as_json)
        return
    card = read_card(model)
    held = load(model)  # checks the tensors as well: the card of a damaged model is not shown
    own = getattr(getattr(held, "embedding_", held), "objective", None)
    rho = np.asarray(card["rho"])
    width = min(dim or card["shapes"].get("gains", [64])[0], len(rho))
    rows = compare_on_spectrum(rho, width, own)
    if as_json:
        print_json({"card": card, "objectives": rows})
        return
    features = card["features"] if isinstance(card["features"], list) else [card["features"]]
    towers = "" if len(features) == 1 else " in two towers"
    called = " and ".join(_called(entry) for entry in features)
    print(f"{card['kind']} of {card['n_samples']:,} rows{towers}, {called}, weighting {card['weighting']}")
    if "objective" in card:
        best = card["optimum"]
        print(
            f"objective {_called(card['objective'])}: loss {number(best['loss'])}, rank {best['rank']} ({best['note']})"
        )
    print(f"written by eigenpairs {card['package_version']}, format {card['format_version']}")
    print(f"\nrho {curve(rho, 60, top=1.0)} {rho[0]:.3f} to {rho[-1]:.3f}, {len(rho)} of {card['rank']} modes\n")
    table = [
        [
            row["objective"],
            number(row["loss"]),
            str(row["rank"]),
            "yes" if row["exact"] else "bound" if np.isfinite(row["lower_bound"]) else "no",
            curve(row["gains"], 24),
        ]
        for row in rows
    ]
    print_table(["objective", "optimal loss", "rank", "exact", f"gains on {width} modes"], table)


def inspect_run(run: Any, as_json: bool) -> None:
    """Print the card of a training run and its last epoch."""
    last = run.history[-1] if run.history else {}
    if as_json:
        print_json({"card": run.card, "last": last})
        return
    print(repr(run))
    for name in ("method", "encoder", "projector", "training"):
        given = {key: value for key, value in run.card[name].items() if value is not None}
        print(f"{name:10s} {', '.join(f'{key}={value}' for key, value in given.items())}")
    print(f"{'inputs':10s} {run.card['kind']} of shape {tuple(run.card['shape'])}, {run.card['n_samples']:,} samples")
    rho = np.asarray(last.get("rho") or [])
    if len(rho):
        print(f"{'rho':10s} {curve(rho, 60, top=1.0)} {rho[0]:.3f} to {rho[-1]:.3f} (projections)")
    if last.get("certificate"):
        print(last["certificate"])


def _called(entry: dict[str, Any]) -> str:
    given = {name: value for name, value in entry["params"].items() if value is not None}
    params = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in given.items()
    )
    return f"{entry['class']}({params})"


def _changed(objective: Objective) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    default = type(objective)().get_params()
    return {name: value for name, value in objective.get_params().items() if value != default[name]}


def compare_on_spectrum(rho: np.ndarray, width: int, own: Objective | None = None) -> list[dict[str, Any]]:
    """The model's own objective, then every objective with default parameters, on one spectrum."""
    from eigenpairs.objective import OBJECTIVES

    objectives = [kind() for kind in OBJECTIVES.values()]
    if own is not None:
        objectives = [own, *(objective for objective in objectives if objective != own)]
    found = [(objective, objective.optimum(rho, width)) for objective in objectives]
    return [
        {
            "objective": _called({"class": type(objective).__name__, "params": _changed(objective)}),
            "loss": best.loss,
            "rank": best.rank,
            "exact": best.exact,
            "lower_bound": best.lower_bound,
            "gains": best.gains,
        }
        for objective, best in found
    ]
