"""`eigenpairs demo`: one spectrum, every objective, on real digits or on your own rows and pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import typer

from eigenpairs.cli.demo_halves import halves, print_halves
from eigenpairs.cli.options import JSON, count, progress_bar
from eigenpairs.cli.output import curve, number, percent, print_json, print_table

N_VIEWS, NOISE = 8, 0.1


def demo(
    data: str = typer.Option(
        None, metavar="FILE", help="Your rows instead of the digits: .npy, .npz, .csv or .parquet."
    ),
    pairs: str = typer.Option(None, metavar="FILE", help="Your pairs, as for `eigenpairs fit`."),
    labels: str = typer.Option(
        None, metavar="FILE", help="One label per row, for the accuracy columns; -1 or empty: none."
    ),
    dim: int = typer.Option(32, parser=count, metavar="INTEGER", help="Number of output columns."),
    as_json: bool = JSON,
) -> None:
    """Solve every objective from one spectrum and compare them with raw columns, PCA and supervised LDA.

    Example: eigenpairs demo --data X.npy --pairs P.csv
    """
    from eigenpairs.spectrum import spectrum

    if (data is None) != (pairs is None):
        raise ValueError("--data and --pairs go together: give both, or neither for the digits")
    task = _digits() if data is None else _own(data, pairs, labels)
    start = time.perf_counter()
    with progress_bar("moments") as progress:
        spec = spectrum(task["X"], task["relation"], n_components=max(dim, 256), progress=progress)
    seconds = time.perf_counter() - start
    dim = min(dim, spec.rank)
    rows = list(_rows(spec, task, dim))
    second = None if task["own"] else halves(task["train"], task["test"])
    if as_json:
        facts = {"data": task["name"], "dim": dim, "rho": spec.rho, "seconds": seconds}
        print_json(facts | ({} if second is None else {"halves": second}) | {"rows": rows})
        return
    print(f"{task['name']}\n{len(task['X']):,} rows x {task['X'].shape[1]} columns, {task['relation']!r}")
    print(f"one spectrum, {seconds:.2f} s:  rho {curve(spec.rho, top=1.0)} {spec.rho[0]:.2f} to {spec.rho[-1]:.2f}\n")
    table = [
        [
            row["method"],
            number(row["predicted"]),
            number(row["actual"]),
            str(row["rank"]),
            percent(row["knn"]),
            percent(row["probe"]),
        ]
        for row in rows
    ]
    print_table(["method", "predicted loss", "actual loss", "rank", "kNN", "linear probe"], table)
    print("\n".join(_lessons(rows, task)))
    if second is not None:
        print_halves(second)
    print("\n".join(_next_steps(task, dim)))


def _rows(spec: Any, task: dict[str, Any], dim: int) -> Iterator[dict[str, Any]]:
    """One row per objective, then what to compare them with."""
    from eigenpairs.objective import BarlowTwins, SpectralContrastive, VICReg, Whitening

    objectives = {
        "VICReg (25, 25, 1)": VICReg(),
        "VICReg, invariance 1": VICReg(invariance=1.0),
        "VICReg, least squares": VICReg(1.0, 1.0, form="least-squares"),
        "Barlow Twins, .005": BarlowTwins(),
        "Barlow Twins, 1": BarlowTwins(redundancy=1.0),
        "spectral contrastive": SpectralContrastive(),
        "whitening": Whitening(),
    }
    for name, objective in objectives.items():
        embedding = spec.embed(objective, dim)
        best, Z = embedding.optimum, embedding.transform(task["X"])
        actual = float(objective.loss(np.asarray(Z, dtype=np.float64), task["relation"]))
        found = _accuracies(embedding.transform, task)
        yield {
            "method": name,
            "predicted": best.loss,
            "actual": actual,
            "rank": best.rank,
            "exact": best.exact,
            **found,
        }
    if task["y"] is None:
        return
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    train, y = task["train"], task["y_train"]
    pca = PCA(min(dim, *train.shape), random_state=0).fit(train)
    yield _reference(f"PCA, {pca.n_components_}", pca.n_components_, _accuracies(pca.transform, task))
    yield _reference("raw columns", train.shape[1], _accuracies(lambda X: X, task))
    lda = LinearDiscriminantAnalysis().fit(train, y)
    yield _reference("LDA (supervised)", len(np.unique(y)) - 1, _accuracies(lda.transform, task))


def _reference(name: str, rank: int, found: dict[str, Any]) -> dict[str, Any]:
    return {"method": name, "predicted": None, "actual": None, "rank": rank, "exact": None, **found}


def _accuracies(embed: Any, task: dict[str, Any]) -> dict[str, Any]:
    from eigenpairs.diagnose.probes import knn_accuracy, linear_probe_accuracy

    if task["y"] is None:
        return {"knn": None, "probe": None}
    sides = (embed(task["train"]), task["y_train"], embed(task["test"]), task["y_test"])
    return {"knn": knn_accuracy(*sides), "probe": linear_probe_accuracy(*sides)}


def _digits() -> dict[str, Any]:
    """scikit-learn's digits: pairs are shifted, noisy copies of one training image; the test images are held out."""
    from scipy.ndimage import shift
    from sklearn.datasets import load_digits

    from eigenpairs.relation import Relation

    images, y = load_digits(return_X_y=True)
    images, rng = images / 16, np.random.default_rng(0)
    order = rng.permutation(len(images))
    train, test = images[order[:1200]], images[order[1200:]]

    def view() -> np.ndarray:
        moves = rng.uniform(-1, 1, (len(train), 2))
        moved = [shift(image.reshape(8, 8), move, order=1).ravel() for image, move in zip(train, moves, strict=True)]
        return np.stack(moved) + NOISE * rng.standard_normal(train.shape)

    return {
        "name": f"scikit-learn's digits: {N_VIEWS} views of each of 1,200 images, shifted by up to a pixel, with noise",
        "X": np.concatenate([view() for _ in range(N_VIEWS)]),
        "relation": Relation.from_views(len(train), N_VIEWS),
        "y": y,
        "train": train,
        "y_train": y[order[:1200]],
        "test": test,
        "y_test": y[order[1200:]],
        "rule": "held-out images",
        "own": False,
    }


def _own(data: str, pairs: str, labels: str | None) -> dict[str, Any]:
    """The user's rows and pairs; with labels, test rows are held out by source where that is possible."""
    from eigenpairs.cli.fit import read_labels
    from eigenpairs.diagnose.probes import split_by_source
    from eigenpairs.relation.read import read_pairs
    from eigenpairs.tables import read_array

    X = read_array(data)
    relation = read_pairs(pairs, len(X))
    task = {"name": data, "X": X, "relation": relation, "y": None, "own": True, "files": (data, pairs)}
    if labels is None:
        return task
    y = read_labels(labels, len(X))
    split = split_by_source(np.flatnonzero(y >= 0), y, relation.components)
    train, test = split.bank, split.test
    sides = {"train": np.asarray(X[train]), "test": np.asarray(X[test]), "y_train": y[train], "y_test": y[test]}
    return task | sides | {"y": y, "rule": split.rule}


def _lessons(rows: list[dict[str, Any]], task: dict[str, Any]) -> list[str]:
    """What the numbers say."""
    lines = ["predicted loss: closed form, from the spectrum alone; actual loss: the objective on the embedded rows."]
    if task["y"] is not None:
        lines.append(f"kNN (k = 5) and linear probe: accuracy on {task['rule']}; fits never see a label.")
        best = max((row for row in rows if row["predicted"] is not None), key=lambda row: row["knn"])
        raw = next(row for row in rows if row["method"] == "raw columns")
        verdict = "better than" if best["knn"] > raw["knn"] else "no better than"
        lines.append(
            f"best here by kNN: {best['method']}, {best['knn']:.3f}, {verdict} raw columns ({raw['knn']:.3f})."
        )
    strong, weak = rows[0], rows[1]
    if strong["rank"] < weak["rank"]:
        ranks = f"25 keeps {strong['rank']} modes, 1 keeps {weak['rank']}"
        lines.append(f"one weight decides the rank: VICReg's invariance {ranks}.")
    return lines


def _next_steps(task: dict[str, Any], dim: int) -> list[str]:
    """What to try next."""
    lines = ["", "Next:"]
    if not task["own"]:
        lines.append("  eigenpairs demo --data X.npy --pairs P.csv         the same on your own rows and pairs")
    data, pairs = task.get("files", ("X.npy", "P.csv"))
    lines.append(f"  eigenpairs fit {data} --pairs {pairs} --set invariance=1 --dim {dim} --out model/")
    lines.append("  eigenpairs inspect model/")
    return lines
