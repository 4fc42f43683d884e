"""Find the translation of a sentence with vectors from an encoder that never learned to align two languages.

Each language is a tower with a linear map of its own, solved from pairs of sentences that mean the same. Nothing is
trained: one spectrum serves every row of the table. All rows rank by cosine but the last: `emb.search` adds the
bias that belongs to the density ratio by itself.

    python examples/cross_lingual_search.py
    python examples/cross_lingual_search.py --train de.npy en.npy --test de_test.npy en_test.npy

Files are .npy arrays (sentences, columns); line i of the first belongs to line i of the second, and the two languages
may differ in columns. Without them: German and English captions from multi30k_minilm.npz in the folder EIGENPAIRS_DATA.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

import eigenpairs as ep
from eigenpairs.diagnose import mean_reciprocal_rank, recall_at_k

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--train", nargs=2, metavar="NPY", help="vectors to fit, one file per language, line by line")
parser.add_argument("--test", nargs=2, metavar="NPY", help="vectors to search with, and those to search in")
parser.add_argument("--rows", type=int, help="fit this many pairs only")
parser.add_argument("--ridge", type=float, default=1e-3, help="relative to the mean eigenvalue of each tower")
args = parser.parse_args()

if args.train and args.test:
    given = [np.load(name) for name in (*args.train, *args.test)]
else:
    file = Path(os.environ.get("EIGENPAIRS_DATA", "")) / "multi30k_minilm.npz"
    if not file.is_file():
        parser.exit(
            2, f"{file.name} is not in the folder EIGENPAIRS_DATA; give --train A.npy B.npy --test A.npy B.npy\n"
        )
    bundle = np.load(file)
    given = [bundle[name] for name in ("de_train", "en_train", "de_val", "en_val")]
# Half precision is a good way to store vectors and a poor one to add them up.
train_a, train_b, test_a, test_b = (np.asarray(X, dtype=np.float32) for X in given)
train_a, train_b = train_a[: args.rows], train_b[: args.rows]


def by_cosine(queries: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Rows of the bank for each query, best first."""
    queries, bank = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (queries, bank))
    return np.argsort(-(queries @ bank.T), axis=1)


def report(name: str, rows: np.ndarray) -> None:
    wanted = np.arange(len(test_a))
    recalls = "  ".join(f"{recall_at_k(rows, wanted, k):9.3f}" for k in (1, 5))
    print(f"{name:42s} {recalls}  {mean_reciprocal_rank(rows, wanted):6.3f}")


start = time.perf_counter()
n_modes = min(train_a.shape[1], train_b.shape[1])
spec = ep.spectrum(ep.Towers(train_a, train_b), features=ep.Linear(ridge=args.ridge), n_components=n_modes)
print(f"{len(train_a):,} pairs fitted in {time.perf_counter() - start:.2f} s: {spec}")
print(f"Rule: each of {len(test_a):,} held-out sentences searches its translation among all {len(test_b):,}.\n")
print(f"{'':42s} recall@1   recall@5     MRR")

if test_a.shape[1] == test_b.shape[1]:
    report("raw vectors, cosine", by_cosine(test_a, test_b))
objectives = {
    "whitened (canonical correlations)": ep.Whitening(),
    "spectral contrastive": ep.SpectralContrastive(),
    "VICReg, least squares, invariance 1.5": ep.VICReg(
        variance=1.0, invariance=1.5, covariance=1.0, form="least-squares"
    ),
}
for name, objective in objectives.items():
    report(name, spec.embed(objective, spec.n_modes).search(test_a, test_b, k=len(test_b)).rows)
emb = spec.embed(ep.SimCLR(critic="density-ratio"), spec.n_modes)
report("density ratio, by cosine", by_cosine(emb.transform(test_a, tower=0), emb.transform(test_b, tower=1)))
report("density ratio, search with its bias", emb.search(test_a, test_b, k=len(test_b)).rows)
