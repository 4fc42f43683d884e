"""`eigenpairs search`: which rows of a bank go with each query."""

from __future__ import annotations

from typing import Any

import numpy as np
import typer

from eigenpairs.cli.options import FORCE, JSON, count
from eigenpairs.cli.output import print_json, print_table

SHOWN = 10


def search(
    model: str = typer.Argument(metavar="MODEL", help="Folder written by `eigenpairs fit` or ep.save."),
    queries: str = typer.Argument(metavar="QUERIES", help="Rows to search with."),
    bank: str = typer.Argument(metavar="BANK", help="Rows to search in."),
    k: int = typer.Option(10, "-k", parser=count, metavar="INTEGER", help="Rows to find for each query."),
    towers: str = typer.Option(
        None, metavar="A,B", help="Towers of queries and bank for a model of two: 0,1 (the default), 1,0, 0,0 or 1,1."
    ),
    wanted: str = typer.Option(
        None,
        metavar="FILE",
        help="The right row of the bank for each query, one column; 'same' if it has the query's own number. "
        "Prints recall and mean reciprocal rank.",
    ),
    out: str = typer.Option(None, metavar="FILE", help="Write query, rank, row and score as a table."),
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Find the best rows of a bank for each query, by the critic of the model's objective.

    Example: eigenpairs search model/ german.npy english.npy -k 10
    """
    from eigenpairs.files import check_target
    from eigenpairs.storage import load
    from eigenpairs.tables import known_suffix, read_array, write_array

    if out is not None:
        known_suffix(out, "--out")
        check_target(out, force)
    held = load(model)
    embedding = getattr(held, "embedding_", held)
    if not hasattr(embedding, "search"):
        raise ValueError(f"{model} holds a {type(held).__name__} without objective; search needs a fitted embedding")
    Q, B = read_array(queries, "QUERIES"), read_array(bank, "BANK")
    right = None if wanted is None else _read_wanted(wanted, len(Q), len(B))
    found = embedding.search(Q, B, k, _parse_towers(towers))
    facts: dict[str, Any] = {"queries": len(Q), "bank": len(B), "k": k}
    if right is not None:
        facts |= _measures(found.rows, right, k)
    if out is not None:
        write_array(out, _as_table(found), overwrite=force, names=["query", "rank", "row", "score"])
    if as_json:
        print_json(facts | {"rows": found.rows, "scores": found.scores})
        return
    shown = found.rows[:SHOWN]
    table = [
        [
            str(query),
            "  ".join(f"{row} ({score:.3g})" for row, score in zip(rows[:5], found.scores[query], strict=False)),
        ]
        for query, rows in enumerate(shown)
    ]
    print_table(["query", "rows of the bank (score), best first"], table)
    print(f"{len(Q):,} queries, {len(B):,} rows in the bank" + (f"; all in {out}" if out else ""))
    for name in ("recall_at_1", f"recall_at_{k}", "mean_reciprocal_rank") if right is not None else ():
        print(f"{name.replace('_', ' ')}: {facts[name]:.3f}")


def _parse_towers(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not set(parts) <= {"0", "1"}:
        raise ValueError(f"--towers: {text!r} is not a pair; give for instance 0,1 or 1,0")
    return int(parts[0]), int(parts[1])


def _read_wanted(path: str, n_queries: int, n_bank: int) -> np.ndarray:
    from eigenpairs._validate import row_numbers
    from eigenpairs.tables import read_columns

    if path == "same":
        return np.arange(n_queries)
    columns = read_columns(path, "--wanted")
    if len(columns) != 1 or len(columns[0]) != n_queries:
        raise ValueError(f"--wanted {path}: give one column with one row number per query, {n_queries} in all")
    return row_numbers(columns[0], "wanted", n_bank)


def _measures(rows: np.ndarray, wanted: np.ndarray, k: int) -> dict[str, float]:
    from eigenpairs.diagnose.retrieval import mean_reciprocal_rank, recall_at_k

    recalls = {f"recall_at_{depth}": recall_at_k(rows, wanted, depth) for depth in sorted({1, k})}
    return recalls | {"mean_reciprocal_rank": mean_reciprocal_rank(rows, wanted)}


def _as_table(found: Any) -> np.ndarray:
    """(n_queries k, 4) query, rank from 1, row, score."""
    n, k = found.rows.shape
    query, rank = np.divmod(np.arange(n * k), k)
    return np.column_stack([query, rank + 1, found.rows.ravel(), found.scores.ravel()])
