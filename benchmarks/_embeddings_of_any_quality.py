"""Data and embeddings of very different quality, for benchmarks that compare measures of embeddings.

Every embedding is fitted without labels: raw and random columns, PCA, random functions, exact optima of every objective
on augmented views (three strengths; linear and kernel class; wrong pairs), and small networks, random and trained.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import eigenpairs as ep
from eigenpairs.features import Features
from eigenpairs.objective import Objective

STRENGTHS = {"weak": (0.04, 0.1), "medium": (0.08, 0.3), "strong": (0.16, 0.6)}
"""Largest shift as a share of the height, and noise as a share of the pixels' spread."""

SEED = 0


# ------------------------------------------------------------------ data: images (n, height, width, channels), labels


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    return pixels.reshape(-1, 8, 8, 1)[:rows], y[:rows]


def fashion(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from datasets import fashion_mnist

    images, y, *_ = fashion_mnist()
    return images[:rows, :, :, None], y[:rows]


def mnist(rows: int) -> tuple[np.ndarray, np.ndarray]:
    import datasets

    images, y, *_ = datasets.mnist()
    rows = min(rows, 5000)
    return images[:rows, :, :, None], y[:rows]


def cifar(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from datasets import cifar10

    images, y, *_ = cifar10()
    rows = min(rows, 5000)  # probes of so many correlated columns are slow
    return images[:rows].reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)), y[:rows]


def spoken(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from datasets import fsdd

    waves, y, _ = fsdd()
    chosen = np.random.default_rng(SEED).permutation(len(waves))[:rows]
    return np.stack([spectrogram(waves[row]) for row in chosen])[..., None], y[chosen]


def spectrogram(wave: np.ndarray, bands: int = 24, steps: int = 16) -> np.ndarray:
    """Log energy of a recording at 8 kHz in bands even in pitch, at moments spread evenly over it."""
    wave = np.pad(wave / 2**15, (0, max(0, 280 - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(wave, 200)[::80] * np.hanning(200)
    edges = 700 * (10 ** (np.linspace(120, 2100, bands + 1) / 2595) - 1) / 31.25
    energy = np.add.reduceat(np.abs(np.fft.rfft(frames, 256)) ** 2, edges[:-1].astype(int), axis=1)
    loud = np.log(energy + 1e-7)
    at = np.linspace(0, len(loud) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(loud)), band) for band in (loud - loud.mean()).T])


SETS = {
    "digits": (digits, (8, 24, 56)),
    "Fashion": (fashion, (8, 32, 128)),
    "CIFAR-10": (cifar, (8, 32, 128)),
    "spoken": (spoken, (8, 32, 128)),
    "MNIST": (mnist, (8, 32, 128)),
}
"""How to load each, and the widths of its embeddings; networks are trained at the middle one."""


def views(images: np.ndarray, strength: str, n_views: int, rng: np.random.Generator) -> np.ndarray:
    """(n_views n, columns): each image shifted by whole pixels on both axes, edges repeated, plus noise."""
    share, noise = STRENGTHS[strength]
    n, height, width, _ = images.shape
    far = round(share * height)
    padded = np.pad(images, ((0, 0), (far, far), (far, far), (0, 0)), mode="edge")
    found = []
    for _ in range(n_views):
        down, right = rng.integers(0, 2 * far + 1, (2, n, 1))
        rows, columns = down + np.arange(height), right + np.arange(width)
        moved = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(n, -1)
        found.append(moved + noise * rng.standard_normal(moved.shape, dtype=np.float32))
    return np.concatenate(found)


# ------------------------------------------------------------------ embeddings


@dataclass(frozen=True)
class Made:
    """An embedding: what kind, how wide, whether a trained network, and the map from rows to it."""

    kind: str
    width: int
    network: bool
    transform: Callable[[np.ndarray], np.ndarray]


def embeddings(images: np.ndarray, widths: tuple[int, ...]) -> Iterator[Made]:
    """Every embedding, fitted to these images without labels."""
    X = images.reshape(len(images), -1)
    yield Made("raw columns", X.shape[1], False, lambda rows: rows)
    kinds = {**without_pairs(X), **with_pairs(images, max(widths))}
    for width in widths:
        for kind, make in kinds.items():
            yield Made(kind, width, False, make(width))
    for kind, transform in networks(images, widths[1]):
        yield Made(kind, widths[1], "trained" in kind, transform)


def without_pairs(X: np.ndarray) -> dict[str, Callable]:
    """Columns, principal components and random functions."""
    mean, D = X.mean(axis=0), X.shape[1]
    values, vectors = np.linalg.eigh(np.cov(X.T, dtype=np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    size = np.sqrt(values.sum())

    def directions(width: int) -> np.ndarray:
        return np.random.default_rng(width).standard_normal((D, width)) / size

    varying = np.flatnonzero(X.std(axis=0) > 1e-3)
    columns = np.random.default_rng(SEED).permutation(varying)
    return {
        "random columns": lambda K: lambda rows: rows[:, columns[:K]],
        "PCA": lambda K: lambda rows: (rows - mean) @ vectors[:, :K],
        "PCA, whitened": lambda K: lambda rows: (rows - mean) @ (vectors[:, :K] / np.sqrt(values[:K])),
        "random projection": lambda K: lambda rows: (rows - mean) @ directions(K),
        "random ReLU": lambda K: lambda rows: np.maximum((rows - mean) @ directions(K), 0),
        "steep random cosines": lambda K: lambda rows: np.cos(10 * (rows - mean) @ directions(K)),
    }


def with_pairs(images: np.ndarray, most: int) -> dict[str, Callable]:
    """Exact optima of every objective: the spectra are solved here, once for all widths."""
    n, rng = len(images), np.random.default_rng(SEED)
    pairs = ep.Relation.from_views(n, 3)
    rows = {strength: views(images, strength, 3, rng) for strength in STRENGTHS}
    wrong = ep.Relation.from_groups(np.concatenate([rng.permutation(n) for _ in range(3)]))
    linear, kernel = ep.Linear(ridge=1e-2), ep.Kernel(n_landmarks=400, ridge=1e-2)

    def solved(strength: str, relation: ep.Relation, features: Features) -> ep.Spectrum:
        return ep.spectrum(rows[strength], relation, features, n_components=most)

    def embedded(spec: ep.Spectrum, objective: Objective) -> Callable:
        return lambda K: spec.embed(objective, n_components=K).transform

    medium = solved("medium", pairs, linear)
    objectives = (
        ep.Whitening(), ep.SpectralContrastive(), ep.LogDet(), ep.SimCLR(), ep.DirectSet(), ep.BarlowTwins(),
        ep.BarlowTwins(redundancy=0.1), ep.VICReg(), ep.VICReg(invariance=1.0), ep.VICReg(invariance=100.0),
    )  # fmt: skip
    kinds = {f"solved, {objective!r}": embedded(medium, objective) for objective in objectives}
    for strength in ("weak", "strong"):
        kinds[f"solved, Whitening, {strength} views"] = embedded(solved(strength, pairs, linear), ep.Whitening())
    kinds["solved, Whitening, wrong pairs"] = embedded(solved("medium", wrong, linear), ep.Whitening())
    on_kernel = solved("medium", pairs, kernel)
    for objective in (ep.Whitening(), ep.SpectralContrastive()):
        kinds[f"solved, {type(objective).__name__}, kernel"] = embedded(on_kernel, objective)
    return kinds


def networks(images: np.ndarray, width: int) -> Iterator[tuple[str, Callable]]:
    """Perceptrons with two hidden layers, random and trained by Adam; nothing where torch is missing."""
    try:
        import torch
    except ModuleNotFoundError:
        print("without networks: torch is not installed (pip install 'eigenpairs[deep]')")
        return

    def network(objective: Objective | None, strength: str = "medium", epochs: int = 10) -> Callable:
        torch.manual_seed(SEED)
        rng, D, hidden = np.random.default_rng(SEED), images[0].size, 128
        layers = torch.nn.Linear(D, hidden), torch.nn.Linear(hidden, hidden), torch.nn.Linear(hidden, width)
        net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        for _ in range(epochs if objective else 0):
            rows = torch.from_numpy(views(images, strength, 2, rng)).reshape(2, len(images), -1)
            for batch in torch.randperm(len(images)).split(256):
                loss = objective.loss(net(rows[:, batch].flatten(0, 1)), ep.Relation.from_views(len(batch), 2))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

        def transform(rows: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return net(torch.from_numpy(rows)).numpy()

        return transform

    yield "network, random", network(None)
    for objective in (
        ep.VICReg(), ep.VICReg(invariance=1.0), ep.VICReg(invariance=100.0), ep.BarlowTwins(),
        ep.BarlowTwins(redundancy=0.1), ep.SimCLR(), ep.SimCLR(temperature=0.5), ep.SpectralContrastive(),
        ep.LogDet(),
    ):  # fmt: skip
        yield f"network, trained, {objective!r}", network(objective)
    for strength in ("weak", "strong"):
        for objective in (ep.VICReg(), ep.BarlowTwins(), ep.SimCLR()):
            yield f"network, trained, {type(objective).__name__}, {strength} views", network(objective, strength)
    yield "network, trained, VICReg, one epoch", network(ep.VICReg(), epochs=1)
