"""DirectCopy, DirectPred, a trained linear predictor, and each with a part taken away: accuracy, collapse, cost."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result

LIVING = ("DirectCopy", "DirectPred", "DirectCopy, no EMA", "DirectPred, no EMA", "DirectCopy, no weight decay")
DYING = ("no predictor", "DirectCopy, no stop-gradient", "linear predictor, no stop-gradient")
"""Methods whose projections must not collapse, and those that must; for the others theory promises nothing."""


@dataclass
class DirectcopyAgainstDirectpred(Experiment):
    """A predictor copied from the second moment does what one set by its eigenvectors does, for the price of a copy.

    Claim: DirectCopy is as accurate as DirectPred, within .05; it needs no eigendecomposition, so that setting the
    predictor costs less, by a factor that grows with d. With neither a predictor nor a moving average (EMA) of the
    network as target, or without stop-gradient, representations collapse.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947) and Tian, Chen & Ganguli 2021 (arXiv 2102.06810); small images
    and a small network, in the spirit of their experiments and no reproduction of their tables.

    Setting: 8 x 8 digits, random crops as views, a small convolutional network; nearest neighbours of the frozen
    features on held-out images; the collapse alarm at the end. The update of the predictor alone (no second moment) is
    timed on one thread, in seconds of that thread: the least of several, the two methods in turn.

    Expected: DirectCopy at most .05 below DirectPred; its update at most 5 % of DirectPred's at d = 1024, and the ratio
    of the two costs at least twice that at d / 8 (8 times if they grew as d^3 and d^2); the alarm rings without
    predictor (and no EMA) and without stop-gradient, and never for DirectCopy or DirectPred, with or without EMA or
    weight decay. Without predictor but with EMA nothing is promised, and what happens is told.

    Parameters
    ----------
    images : str
        "digits", or a path of labelled images for `eigenpairs.deep.samples`, such as the binary
        version of CIFAR-10; a relative one is looked for in the folder EIGENPAIRS_DATA.
    rows : int
        Training images; as many others, at most, are the test.
    momentum : float
        Of the target network, where there is one.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {
        "rows": 600,
        "width": 8,
        "epochs": 20,
        "batch_size": 120,
        "lr": 0.3,
        "seeds": 1,
        "repeats": 3,
    }
    needs: ClassVar[tuple[str, ...]] = ("torch", "lightning_fabric", "pydantic")

    images: str = "digits"
    rows: int = 1400
    width: int = 16
    epochs: int = 30
    batch_size: int = 140
    lr: float = 0.1
    momentum: float = 0.99
    seeds: int = 3
    dimension: int = 1024
    repeats: int = 7

    def validate(self) -> None:
        if real_number(self.momentum, "momentum", 0.0) >= 1:
            raise ValueError(f"momentum = {self.momentum} is too large; give a number from 0, below 1")
        for name, least in (("rows", 4), ("width", 1), ("epochs", 1), ("batch_size", 2), ("seeds", 1), ("repeats", 1)):
            whole_number(getattr(self, name), name, least)
        whole_number(self.dimension, "dimension", 64)
        real_number(self.lr, "lr", 0.0, above=True)

    def measure(self, progress: Progress) -> Result:
        import torch

        data = self.data()
        if isinstance(data, str):
            return Result((), notes=[data])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            runs = self.train_all(data[0], data[1], progress)
            sizes, seconds = self.time_updates()
        finally:
            torch.set_num_threads(threads)
        accuracy = {name: [run[0] for run in found] for name, found in runs.items()}
        alarms = {name: float(np.mean([run[1] for run in found])) for name, found in runs.items()}
        trained = {name: float(np.mean([run[2] for run in found])) for name, found in runs.items()}
        mean = {name: float(np.mean(found)) for name, found in accuracy.items()}
        copy, pred = mean["DirectCopy"], mean["DirectPred"]
        powers = {name: float(np.polyfit(np.log(sizes), np.log(found), 1)[0]) for name, found in seconds.items()}
        ratios = np.divide(seconds["DirectPred"], seconds["DirectCopy"])
        rung = sum(alarms[name] for name in LIVING)
        checks = [
            Check("nearest neighbours, DirectCopy against DirectPred", copy, pred, 0.05, "at least"),
            Check(
                f"update of the predictor at d = {sizes[-1]}, DirectCopy over DirectPred",
                1 / ratios[-1], 0.05, 0.0, "at most",
            ),
            Check(
                f"DirectPred's update over DirectCopy's: ratio at d = {sizes[-1]} over that at {sizes[0]}",
                ratios[-1] / ratios[0], 2.0, 0.0, "at least",
            ),
            *[Check(f"collapse alarm, {name}", alarms[name], 1.0) for name in DYING],
            Check("collapse alarms, DirectCopy and DirectPred in every setting", rung, 0.0),
        ]  # fmt: skip
        figures = _figures(accuracy, trained, sizes, seconds)
        return Result(checks, figures, self.notes(mean, trained, alarms, seconds, powers))

    def notes(self, mean: dict, trained: dict, alarms: dict, seconds: dict, powers: dict) -> list[str]:
        """What a reader should know besides."""
        told = "; ".join(
            f"{name} {share:.3f}{' (collapsed)' if alarms.get(name) else ''}" for name, share in mean.items()
        )
        times = "; ".join(
            f"{name} {1e3 * found[-1]:.3g} ms, growing as d^{powers[name]:.2f}" for name, found in seconds.items()
        )
        return [
            f"Nearest neighbours: {told}.",
            "Where projections have collapsed, features still tell digits apart: the alarm looks at projections too.",
            f"Seconds of training: {'; '.join(f'{name} {found:.3g}' for name, found in trained.items())}.",
            f"No predictor, EMA: after {self.epochs} epochs the alarm has rung in "
            f"{alarms.get('no predictor, EMA', 0):.0%} of the runs. A moving average slows collapse; a run of this "
            "length does not tell whether it prevents it.",
            f"Update at the largest d: {times}.",
        ]

    # ------------------------------------------------------------ what is trained

    def methods(self) -> dict[str, Any]:
        """Every method by what it is called here."""
        from eigenpairs.deep.methods import BYOL, Direct, SimSiam
        from eigenpairs.objective import DirectCopy, DirectPred

        moving: dict[str, Any] = {"momentum": self.momentum, "ramp": False}
        return {
            "DirectCopy": Direct(DirectCopy(), **moving),
            "DirectPred": Direct(DirectPred(), **moving),
            "linear predictor": BYOL(hidden=0, **moving),
            "DirectCopy, no EMA": Direct(DirectCopy(), momentum=None),
            "DirectPred, no EMA": Direct(DirectPred(), momentum=None),
            "linear predictor, no EMA": SimSiam(hidden=0),
            "DirectCopy, no weight decay": Direct(DirectCopy(weight_decay=0.0), **moving),
            "no predictor, EMA": BYOL(predictor=False, **moving),
            "no predictor": SimSiam(predictor=False),
            "DirectCopy, no stop-gradient": Direct(DirectCopy(), momentum=None, stop_gradient=False),
            "linear predictor, no stop-gradient": SimSiam(hidden=0, stop_gradient=False),
        }

    def data(self) -> Any:
        """Training and test images with their labels, or a sentence that says why there are none."""
        from eigenpairs.deep import samples

        if self.images == "digits":
            from sklearn.datasets import load_digits

            found = load_digits()
            every = samples((found.images / 16).astype(np.float32), kind="images", labels=found.target)
        else:
            path = Path(os.environ.get("EIGENPAIRS_DATA", ""), self.images)
            if not path.exists():
                return f"images = {self.images!r} is not there; give a path, or one within the folder EIGENPAIRS_DATA"
            every = samples(path, kind="images")
        if not every.labels:
            return f"images = {self.images!r} have no labels to compare neighbours with"
        order = np.random.default_rng(0).permutation(len(every))
        return every.subset(order[: self.rows]), every.subset(order[self.rows :][: self.rows])

    def train_all(self, train: Any, test: Any, progress: Progress) -> dict[str, list[tuple[float, bool, float]]]:
        """(nearest neighbours, alarm, seconds) of every method and seed."""
        methods = self.methods()
        found: dict[str, list[tuple[float, bool, float]]] = {name: [] for name in methods}
        self.train(next(iter(methods.values())), train, test, 0, epochs=1)  # what only the first training costs
        for seed in range(self.seeds):
            for at, (name, method) in enumerate(methods.items()):
                found[name].append(self.train(method, train, test, seed))
                progress((seed + (at + 1) / len(methods)) / (self.seeds + 0.1))
        return found

    def train(
        self, method: Any, train: Any, test: Any, seed: int, epochs: int | None = None
    ) -> tuple[float, bool, float]:
        """Accuracy of nearest neighbours on test images, whether the alarm rings at the end, seconds of training."""
        from eigenpairs import deep
        from eigenpairs.deep import views
        from eigenpairs.diagnose import knn_accuracy

        crop = views.Chain([views.RandomResizedCrop(train.shape[-1], scale=(0.5, 1.0))])
        chain = "byol-cifar" if train.shape[0] == 3 else crop
        start = time.process_time()
        run = deep.train(
            train, method, encoder={"name": "conv-net", "width": self.width, "n_features": 16 * self.width},
            projector={"hidden": [8 * self.width], "n_outputs": 32}, views=chain,
            epochs=epochs or self.epochs, batch_size=self.batch_size, optimizer="sgd", lr=self.lr, every=self.epochs,
            certificate_every=0, rows=400, seed=seed, threads=1, device="cpu", progress=False,
        )  # fmt: skip
        took, name = time.process_time() - start, next(iter(train.labels))
        bank, held = run.transform(train), run.transform(test)
        accuracy = knn_accuracy(bank, train.labels[name], held, test.labels[name], 20, "cosine")
        return accuracy, run.history[-1]["alarm"], took

    # ------------------------------------------------------------ what is timed

    def time_updates(self) -> tuple[np.ndarray, dict[str, list[float]]]:
        """Seconds that setting the predictor takes, per method and width."""
        import torch

        sizes = self.dimension // 2 ** np.arange(3, -1, -1)
        named = {name: method for name, method in self.methods().items() if name in ("DirectCopy", "DirectPred")}
        seconds: dict[str, list[float]] = {name: [] for name in named}
        for d in sizes:
            Z = torch.randn(2 * int(d), int(d), generator=torch.Generator().manual_seed(0))
            heads = {name: method.head(int(d)) for name, method in named.items()}
            for head in heads.values():
                head.after_step(Z)  # the second moment, and what only the first update does
                head.after_step(Z)
            rounds = [{name: _seconds(head.set_predictor) for name, head in heads.items()} for _ in range(self.repeats)]
            for name in named:
                seconds[name].append(min(taken[name] for taken in rounds))
        return sizes, seconds


def _seconds(update: Any) -> float:
    """Of this thread, so that what else the machine does hardly counts."""
    start = time.thread_time()
    update()
    return max(time.thread_time() - start, 1e-9)


def _figures(
    accuracy: dict[str, list[float]], trained: dict[str, float], sizes: np.ndarray, seconds: dict[str, list[float]]
) -> list[Panel]:
    names = list(accuracy)
    bars = [Series("nearest neighbours", names, [float(np.mean(found)) for found in accuracy.values()], "bars")]
    times = []
    for name, found in seconds.items():
        slope, level = np.polyfit(np.log(sizes), np.log(found), 1)
        times += [
            Series(f"{name}, d^{slope:.2f}", sizes, np.exp(level) * sizes**slope),
            Series(name, sizes, found, "points"),
        ]
    return [
        Panel("What is lost with each part", "method", "accuracy", bars),
        Panel("What training costs", "method", "seconds", [Series("seconds", names, list(trained.values()), "bars")]),
        Panel("Setting the predictor", "d", "seconds", times, log_x=True, log_y=True),
    ]
