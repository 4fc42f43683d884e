"""Train a deep encoder on vectors that come in pairs, beside the exact linear optimum of the same objective.

    python examples/train_on_pairs_of_vectors.py --first de.npy --second en.npy
    python examples/train_on_pairs_of_vectors.py

Row i of the first file belongs to row i of the second; both have the same columns. Without files: vectors of German
and English captions from multi30k_minilm.npz in the folder EIGENPAIRS_DATA. One encoder serves both languages; the
last fifth of the pairs is held out, and each of its first halves looks for its second half. Needs the extra `deep`.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

import eigenpairs as ep
from eigenpairs.diagnose import recall_at_k

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--first", help=".npy file (pairs, columns)")
parser.add_argument("--second", help=".npy file of the same shape")
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()

if args.first and args.second:
    first, second = np.load(args.first), np.load(args.second)
else:
    file = Path(os.environ.get("EIGENPAIRS_DATA", "")) / "multi30k_minilm.npz"
    if not file.is_file():
        parser.exit(2, f"{file.name} is not in the folder EIGENPAIRS_DATA; give --first A.npy --second B.npy\n")
    bundle = np.load(file)
    first, second = bundle["de_train"], bundle["en_train"]
first, second = first.astype(np.float32), second.astype(np.float32)

n = len(first) * 4 // 5
X, G = np.concatenate([first[:n], second[:n]]), ep.Relation.from_views(n, 2)


def recall(Z_first: np.ndarray, Z_second: np.ndarray) -> float:
    """Share of first halves whose nearest second half, by cosine, is their own."""
    a, b = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (Z_first, Z_second))
    return float(recall_at_k(np.argsort(-(a @ b.T), axis=1)[:, :1], wanted=np.arange(len(a)), k=1))


print(f"{n:,} pairs to fit, {len(first) - n:,} held out; recall@1 of the other half by cosine")
print(f"{'vectors as they are':36s} {recall(first[n:], second[n:]):.3f}")

start = time.perf_counter()
emb = ep.spectrum(X, G, ep.Linear(ridge=1e-2)).embed(ep.SimCLR(critic="density-ratio"), 256)
print(f"{'exact linear optimum':36s} {recall(*map(emb.transform, (first[n:], second[n:]))):.3f}"
      f"  {time.perf_counter() - start:6.1f} s")  # fmt: skip

start = time.perf_counter()
run = ep.deep.train(
    X, ep.SimCLR(temperature=0.05), encoder={"name": "mlp", "hidden": [1024], "n_features": 256}, projector=None,
    relation=G, epochs=args.epochs, batch_size=512, optimizer="adamw", every=0, progress=False,
)  # fmt: skip
print(f"{'trained network, SimCLR':36s} {recall(*map(run.transform, (first[n:], second[n:]))):.3f}"
      f"  {time.perf_counter() - start:6.1f} s")  # fmt: skip
