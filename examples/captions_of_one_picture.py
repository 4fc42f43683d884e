"""Find other captions of the same picture: bags of words that learn which words people use for one scene.

Captions of one picture are each other's positives. A linear map of TF-IDF columns is solved from them; then a caption
of a picture that was never seen searches the other captions of that picture among those of all new pictures. To raw
words a guy on a bike and a man riding a bicycle have nothing in common; the pairs bring them together.

    python examples/captions_of_one_picture.py [--language de]
    python examples/captions_of_one_picture.py --train texts.txt groups.txt --test texts.txt groups.txt

Texts are one per line, groups one id per line: equal ids belong together (each needs two texts or more in --test).
Without them: multi30k.json.xz in the folder EIGENPAIRS_DATA, five captions per picture.
"""

import argparse
import json
import lzma
import os
import time
from itertools import chain
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

import eigenpairs as ep
from eigenpairs.diagnose import mean_reciprocal_rank, recall_at_k

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--train", nargs=2, metavar="TXT", help="texts to fit and their groups, line by line")
parser.add_argument("--test", nargs=2, metavar="TXT", help="texts of other groups, to search with and in")
parser.add_argument("--language", default="en", choices=["en", "de"])
parser.add_argument("--rows", type=int, default=10_000, help="fit this many pictures of the public captions")
parser.add_argument("--columns", type=int, default=2000, help="most frequent words kept")
parser.add_argument("--ridge", type=float, default=3.0, help="relative to the mean variance of a column")
args = parser.parse_args()


def five_captions(everything: dict, part: str, pictures: int) -> tuple[list[str], np.ndarray]:
    """Captions and the numbers of their pictures."""
    columns = [everything[f"task2.{part}.{number}.{args.language}"][:pictures] for number in range(1, 6)]
    return list(chain.from_iterable(columns)), np.tile(np.arange(len(columns[0])), 5)


if args.train and args.test:
    read = [Path(name).read_text(encoding="utf-8").splitlines() for name in (*args.train, *args.test)]
    train, train_groups, test, test_groups = read[0], np.array(read[1]), read[2], np.array(read[3])
else:
    file = Path(os.environ.get("EIGENPAIRS_DATA", "")) / "multi30k.json.xz"
    if not file.is_file():
        parser.exit(2, f"{file.name} is not in the folder EIGENPAIRS_DATA; give --train and --test texts and groups\n")
    captions = json.loads(lzma.decompress(file.read_bytes()))
    train, train_groups = five_captions(captions, "train", args.rows)
    test, test_groups = five_captions(captions, "val", 1014)

# The first text of each group searches; the others are the bank.
queries = np.unique(test_groups, return_index=True)[1]
bank = np.setdiff1d(np.arange(len(test)), queries)


BEST = 100  # a text found later than this counts as not found


def report(name: str, rows: np.ndarray) -> None:
    wanted, ids = test_groups[queries], test_groups[bank]
    recalls = "  ".join(f"{recall_at_k(rows, wanted, k, ids):9.3f}" for k in (1, 5))
    print(f"{name:42s} {recalls}  {mean_reciprocal_rank(rows, wanted, ids):6.3f}", flush=True)


def by_cosine(Z: sp.spmatrix) -> np.ndarray:
    """Rows of the bank for each query, best first; TF-IDF rows have length one."""
    return np.argsort(-(Z[queries] @ Z[bank].T).toarray(), axis=1)[:, :BEST]


words = TfidfVectorizer(max_features=args.columns, sublinear_tf=True).fit(train)
X = words.transform(train)  # stays sparse
start = time.perf_counter()
spec = ep.spectrum(
    X, ep.Relation.from_groups(train_groups), ep.Linear(ridge=args.ridge), n_components=min(1000, X.shape[1])
)
print(f"{X.shape[0]:,} texts x {X.shape[1]:,} words fitted in {time.perf_counter() - start:.1f} s: {spec}")
print(f"Rule: {len(queries):,} texts of groups never fitted search the others of their group among {len(bank):,}.\n")
print(f"{'':42s} recall@1   recall@5     MRR")
every_word = TfidfVectorizer(sublinear_tf=True).fit(train).transform(test)
report(f"raw TF-IDF, all {every_word.shape[1]:,} words", by_cosine(every_word))
Z = words.transform(test)
report(f"raw TF-IDF, the same {X.shape[1]:,} words", by_cosine(Z))
objectives = {
    "whitened": ep.Whitening(),
    "spectral contrastive": ep.SpectralContrastive(),
    "density ratio, with its bias": ep.SimCLR(critic="density-ratio"),
}
for name, objective in objectives.items():
    emb = spec.embed(objective, spec.n_modes)
    report(name, emb.search(Z[queries], Z[bank], k=min(BEST, len(bank))).rows)
