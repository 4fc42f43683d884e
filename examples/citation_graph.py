"""Topics of papers from few labels: words that learn from who cites whom.

Pairs are citations. `Linear` finds functions of a paper's words that agree with the papers it cites; it needs no
citations of a new paper. `Free` knows the graph only, and only the papers in it.

    python examples/citation_graph.py
    python examples/citation_graph.py --words words.npz --edges edges.npy --labels labels.npy

words.npz is a sparse matrix (scipy.sparse.save_npz) of papers x words, edges.npy (n, 2) row numbers, labels.npy one
whole number per paper. Without them: cora.npz in the folder EIGENPAIRS_DATA.

Rule: topics are told by logistic regression on rows of length one, with 20 labelled papers per topic, on 1,000 other
papers; mean over several draws of the labelled ones. Citations between all papers may be used where the table says so
(topics of the tested papers never are); "unseen" means that no citation from or to a tested paper was.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import eigenpairs as ep

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--words", help="sparse matrix of papers x words, .npz")
parser.add_argument("--edges", help="row numbers of citing and cited paper, .npy")
parser.add_argument("--labels", help="topic of each paper, .npy")
parser.add_argument("--per-class", type=int, default=20, help="labelled papers per topic")
parser.add_argument("--draws", type=int, default=10, help="draws of the labelled papers")
parser.add_argument("--ridge", type=float, default=1.0, help="relative to the mean variance of a word")
args = parser.parse_args()

if args.words and args.edges and args.labels:
    words, edges, topic = sp.load_npz(args.words), np.load(args.edges), np.load(args.labels)
else:
    file = Path(os.environ.get("EIGENPAIRS_DATA", "")) / "cora.npz"
    if not file.is_file():
        parser.exit(2, f"{file.name} is not in the folder EIGENPAIRS_DATA; give --words, --edges and --labels\n")
    z = np.load(file)
    words, edges, topic = sp.csr_array((z["data"], z["indices"], z["indptr"]), z["shape"]), z["edges"], z["label"]

n = len(topic)
X = normalize(sp.csr_array(words, dtype=np.float64))
tested = np.random.default_rng(0).permutation(n)[: min(1000, n // 2)]
others = np.setdiff1d(np.arange(n), tested)
seen = ~np.isin(edges, tested).any(axis=1)
print(f"{n:,} papers, {X.shape[1]:,} words, {len(edges):,} citations, {seen.sum():,} of them between untested papers\n")


def report(name: str, Z: np.ndarray) -> None:
    """Mean accuracy over draws of the labelled papers, and its spread."""
    Z, scores = normalize(Z), []
    for seed in range(args.draws):
        rng = np.random.default_rng(seed)
        mine = [rng.permutation(others[topic[others] == c])[: args.per_class] for c in np.unique(topic)]
        labelled = np.concatenate(mine)
        model = LogisticRegression(max_iter=1000).fit(Z[labelled], topic[labelled])
        scores.append(model.score(Z[tested], topic[tested]))
    print(f"{name:56s} {np.mean(scores):.3f} +- {np.std(scores):.3f}", flush=True)


def graph(chosen: np.ndarray) -> ep.Relation:
    return ep.Relation.from_edges(edges[chosen, 0], edges[chosen, 1], n_samples=n)


report("raw words", X)
report("PCA of the words, 64 components", PCA(64, random_state=0).fit_transform(X.toarray()))
for name, chosen in (("unseen", seen), ("used", np.full(len(edges), True))):
    spec = ep.spectrum(X, graph(chosen), ep.Linear(ridge=args.ridge), n_components=64)
    report(f"words solved with VICReg, tested citations {name}", spec.embed(ep.VICReg(), 64).transform(X))
everyone = graph(np.full(len(edges), True))
n_parts = int(everyone.components.max()) + 1  # each costs a mode of rho = 1 that only tells the parts apart
spec = ep.spectrum(None, everyone, features=ep.Free(), n_components=n_parts + 63)
report("graph alone (Free), VICReg, tested citations used", spec.embed(ep.VICReg(), n_parts + 63).transform())
steps = everyone.to_sparse() + sp.eye_array(n)
steps = sp.diags_array(1 / np.asarray(steps.sum(axis=1)).ravel()) @ steps
report("not learned: words averaged over 2 steps of citations", steps @ (steps @ X))
