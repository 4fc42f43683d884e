"""Train a small ConvNet on images without labels, with the exact optimum of its head beside it.

    python examples/train_on_images.py --data images.npy --labels classes.npy --epochs 30 --out run/
    python examples/train_on_images.py

Images are an .npy file (n, H, W[, C]), a folder, or CIFAR or STL-10 in their binary formats. Without them:
scikit-learn's digits, whose views are crops but no flips, because a mirrored digit is another sign. Needs the extra
`deep`.
"""

import argparse

import numpy as np

import eigenpairs as ep

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", help="file or folder of images")
parser.add_argument("--labels", help=".npy file of classes, to watch nearest neighbours by")
parser.add_argument("--method", default="vicreg", help="any objective, direct-copy, direct-pred, byol, simsiam")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--batch-size", type=int, default=256)
parser.add_argument("--out", help="folder for checkpoints and logs")
parser.add_argument("--report", help="HTML page to write")
args = parser.parse_args()

if args.data:
    data = ep.deep.samples(args.data, labels=None if args.labels is None else np.load(args.labels))
    views = "auto"
else:
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = ep.deep.samples((digits.images / 16).astype(np.float32), kind="images", labels=digits.target)
    views = ep.deep.views.Chain([ep.deep.views.RandomResizedCrop(8, scale=(0.5, 1.0), flip=0.0)])

train, test = data.subset(np.arange(len(data)) % 5 > 0), data.subset(np.arange(len(data)) % 5 == 0)
settings = {"views": views, "batch_size": args.batch_size, "encoder": "conv-net"}
untrained = ep.deep.train(train, args.method, epochs=1, lr=1e-12, every=0, progress=False, **settings)
run = ep.deep.train(train, args.method, epochs=args.epochs, certificate_every=10, out=args.out, **settings)

print(run)
print(run.history[-1].get("certificate") or "this method has no loss to certify")
for name in data.labels:
    print(f"{name}: held-out accuracy by 20 nearest neighbours")
    print(f"  untrained encoder  {untrained.evaluate(train, test)[name]['knn']:.3f}")
    print(f"  trained encoder    {run.evaluate(train, test)[name]['knn']:.3f}")
if args.report:
    from eigenpairs.report import write

    write(args.report, run)
