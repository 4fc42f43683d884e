"""Where pairs cannot help, and what could have told so beforehand: 1-NN on scikit-learn's handwritten digits.

Three sets of pairs, one class of functions (linear), every objective:

- shifts by one pixel: true pairs, and rho is as high on images it has not seen. But digits of 8 x 8 pixels need the
  very details that a shift disturbs. The spectrum alone gives no warning; with labels it does: much of what linear
  functions can tell about the classes lies in modes that the pairs call noise.
- random pairs: rho is fitted to chance. Held-out pairs show that at once, without any label.
- same digit: the labels themselves as pairs. Where even these do not beat raw pixels, pairs made without labels have
  nothing to win with functions of this class.

A heavy ridge (--ridge 10) turns the map back towards the pixels, and results towards theirs.

    python examples/when_pairs_cannot_help.py [--splits 5] [--ridge 0.01] [--width 32]
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import eigenpairs as ep
from eigenpairs.diagnose import knn_accuracy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--splits", type=int, default=5, help="random halves of the images to average over")
parser.add_argument("--ridge", type=float, default=0.01, help="relative to the mean variance of a pixel")
parser.add_argument("--width", type=int, default=32, help="columns of the embedding, 60 or fewer")
args = parser.parse_args()

pixels, digit = load_digits(return_X_y=True)
padded = np.pad(pixels.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]  # the image itself, then one pixel down, up, right and left
views = np.stack([padded[:, top : top + 8, left : left + 8].reshape(-1, 64) for top, left in corners])

OBJECTIVES = {
    "whitening": ep.Whitening(),
    "spectral contrastive": ep.SpectralContrastive(),
    "VICReg": ep.VICReg(),
    "Barlow Twins": ep.BarlowTwins(),
    "SimCLR": ep.SimCLR(),
    "density ratio": ep.SimCLR(critic="density-ratio"),
}


def pairs_of(kind: str, rows: np.ndarray) -> tuple[np.ndarray, ep.Relation]:
    """Data and pairs among these images."""
    if kind == "shifts":
        return views[:, rows].reshape(-1, 64), ep.Relation.from_views(len(rows), len(views))
    if kind == "random":
        even = len(rows) // 2 * 2
        return pixels[rows], ep.Relation.from_edges(np.arange(0, even, 2), np.arange(1, even, 2), n_samples=len(rows))
    return pixels[rows], ep.Relation.from_labels(digit[rows])


def share_of_classes(phi: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance of the ten class indicators that these columns explain."""
    Q = np.linalg.qr(phi - phi.mean(axis=0))[0]
    Y = np.eye(10)[labels] - np.eye(10)[labels].mean(axis=0)
    return float(np.sum((Q.T @ Y) ** 2) / np.sum(Y**2))


print(
    f"Rule: one half of the images is fitted and is the bank, the other asks for its nearest; {args.splits} splits.\n"
)
raw, scores = [], {kind: [] for kind in ("shifts", "random", "same digit")}
signs = {kind: [] for kind in scores}
for seed in range(args.splits):
    order = np.random.default_rng(seed).permutation(len(pixels))
    bank, test = order[:900], order[900:]
    raw.append(knn_accuracy(pixels[bank], digit[bank], pixels[test], digit[test], k=1))
    for kind in scores:
        spec = ep.spectrum(*pairs_of(kind, bank), ep.Linear(ridge=args.ridge), n_components=64)
        maps = [spec.embed(objective, args.width) for objective in OBJECTIVES.values()]
        Z = [(emb.transform(pixels[bank]), emb.transform(pixels[test])) for emb in maps]
        scores[kind].append([knn_accuracy(A, digit[bank], B, digit[test], k=1) for A, B in Z])
        phi = spec.transform(pixels[bank])
        lost = share_of_classes(phi, digit[bank]) - share_of_classes(phi[:, spec.rho > 0.5], digit[bank])
        signs[kind].append([spec.rho[:10].mean(), spec.heldout(*pairs_of(kind, test))[:10].mean(), lost])

print(f"{'1-NN accuracy with pairs:':34s}" + "".join(f"{kind:>12s}" for kind in scores))
for at, name in enumerate(OBJECTIVES):
    print(f"{name:34s}" + "".join(f"{np.mean(scores[kind], axis=0)[at]:12.3f}" for kind in scores))
print(f"{'raw pixels':34s}" + f"{np.mean(raw):12.3f}" * len(scores) + "\n")
for at, name in enumerate(("rho of the first 10 modes", "the same on held-out pairs", "classes in modes of rho < 0.5")):
    print(f"{name:34s}" + "".join(f"{np.mean(signs[kind], axis=0)[at]:12.3f}" for kind in scores))
