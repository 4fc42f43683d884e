"""Claim: `audit` ranks ten strengths of an augmentation as fitting each and training probes on it does.

For every kind of view and each of ten strengths, `audit` predicts the error of a ridge probe on n labels after
self-supervised learning with that view, from a sample of training images and their labels. Then each strength is
fitted in earnest: views of all training images, the spectrum of their pairs over all pixels, the optimum of the same
objective, and 50 ridge probes on n random labels each, tested on images that neither saw. The claim is a Spearman
correlation of at least 0.8 between predicted and measured squared error, over the ten strengths of one kind. The
prediction is of a probe whose ridge is well chosen; on 30 labels cross-validation often chooses badly, so that case is
printed beside.

Digits of scikit-learn, and with EIGENPAIRS_DATA Fashion-MNIST and MNIST (`--sets`).

    EIGENPAIRS_DATA=... python benchmarks/audit_ranks_augmentations.py [--sets digits fashion_mnist] [--rows]
"""

import argparse
import os
import sys
import time

import numpy as np
from scipy.stats import spearmanr

import eigenpairs as ep
from eigenpairs.advise.audit import audit
from eigenpairs.advise.views import PRESETS
from eigenpairs.diagnose.probes import fit_ridge

STRENGTHS = {
    "noise": np.geomspace(0.05, 3, 10),
    "shift": np.array([0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5]),
    "rotation": np.array([2, 4, 7, 10, 15, 25, 40, 60, 100, 180]),
    "masking": np.linspace(0.05, 0.9, 10),
}
N_LABELS = (30, 100, 300)
DRAWS = 50
RIDGES = 10.0 ** np.linspace(-2, 5, 29)
"""Relative to the mean variance of a column."""

N_MODES = 128


def load(name: str) -> tuple[np.ndarray, ...]:
    """Training and test images, and their labels."""
    if name == "digits":
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        images, labels = images[order].reshape(-1, 8, 8), labels[order]
        return images[:1200], labels[:1200], images[1200:], labels[1200:]
    import datasets

    images, labels, test, test_labels = getattr(datasets, name)()
    order = np.random.default_rng(0).permutation(len(images))[:8000]
    return images[order], labels[order], test[:2000], test_labels[:2000]


def measured(view, strength: float, data: tuple[np.ndarray, ...]) -> dict[int, tuple[float, float, float]]:
    """What `probed` says for each number of labels."""
    images, labels, test, test_labels = data
    views = [view(images, np.random.default_rng([99, number]), strength) for number in range(2)]
    X = np.concatenate(views).reshape(2 * len(images), -1)
    spec = ep.spectrum(X, ep.Relation.from_views(len(images), 2), ep.Linear(ridge=0.01), N_MODES)
    emb = spec.embed(ep.VICReg())
    Z, Z_test = (emb.transform(part.reshape(len(part), -1).astype(float)) for part in (images, test))
    Y, Y_test = (np.eye(labels.max() + 1)[each] for each in (labels, test_labels))
    return {n: probed(Z, Y, Z_test, Y_test, n) for n in N_LABELS}


def probed(Z: np.ndarray, Y: np.ndarray, Z_test: np.ndarray, Y_test: np.ndarray, n: int) -> tuple[float, float, float]:
    """Mean over draws of n rows: squared error with one well-chosen ridge, with a ridge chosen by generalised
    cross-validation in every draw, and the accuracy of the latter."""
    rng = np.random.default_rng(n)
    fixed, chosen, hits = np.zeros(len(RIDGES)), 0.0, 0.0
    for _ in range(DRAWS):
        rows = rng.permutation(len(Z))[:n]
        guess = fit_ridge(Z[rows], Y[rows]).predict(Z_test)
        chosen += np.mean(np.sum((guess - Y_test) ** 2, axis=1)) / DRAWS
        hits += np.mean(guess.argmax(axis=1) == Y_test.argmax(axis=1)) / DRAWS
        A, mean = Z[rows] - Z[rows].mean(axis=0), Y[rows].mean(axis=0)
        w, U = np.linalg.eigh(A @ A.T)
        across, inner = (Z_test - Z[rows].mean(axis=0)) @ A.T @ U, U.T @ (Y[rows] - mean)
        for at, ridge in enumerate(Z.var(axis=0).mean() * RIDGES):
            guess = across @ (inner / (np.maximum(w, 0) + ridge)[:, None]) + mean
            fixed[at] += np.mean(np.sum((guess - Y_test) ** 2, axis=1)) / DRAWS
    variance = Y.var(axis=0).sum()
    return float(fixed.min() / variance), float(chosen / variance), float(hits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["digits", "fashion_mnist"], metavar="NAME")
    parser.add_argument("--few", type=int, default=0, help="labels the audit sees, 0 for those of all its rows")
    parser.add_argument("--rows", action="store_true", help="print every strength")
    args = parser.parse_args()
    if "EIGENPAIRS_DATA" in os.environ:
        sys.path.insert(0, os.environ["EIGENPAIRS_DATA"])
    correlations, deviations, seconds = [], [], np.zeros(2)
    for name in args.sets:
        if name != "digits" and "EIGENPAIRS_DATA" not in os.environ:
            print(f"{name} skipped: EIGENPAIRS_DATA names no folder of real data")
            continue
        data = load(name)
        known = data[1].copy()
        known[args.few or len(known) :] = -1
        for kind, strengths in STRENGTHS.items():
            start = time.perf_counter()
            audits = {n: audit(data[0], {kind: strengths}, known, n_labels=n, n_components=N_MODES) for n in N_LABELS}
            between = time.perf_counter()
            truth = [measured(PRESETS[kind].view, strength, data) for strength in strengths]
            seconds += between - start, time.perf_counter() - between
            for n in N_LABELS:
                predicted = np.array([row.predicted for row in audits[n].rows])
                error, validated, accuracy = np.array([each[n] for each in truth]).T
                ranks = [spearmanr(predicted, each)[0] for each in (error, validated, -accuracy)]
                correlations.append(ranks)
                deviations.extend(np.abs(predicted / error - 1))
                picked = error[np.argmin(predicted)] / error.min() - 1
                print(
                    f"{name:13s} {kind:8s} {n:3d} labels: Spearman {ranks[0]:5.2f} (ridge by cross-validation "
                    f"{ranks[1]:5.2f}, accuracy {ranks[2]:5.2f}); errors {error.min():.3f} to {error.max():.3f}, the "
                    f"strength chosen is {100 * picked:.1f} % above the least",
                    flush=True,
                )
                if args.rows:
                    for row in zip(strengths, predicted, error, validated, accuracy, strict=True):
                        print("    {:7.3g}: predicted {:.4f}  measured {:.4f} ({:.4f})  accuracy {:.3f}".format(*row))
    if correlations:
        for what, ranks in zip(("a well-chosen ridge", "cross-validation", "accuracy"), np.array(correlations).T):
            print(
                f"{what}: Spearman at least 0.8 in {np.count_nonzero(ranks >= 0.8)} of {len(ranks)} cases, least "
                f"{ranks.min():.2f}, median {np.median(ranks):.2f}"
            )
        print(
            f"predictions deviate by {100 * np.median(deviations):.1f} % in the median; {seconds[0]:.0f} s of audits "
            f"against {seconds[1]:.0f} s of fitting and probing"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
