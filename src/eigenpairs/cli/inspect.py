"""`eigenpairs inspect`: a model's card, its spectrum, and what every objective would make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import typer

from eigenpairs.cli.options import JSON, count
from eigenpairs.cli.output import curve, number, print_json, print_table


def inspect(
    model: str = typer.Argument(metavar="MODEL", help="Folder written by `eigenpairs fit` or ep.save."),
    dim: int = typer.Option(
        None, parser=count, metavar="INTEGER", help="Columns for the comparison; the model's own by default."
    ),
    as_json: bool = JSON,
) -> None:
    """Print a model's card, its spectrum, and gains and rank of every objective on it.

    Example: eigenpairs inspect model/
    """
    from eigenpairs.storage import load, read_card

    card = read_card(model)
    load(model)  # checks the tensors as well: the card of a damaged model is not shown
    rho = np.asarray(card["rho"])
    width = min(dim or card["shapes"].get("gains", [64])[0], len(rho))
    rows = compare_on_spectrum(rho, width)
    if as_json:
        print_json({"card": card, "objectives": rows})
        return
    print(f"{card['kind']} of {card['n_samples']:,} rows, {_called(card['features'])}, weighting {card['weighting']}")
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
            "yes" if row["exact"] else "bound",
            curve(row["gains"], 32),
        ]
        for row in rows
    ]
    print_table(["objective", "optimal loss", "rank", "exact", f"gains on {width} modes"], table)


def _called(entry: dict[str, Any]) -> str:
    params = ", ".join(f"{name}={value!r}" for name, value in entry["params"].items() if value is not None)
    return f"{entry['class']}({params})"


def compare_on_spectrum(rho: np.ndarray, width: int) -> list[dict[str, Any]]:
    """Every objective with default parameters on one spectrum."""
    from eigenpairs.objective import OBJECTIVES

    found = [(kind(), kind().optimum(rho, width)) for kind in OBJECTIVES.values()]
    return [
        {
            "objective": repr(objective).replace(", covariance=None", ""),
            "loss": best.loss,
            "rank": best.rank,
            "exact": best.exact,
            "lower_bound": best.lower_bound,
            "gains": best.gains,
        }
        for objective, best in found
    ]
