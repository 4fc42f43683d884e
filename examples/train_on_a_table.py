"""Train an encoder on the rows of a table without labels, and compare it with the columns as they are.

    python examples/train_on_a_table.py --data rows.csv --label-column class
    python examples/train_on_a_table.py

A view of a row has some of its cells replaced by those of other rows (SCARF). Without a table: scikit-learn's tumours
(569 rows of 30 measurements). Needs the extra `deep`.
"""

import argparse

import numpy as np

import eigenpairs as ep

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", help=".csv or .parquet file, or .npy")
parser.add_argument("--label-column", help="a column that is no input, only watched")
parser.add_argument("--objective", default="simclr")
parser.add_argument("--epochs", type=int, default=60)
args = parser.parse_args()

if args.data:
    data = ep.deep.samples(args.data, labels=args.label_column)
else:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    data = ep.deep.samples(X, labels=y)

train, test = data.subset(np.arange(len(data)) % 3 > 0), data.subset(np.arange(len(data)) % 3 == 0)
settings = {"encoder": {"name": "mlp", "hidden": [128], "n_features": 64}, "views": "scarf", "batch_size": 128}
run = ep.deep.train(
    train, args.objective, epochs=args.epochs, optimizer="adamw", every=args.epochs, progress=False, **settings
)
print(run)
linear = ep.deep.train(
    train, "vicreg", encoder="linear", projector=None, epochs=1, lr=1e-12, every=0, progress=False,
    **{name: settings[name] for name in ("views", "batch_size")},
)  # fmt: skip
for name in data.labels:
    for called, own in (("random linear map", linear), (f"trained with {args.objective}", run)):
        found = own.evaluate(train, test)[name]
        print(
            f"{called:24s} kNN {found['knn']:.3f}  ridge probe {found['ridge']:.3f}  (majority {found['baseline']:.3f})"
        )
