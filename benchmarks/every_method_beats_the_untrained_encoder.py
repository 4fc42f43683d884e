"""Claim: minutes of CPU on 10,000 CIFAR-10 images take every method 10 points beyond the untrained encoder's kNN.

A ConvNet of 40,000 parameters, SimCLR's views of small images, AdamW. Accuracy of 20 nearest neighbours by cosine and
of a ridge probe, on 4,000 images of the test set that training never sees, frozen features in eval mode. Every method
has the same settings; nothing was tuned for one of them. The last rows take away what keeps a method from collapsing:
there the alarm has to fire. With `--seeds` DirectCopy, DirectPred and the trained linear predictor can be compared.

    EIGENPAIRS_DATA=... python benchmarks/every_method_beats_the_untrained_encoder.py [--methods byol] [--epochs 20]
    python benchmarks/every_method_beats_the_untrained_encoder.py --data cifar-10-batches-bin
"""

import argparse
import os
import sys
import time

import numpy as np
import torch

import eigenpairs as ep
from eigenpairs.deep import BYOL, Direct, SimSiam
from eigenpairs.deep.methods import as_method

MOMENTUM = 0.97
METHODS = {
    **{name: name for name in ("vicreg", "barlow-twins", "simclr", "spectral-contrastive", "whitening", "log-det")},
    "direct-copy": Direct(ep.DirectCopy(), momentum=MOMENTUM),
    "direct-pred": Direct(ep.DirectPred(), momentum=MOMENTUM),
    "linear-predictor": BYOL(hidden=0, momentum=MOMENTUM),
    "byol": BYOL(momentum=MOMENTUM),
    "simsiam": SimSiam(),
}
COLLAPSING = {
    "simsiam, no stop-gradient": SimSiam(stop_gradient=False),
    "simsiam, no predictor": SimSiam(predictor=False),
    "byol, no predictor": BYOL(predictor=False, momentum=MOMENTUM),
}
SETTINGS = {"encoder": "conv-net", "views": "simclr-cifar", "optimizer": "adamw", "lr": 3e-3, "batch_size": 128}


def images(folder: str | None) -> tuple[ep.deep.Samples, ep.deep.Samples]:
    """10,000 images to train on and 4,000 to test on."""
    if folder:
        train, test = (ep.deep.samples(folder, split=split) for split in ("train", "test"))
        return train.subset(np.arange(10_000)), test.subset(np.arange(4000))
    sys.path.insert(0, os.environ["EIGENPAIRS_DATA"])
    from datasets import cifar10

    X, y, X_test, y_test = cifar10()
    parts = ((X[:10_000], y[:10_000]), (X_test[:4000], y_test[:4000]))
    train, test = (ep.deep.samples(np.ascontiguousarray(own), labels={"class": label}) for own, label in parts)
    return train, test


def row(name: str, method: object, train: object, test: object, epochs: int, seed: int) -> None:
    start = time.perf_counter()
    run = ep.deep.train(
        train, as_method(method), epochs=epochs, seed=seed, every=epochs, certificate_every=epochs, progress=False,
        threads=1, **SETTINGS,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    found, last = run.evaluate(train, test)["class"], run.history[-1]
    gap = "" if last.get("gap") is None else f"  gap {last['gap']:.3g} of {last['optimum_loss']:.4g}"
    speed = np.median([record["images_per_second"] for record in run.history])
    print(
        f"{name:28s} seed {seed}  kNN {found['knn']:.3f}  ridge {found['ridge']:.3f}  RankMe {last['rankme']:.0f} / "
        f"{last['rankme_projection']:.0f}  alarm {'yes' if last['alarm'] else 'no'}  {speed:,.0f} images/s  "
        f"{seconds:.0f} s{gap}",
        flush=True,
    )


def untrained(train: object, test: object, seed: int) -> None:
    run = ep.deep.train(train, "vicreg", epochs=1, seed=seed, every=0, progress=False, **(SETTINGS | {"lr": 1e-12}))
    found = run.evaluate(train, test)["class"]
    print(f"{'untrained':28s} seed {seed}  kNN {found['knn']:.3f}  ridge {found['ridge']:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of CIFAR-10 in binary format; by default from EIGENPAIRS_DATA")
    parser.add_argument("--methods", nargs="+", default=["untrained", *METHODS, *COLLAPSING])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    if not args.data and not os.environ.get("EIGENPAIRS_DATA"):
        parser.exit(2, "EIGENPAIRS_DATA names no folder of real data; give --data\n")
    torch.set_num_threads(1)
    train, test = images(args.data)
    for seed in args.seeds:
        for name in args.methods:
            if name == "untrained":
                untrained(train, test, seed)
            else:
                row(name, (METHODS | COLLAPSING)[name], train, test, args.epochs, seed)


if __name__ == "__main__":
    sys.exit(main())
