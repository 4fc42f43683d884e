"""Question: do label-free metrics rank embeddings as a linear probe does?

81 embeddings of each data set: raw and random columns, PCA, whitened PCA, random projections and features, the exact
optimum of every objective on augmented views (three strengths; linear and kernel class; wrong pairs), and small
networks, random and trained. Data: scikit-learn's digits and, with EIGENPAIRS_DATA, 10,000 images of Fashion-MNIST,
5,000 of CIFAR-10 (halved to 16 x 16), 3,000 spoken digits as pictures of pitch and time, and 5,000 images of MNIST. The
last combination of metrics was found on the first four; MNIST is what confirms it or does not.

Rule: 30 % of the sources are held out. Embeddings are fitted to views of the others, without labels. Metrics are
measured on the held-out rows, four views of medium strength each, the same for all embeddings. The probes are fitted to
the labelled clean rows of the others, and tested on the clean held-out rows: logistic regression on standardised
columns, and five nearest neighbours on columns as they are.

Rank correlations are Spearman's; signs are such that 1 agrees and -1 contradicts. Intervals: 95 %, over resampled kinds
of embeddings (all widths of a kind together). "Equal width" is the mean over the widths, each ranked by itself.

Takes five minutes on one core.

    EIGENPAIRS_DATA=... python benchmarks/label_free_metrics_against_probes.py [--data digits] [--rows 10000]
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from _embeddings_of_any_quality import SETS, Made, embeddings, views
from scipy.stats import rankdata

import eigenpairs as ep
from eigenpairs.diagnose import knn_accuracy, linear_probe_accuracy, split_by_source
from eigenpairs.diagnose.probes import ridge_probe_accuracy

DRAWS, SEED = 500, 0


# ------------------------------------------------------------------ metrics, larger for what they call better

METRICS: dict[str, Callable[[ep.Diagnosis], float]] = {
    "RankMe": lambda d: d.rankme,
    "effective rank": lambda d: d.effective_rank,
    "participation ratio": lambda d: d.participation_ratio,
    "stable rank": lambda d: d.stable_rank,
    "alpha-ReQ, near 1": lambda d: -abs(d.alpha_req - 1),
    "coherence, low": lambda d: -d.coherence,
    "uniformity, low": lambda d: -d.uniformity,
    "alignment, low": lambda d: -d.alignment,
    "Dirichlet energy, low": lambda d: -d.dirichlet_energy,
    "mean rho": lambda d: d.mean_rho,
    "LiDAR": lambda d: d.lidar,
    "alignment + uniformity, low": lambda d: -d.alignment - d.uniformity,
    "sum of rho": lambda d: d.sum_rho,
    "RankMe x mean rho": lambda d: d.rankme * d.mean_rho,
}
FEW = "ridge probe, 200 labels"
WIDTH = "number of columns"
NAMES = (*METRICS, WIDTH, FEW)
BY_CONSTRUCTION = ("steep random cosines", "solved, Whitening, wrong pairs")
"""Kinds that are made to be noise."""


@dataclass(frozen=True)
class Table:
    """What was measured on one data set's m embeddings: (m,) each, and (m, len(NAMES)) values."""

    kinds: np.ndarray
    widths: np.ndarray
    networks: np.ndarray
    probe: np.ndarray
    knn: np.ndarray
    values: np.ndarray


def measured(images: np.ndarray, y: np.ndarray, widths: tuple[int, ...]) -> Table:
    """Every embedding of one data set, with its metrics and its probes."""
    n = len(images)
    images = ((images - images.mean()) / images.std()).astype(np.float32)
    split = split_by_source(np.arange(n), y, np.arange(n), share=0.3, seed=SEED)
    bank, test = split.bank, split.test
    held_out = views(images[test], "medium", 4, np.random.default_rng(SEED + 1))
    ids = np.tile(np.arange(len(test)), 4)
    made, found = [], []
    for each in embeddings(images[bank], widths):
        train, Z = (each.transform(images[part].reshape(len(part), -1)) for part in (bank, test))
        diagnosis = ep.diagnose(each.transform(held_out), groups=ids)
        metrics = [metric(diagnosis) for metric in METRICS.values()]
        probe = linear_probe_accuracy(train, y[bank], Z, y[test], tol=1e-3)
        knn = knn_accuracy(train, y[bank], Z, y[test])
        made.append(each)
        found.append([probe, knn, *metrics, Z.shape[1], few_labels(train[:200], y[bank[:200]])])
    kinds, columns, networks = (np.array([getattr(each, name) for each in made]) for name in Made.__match_args__[:3])
    probe, knn, *values = np.nan_to_num(np.array(found), nan=-np.inf).T  # a metric without a value ranks it last
    return Table(kinds, columns, networks, probe, knn, np.stack(values, axis=1))


def few_labels(Z: np.ndarray, y: np.ndarray) -> float:
    """Accuracy of the ridge probe, five-fold, where no other label is known."""
    fold = np.arange(len(Z)) % 5
    return float(
        np.mean([ridge_probe_accuracy(Z[fold != k], y[fold != k], Z[fold == k], y[fold == k]) for k in range(5)])
    )


# ------------------------------------------------------------------ how far they agree


def spearman(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(metrics,) rank correlations of the columns of `values` with `target`; nan for a column that does not vary."""
    ranks = rankdata(np.column_stack([values, target]), axis=0)
    ranks -= ranks.mean(axis=0)
    size = np.linalg.norm(ranks, axis=0)
    with np.errstate(invalid="ignore"):
        return (ranks[:, :-1].T @ ranks[:, -1]) / (size[:-1] * size[-1])


def over_all(table: Table, rows: np.ndarray, target: str = "probe") -> np.ndarray:
    return spearman(table.values[rows], getattr(table, target)[rows])


def of_equal_width(table: Table, rows: np.ndarray, target: str = "probe") -> np.ndarray:
    """Mean over the widths that at least five kinds have."""
    return np.mean([over_all(table, part, target) for part in same_width(table, rows)], axis=0)


def same_width(table: Table, rows: np.ndarray) -> list[np.ndarray]:
    parts = [rows[table.widths[rows] == width] for width in np.unique(table.widths)]
    return [part for part in parts if len(np.unique(table.kinds[part])) >= 5]


def lost(table: Table, rows: np.ndarray) -> np.ndarray:
    """Probe accuracy of the best of a width less that of each metric's favourite, mean over widths."""
    parts = same_width(table, rows)
    return np.mean([table.probe[p].max() - table.probe[p[np.argmax(table.values[p], axis=0)]] for p in parts], axis=0)


def interval(tables: list[Table], scopes: list[np.ndarray], measure: Callable) -> np.ndarray:
    """(2, metrics) 95 % interval of the mean over data sets; kinds are drawn anew, with all their widths."""
    rng, draws = np.random.default_rng(SEED), []
    for _ in range(DRAWS):
        found = []
        for table, scope in zip(tables, scopes):
            kinds, which = np.unique(table.kinds[scope], return_inverse=True)
            drawn = rng.integers(0, len(kinds), len(kinds))
            found.append(measure(table, np.concatenate([scope[which == kind] for kind in drawn])))
        draws.append(np.mean(found, axis=0))
    return np.percentile(draws, [2.5, 97.5], axis=0)


def show(title: str, names: list[str], tables: list[Table], scopes: list[np.ndarray], measure: Callable) -> list[str]:
    """Print each data set's correlations and their mean; return mean and interval in words."""
    each = np.array([measure(table, scope) for table, scope in zip(tables, scopes)])
    mean, (low, high) = each.mean(axis=0), interval(tables, scopes, measure)
    counts = ", ".join(f"{len(scope)}" for scope in scopes)
    print(f"\n{title} ({counts} embeddings)\n{'':28s}" + "".join(f"{name:>10s}" for name in names) + "     mean")
    words = []
    for at in np.argsort(-np.nan_to_num(mean, nan=-9)):
        if np.isnan(mean[at]):
            continue
        print(f"{NAMES[at]:28s}" + "".join(f"{r:10.2f}" for r in each[:, at]), end="")
        print(f"{mean[at]:9.2f} [{low[at]:5.2f}, {high[at]:5.2f}]")
        says = "agrees with" if low[at] > 0 else "contradicts" if high[at] < 0 else "is no evidence about"
        words.append(f"{NAMES[at]} {says} the probe, {mean[at]:.2f} [{low[at]:.2f}, {high[at]:.2f}]")
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--rows", type=int, default=10_000, help="sources of each data set")
    args = parser.parse_args()
    folder = os.environ.get("EIGENPAIRS_DATA")
    if folder:
        sys.path.insert(0, folder)
    elif args.data != ["digits"]:
        args.data = ["digits"]
        print("digits only: EIGENPAIRS_DATA names no folder of real data")
    warnings.filterwarnings("ignore", message=".*reduced.*")
    tables = []
    for name in args.data:
        start = time.perf_counter()
        load, widths = SETS[name]
        images, y = load(args.rows)
        tables.append(measured(images, y, widths))
        probe = tables[-1].probe
        print(f"{name}: {len(y):,} sources, {len(probe)} embeddings, ", end="")
        print(f"probes {probe.min():.3f} to {probe.max():.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    report(args.data, tables)


def report(names: list[str], tables: list[Table]) -> None:
    """All tables, and a sentence for each metric."""
    everything = [np.arange(len(table.kinds)) for table in tables]
    sound = [np.flatnonzero(~np.isin(table.kinds, BY_CONSTRUCTION)) for table in tables]
    trained = [np.flatnonzero(table.networks) for table in tables]
    show("Rank correlation with the linear probe, all embeddings", names, tables, everything, over_all)
    words = show("... of equal width", names, tables, everything, of_equal_width)
    show("... of equal width, without kinds that are noise by construction", names, tables, sound, of_equal_width)
    if all(len(rows) for rows in trained):
        show("... trained networks of one architecture", names, tables, trained, over_all)
    by_knn = partial(of_equal_width, target="knn")
    show("Rank correlation with nearest neighbours, of equal width", names, tables, everything, by_knn)
    print("\nAmong embeddings of equal width:\n  " + "\n  ".join(words))
    print("\nProbe accuracy lost by taking a metric's favourite of a width (with the kinds that are noise among them):")
    loss, exposed = (np.mean([lost(*each) for each in zip(tables, scopes)], axis=0) for scopes in (sound, everything))
    for at in np.argsort(loss):
        if NAMES[at] != WIDTH:
            print(f"  {NAMES[at]:28s}{loss[at]:.3f} ({exposed[at]:.3f})")
    chance = [
        np.mean([table.probe[p].max() - table.probe[p].mean() for p in same_width(table, rows)])
        for table, rows in zip(tables, sound)
    ]
    print(f"  {'any, on average':28s}{np.mean(chance):.3f}")


if __name__ == "__main__":
    main()
