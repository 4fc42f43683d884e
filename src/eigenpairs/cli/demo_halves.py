"""Second part of the demo: the left half of a digit finds its right half, among held-out digits."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from eigenpairs.cli.output import percent, print_table

DEPTHS = (1, 5)
MODES = 256


def halves(train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """Recall of the right half for each gain curve, in the linear and in the kernel class.

    `train` and `test` hold images of 8 x 8 pixels, (n, 64); nothing but the pairing of halves is fitted.
    """
    from eigenpairs.diagnose.retrieval import recall_at_k
    from eigenpairs.features import Kernel, Linear, Towers
    from eigenpairs.objective import SimCLR, SpectralContrastive, VICReg, Whitening
    from eigenpairs.spectrum import spectrum

    objectives = {
        "whitening (CCA)": Whitening(),
        "spectral contrastive": SpectralContrastive(),
        "VICReg, least squares": VICReg(1.5, 1.0, form="least-squares"),
        "SimCLR, density ratio": SimCLR(critic="density-ratio"),
    }
    classes = {"linear": Linear(ridge=1e-2), "kernel": Kernel(ridge=1e-2)}
    start = time.perf_counter()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in objectives}
    (left, right), wanted = _cut(test), np.arange(len(test))
    for kind, features in classes.items():
        spec = spectrum(Towers(*_cut(train)), features=features, n_components=MODES)
        for name, objective in objectives.items():
            rows = spec.embed(objective).search(left, right, max(DEPTHS)).rows
            found[name][kind] = [recall_at_k(rows, wanted, depth) for depth in DEPTHS]
    chance = [depth / len(test) for depth in DEPTHS]
    return {"recall": found, "chance": chance, "n_test": len(test), "seconds": time.perf_counter() - start}


def _cut(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    square = images.reshape(-1, 8, 8)
    return square[:, :, :4].reshape(-1, 32), square[:, :, 4:].reshape(-1, 32)


def print_halves(result: dict[str, Any]) -> None:
    """The table and what it says."""
    n = result["n_test"]
    print(f"\nTwo towers: which of {n} held-out right halves belongs to a left half? {result['seconds']:.2f} s")
    columns = ["gains", "linear: recall@1", "@5", "kernel: recall@1", "@5"]
    table = [
        [name, *(percent(value) for kind in ("linear", "kernel") for value in by_class[kind])]
        for name, by_class in result["recall"].items()
    ]
    chance = [percent(value) for value in result["chance"]]
    print_table(columns, [*table, ["chance", *chance, *chance]])
    print(
        "one spectrum per class; the gains alone decide how well it searches. emb.search(X_query, X_bank, k) does it."
    )
