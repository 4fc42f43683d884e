"""Claim: advice from one spectrum predicts probes, and matches an exhaustive grid at a small part of its time.

Real tasks, 10 to 1,000 labels. For every cell: predicted against measured squared error of a ridge probe (one-hot, as a
share of the label's variance; 50 draws of the labels) at six values of every objective, with energies from all labels
and from 200; and accuracy of the recommended objective and value against the best of the whole grid, which shares the
one spectrum and whose probes choose their ridge by generalised cross-validation. Data: scikit-learn's digits and, from
the folder EIGENPAIRS_DATA, MNIST, Fashion-MNIST, CIFAR-10 (grey), spoken digits, Cora and Omniglot.

    EIGENPAIRS_DATA=... python benchmarks/advice_matches_grid_search.py [--tasks digits fashion] [--draws 50]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable

import numpy as np

import eigenpairs as ep
from eigenpairs.advise import predict
from eigenpairs.advise.energies import task_on
from eigenpairs.advise.measure import heldout_error
from eigenpairs.advise.paths import Point, default_objectives, paths
from eigenpairs.diagnose.probes import fit_ridge

N_LABELS = (10, 30, 100, 300, 1000)
Task = tuple[ep.Spectrum, np.ndarray, np.ndarray]


def shifts(images: np.ndarray, copies: int, seed: int = 0) -> np.ndarray:
    """(copies * n, pixels): each copy of each image moved by up to one pixel."""
    rng = np.random.default_rng(seed)
    moved = []
    for _ in range(copies):
        by = rng.integers(-1, 2, (len(images), 2))
        moved.append([np.roll(image, tuple(move), axis=(0, 1)) for image, move in zip(images, by)])
    return np.concatenate(moved).reshape(copies * len(images), -1)


def pictures(images: np.ndarray, labels: np.ndarray, rows: int = 8000) -> Task:
    """Half the images for the pairs, clean ones of the other half for the task."""
    images, labels = images[:rows].astype(np.float32) / images.max(), labels[:rows]
    half = len(images) // 2
    X = shifts(images[:half], 3)
    spec = ep.spectrum(X, ep.Relation.from_views(half, 3), ep.Linear(ridge="auto"), n_components=256)
    return spec, images[half:].reshape(len(images) - half, -1), labels[half:]


def digits() -> Task:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)
    spec = ep.spectrum(shifts(images, 3), ep.Relation.from_views(len(X), 3), n_components=64)
    return spec, X, y


def from_folder(name: str) -> Callable[[], Task]:
    def load() -> Task:
        import datasets

        images, labels, *_ = getattr(datasets, name)()
        if images.ndim == 4:  # grey, 16 x 16: 256 columns
            images = images.mean(axis=3).reshape(-1, 16, 2, 16, 2).mean(axis=(2, 4))
        return pictures(images, labels)

    return load


def cora() -> Task:
    import datasets

    words, edges, y, _ = datasets.cora()
    X = words.toarray()
    relation = ep.Relation.from_edges(edges[:, 0], edges[:, 1], n_samples=len(X))
    return ep.spectrum(X, relation, ep.Linear(ridge="auto"), n_components=256), X, y


def spoken() -> Task:
    import datasets

    waves, y, raw = datasets.fsdd()
    X = np.stack([log_spectra(wave) for wave in waves])
    rng = np.random.default_rng(0)
    # The same digit and speaker, another recording: what a listener may know without knowing the digit.
    _, source = np.unique(np.stack([y, raw["speaker"]]), axis=1, return_inverse=True)
    pairs = np.concatenate(
        [rng.permutation(np.flatnonzero(source == s))[:40].reshape(-1, 2) for s in range(source.max() + 1)]
    )
    relation = ep.Relation.from_edges(pairs[:, 0], pairs[:, 1], n_samples=len(X))
    return ep.spectrum(X, relation, ep.Linear(ridge="auto"), n_components=256), X, y


def log_spectra(wave: np.ndarray) -> np.ndarray:
    """(16 * 24,) log energies of 24 bands at 16 moments."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave / 2**15, (0, 400)), 200)[::80] * np.hanning(200)
    power = np.abs(np.fft.rfft(frames, 256))[:, 1:97] ** 2
    bands = np.log(power.reshape(len(power), 24, 4).sum(axis=2) + 1e-6)
    at = np.linspace(0, len(bands) - 1, 16).astype(int)
    return (bands[at] - bands.mean()).ravel()


def omniglot() -> Task:
    import datasets

    drawings, _ = datasets.omniglot()
    X = drawings[:, :105, :105].reshape(-1, 15, 7, 15, 7).mean(axis=(2, 4)).reshape(len(drawings), -1)
    y = np.repeat(np.arange(len(X) // 20), 20)
    fitted, asked = y < 160, (y >= 160) & (y < 180)
    spec = ep.spectrum(X[fitted], ep.Relation.from_groups(y[fitted]), ep.Linear(ridge="auto"), n_components=225)
    return spec, X[asked], y[asked]


TASKS: dict[str, Callable[[], Task]] = {
    "digits": digits,
    "mnist": from_folder("mnist"),
    "fashion": from_folder("fashion_mnist"),
    "cifar10": from_folder("cifar10"),
    "spoken": spoken,
    "cora": cora,
    "omniglot": omniglot,
}


def grid_of(points: list[Point], values: int) -> list[int]:
    """Numbers of the points that the grid tries: a few values of each path, evenly spread."""
    names = [(type(p.objective).__name__, p.parameter, getattr(p.objective, "form", "")) for p in points]
    chosen = []
    for name in dict.fromkeys(names):
        own = [at for at, other in enumerate(names) if other == name]
        chosen += [own[k] for k in np.unique(np.linspace(0, len(own) - 1, values).astype(int))]
    return chosen


def accuracy(Z: np.ndarray, Y: np.ndarray, draws: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean accuracy of ridge probes that choose their own ridge."""
    right = [
        np.mean(fit_ridge(Z[train], Y[train]).predict(Z[test]).argmax(axis=1) == Y[test].argmax(axis=1))
        for train, test in draws
    ]
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--values", type=int, default=40, help="values of each path that the grid tries")
    args = parser.parse_args()
    folder = os.environ.get("EIGENPAIRS_DATA")
    if folder:
        sys.path.insert(0, folder)
    print(f"{'task':<10}{'labels':>7}  deviation: all   of 200   accuracy: advised   grid   seconds: advice   grid")
    off: dict[str, list[float]] = {"all": [], "200": []}
    cells: list[bool] = []
    spent = {"advice": 0.0, "grid": 0.0}
    for name in args.tasks:
        if name != "digits" and not folder:
            print(f"{name}: skipped, EIGENPAIRS_DATA names no folder of real data")
            continue
        spec, X, y = TASKS[name]()
        few = np.full(len(y), -1)
        some = np.random.default_rng(1).choice(len(y), min(200, len(y) // 2), replace=False)
        few[some] = y[some]
        points = paths(default_objectives(), spec.rho, spec.n_modes)
        gains, tried = np.array([point.gains for point in points]), grid_of(points, args.values)
        known = {"all": task_on(spec, X, y), "200": task_on(spec, X, few)}
        task = known["all"]
        Y, total = task.labels.columns(np.arange(len(y))), task.energy.total
        for n in N_LABELS:
            if len(y) - n < 100:
                continue
            rng = np.random.default_rng(n)
            orders = [rng.permutation(len(y)) for _ in range(args.draws)]
            draws = [(order[:n], order[n : n + 1000]) for order in orders]
            predicted = {key: predict(gains * each.scale, each.alpha, each.rest, n) for key, each in known.items()}
            deviation: dict[str, list[float]] = {"all": [], "200": []}
            best, start = 0.0, time.perf_counter()
            for at in tried:
                Z = task.phi[:, gains[at] > 0] * np.sqrt(gains[at][gains[at] > 0])
                best = max(best, accuracy(Z, Y, draws))
            spent_grid = time.perf_counter() - start
            for at in grid_of(points, 6):
                Z = task.phi[:, gains[at] > 0] * np.sqrt(gains[at][gains[at] > 0])
                for key, found in predicted.items():
                    errors = [heldout_error(Z[a], Y[a], Z[b], Y[b], float(found.ridge[at])) for a, b in draws]
                    own = known[key].energy.total
                    deviation[key].append(abs((found.error[at] / own) / (np.mean(errors) / total) - 1))
            start = time.perf_counter()
            advice = ep.advise(spec, X, y, n, draws=0)
            spent_advice = time.perf_counter() - start
            chosen = advice.table[0]
            held = chosen.objective.optimum(spec.rho, spec.n_modes + (0 if chosen.objective.centred else 1)).gains
            b = np.zeros(spec.n_modes)
            b[: min(len(held), spec.n_modes)] = held[: spec.n_modes]
            if chosen.parameter == "n_components":
                b[chosen.n_components :] = 0
            Z = task.phi[:, b > 0] * np.sqrt(b[b > 0])
            advised = accuracy_at(Z, Y, draws, chosen.ridge)
            medians = {key: float(np.median(each)) for key, each in deviation.items()}
            for key, value in medians.items():
                off[key].append(value)
            cells.append(advised >= best - 0.02)
            spent["advice"] += spent_advice
            spent["grid"] += spent_grid
            print(
                f"{name:<10}{n:>7}{medians['all']:>15.1%}{medians['200']:>9.1%}{advised:>20.3f}{best:>7.3f}"
                f"{spent_advice:>17.2f}{spent_grid:>7.1f}   {type(chosen.objective).__name__} {chosen.value:.3g}",
                flush=True,
            )
    print(
        f"\nmedian deviation {np.median(off['all']):.1%} with all labels, {np.median(off['200']):.1%} with 200; advice "
        f"is within .02 of the grid's best in {np.mean(cells):.0%} of {len(cells)} cells, in 1/"
        f"{spent['grid'] / spent['advice']:.0f} of its time"
    )


def accuracy_at(Z: np.ndarray, Y: np.ndarray, draws: list[tuple[np.ndarray, np.ndarray]], ridge: float) -> float:
    """Mean accuracy of ridge probes with the ridge given."""
    from sklearn.linear_model import Ridge

    right = [
        np.mean(Ridge(alpha=ridge).fit(Z[a], Y[a]).predict(Z[b]).argmax(axis=1) == Y[b].argmax(axis=1))
        for a, b in draws
    ]
    return float(np.mean(right))


if __name__ == "__main__":
    sys.exit(main())
