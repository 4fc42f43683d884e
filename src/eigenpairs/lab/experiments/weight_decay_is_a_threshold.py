"""What decides which features non-contrastive learning keeps: weight decay, eps or neither, by loss and norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eigenpairs._validate import real_number, whole_number
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.non_contrastive import LinearNetwork, adrift, modes_end, rotation
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import DirectSet

ALPHAS = (0.5, 1.0, 2.0)
ETAS = (0.005, 0.01, 0.02, 0.05, 0.11)
MODELS = (("l2", "none"), ("l2", "spectral"), ("l2", "frobenius"), ("cosine", "spectral"), ("cosine", "frobenius"))
"""Losses and what F is divided by; the cosine of an unnormalised F has no limit but one feature."""

LEVELS = np.array([0.95, 0.8, 0.6, 0.45, 0.3, 0.1])
"""Correlations of views where W is a whole matrix; in the descent on the cosine each is that of many directions."""

DRAWN = {"none": (0.01, 0.04, 0.11), "spectral": (0.002, 0.02), "frobenius": (0.002, 0.02)}
"""Weight decays of the descents."""

ALIVE, SEEN = 1e-4, 0.03
"""From which share on a feature counts as kept: after a flow, and in the noise of descent."""


@dataclass
class WeightDecayIsAThreshold(Experiment):
    """Weight decay drops features with rho < 2 sqrt(eta) in the model that is analysed, none in the trained one.

    Claim: with an unnormalised predictor and the L2 loss, a feature of augmentation variance s, rho = 1/(1 + s), is
    kept iff rho > 2 sqrt(eta) (eps = 0). Where the predictor is normalised eta drops out. Under the cosine loss eps is
    the threshold: rho > rho_1 eps/(1 + eps) in the spectral norm, rho > c eps in the Frobenius norm. Under the L2 loss
    the weights vanish or explode and only the shape converges: all features stay in the spectral norm.

    Source: Wang, Chen, Du & Tian 2021 (arXiv 2110.04947) for weight decay as a threshold; the laws of a normalised
    predictor are ours. Under the L2 loss its living modes share one rate r = p (rho - p) of log|W|: the law of the
    unnormalised model with r in the place of eta, and r = (1 + eps)(rho_1 - 1 - eps) in the spectral norm.

    Setting: features of augmentation variances on a grid, by the flow of each mode; six features, by the flow of a
    whole matrix W from a generic start; stochastic descent on drawn views, on the losses themselves. Flows of the
    cosine have its norms at their means.

    Expected: flows within 1e-6 of the laws (alpha = 1/2, 1, 2), thresholds within one cell of the grid, descent within
    .05 of the largest gain; in descent too, no feature more or less for any eta where F is normalised. Without
    normalisation the cosine model has no fixed point: the scale shrinks until eps outweighs F, and one feature is left.
    """

    paper: ClassVar[str] = "C"
    fast: ClassVar[dict] = {"features": 16, "steps": 600, "batch_size": 96}

    eps: float = 0.3
    features: int = 60
    largest_variance: float = 8.0
    d: int = 60
    steps: int = 3000
    lr: float = 0.1
    batch_size: int = 256
    seed: int = 0

    def validate(self) -> None:
        for name in ("eps", "largest_variance", "lr"):
            real_number(getattr(self, name), name, 0.0, above=True)
        for name, least in (("features", 8), ("d", len(LEVELS)), ("steps", 2), ("batch_size", 2)):
            whole_number(getattr(self, name), name, least)
        for name, most in (("eps", 1.0), ("lr", 0.3)):
            if getattr(self, name) > most:
                raise ValueError(f"{name} = {getattr(self, name)} is too large; give a number above 0, at most {most}")
        if self.largest_variance <= SMALLEST:
            raise ValueError(f"largest_variance = {self.largest_variance} is too small; give more than {SMALLEST}")
        if self.d % len(LEVELS):
            raise ValueError(f"d = {self.d} is not allowed; give a multiple of {len(LEVELS)}")

    @property
    def variances(self) -> np.ndarray:
        """Of augmentation, one per feature."""
        return np.linspace(SMALLEST, self.largest_variance, self.features)

    def measure(self, progress: Progress) -> Result:
        s = self.variances
        rho, cell = 1 / (1 + s), s[1] - s[0]
        flow = {(*model, eta): self.on_the_grid(*model, eta) for model in MODELS for eta in ETAS}
        progress(0.2)
        checks = []
        for loss, norm in MODELS:
            off = max(np.abs(flow[loss, norm, eta] - self.law(rho, loss, norm, eta)).max() for eta in ETAS)
            wanted = np.clip([self.dropped_from(loss, norm, eta) for eta in ETAS], s[0], s[-1] + cell / 2)
            edges = [_edge(s, flow[loss, norm, eta]) for eta in ETAS]
            name = _called(loss, norm)
            checks += [
                Check(f"{name}: cells from the threshold", np.abs(np.subtract(edges, wanted)).max() / cell, 0.0, 1.0),
                Check(f"{name}: largest distance from the limit", off, 0.0, 1e-6),
            ]
        whole, growth = self.whole_matrices()
        progress(0.4)
        drawn = {(*model, eta): self.descent(*model, eta) for model in MODELS for eta in DRAWN[model[1]]}
        change = 0
        for loss, norm in MODELS:
            for eta in DRAWN[norm]:
                found, law = drawn[loss, norm, eta], self.levels(loss, norm, eta)
                change += np.sum((found > SEEN) != (law > ALIVE))
            first = DRAWN[norm][0]
            off = np.abs(drawn[loss, norm, first] - self.levels(loss, norm, first)).max()
            what = f"descent, {_called(loss, norm)}, weight decay {first:g}: largest distance"
            checks.append(Check(what, off, 0.0, 0.05))
        published = _edge(s, self.on_the_grid("l2", "none", 4e-4, 0.3))
        alone = self.on_the_grid("cosine", "none", 0.05, self.eps)
        checks += [
            Check("whole matrices, normalised F: largest distance from the limit", whole, 0.0, 1e-6),
            Check("whole matrices, L2, normalised F: rate of log|W| against r - eta", growth, 0.0, 1e-6),
            Check("descent: features kept that the law drops, or dropped that it keeps, every eta", change, 0.0),
            Check(
                "L2, eps .3 and weight decay 4e-4: cells from rho = eps + eta/eps",
                abs(published - (1 / (0.3 + 4e-4 / 0.3) - 1)) / cell, 0.0, 1.0,
            ),
            Check("cosine without normalisation: features left", np.sum(alone > ALIVE * alone.max()), 1.0),
        ]  # fmt: skip
        progress(1.0)
        return Result(checks, self.figures(s, flow), self.notes(rho, flow, drawn))

    def notes(self, rho: np.ndarray, flow: dict, drawn: dict) -> list[str]:
        """What a reader should know besides."""
        kept = {key: int(np.sum(F > ALIVE)) for key, F in flow.items()}
        counts = "; ".join(
            f"{_called(*model)} {kept[(*model, ETAS[0])]} to {kept[(*model, ETAS[-1])]}" for model in MODELS
        )
        noise = max(
            np.abs(np.subtract(*(drawn["cosine", n, eta] for eta in DRAWN[n]))).max() for n in DRAWN if n != "none"
        )
        rates = {norm: adrift(rho, 1.0, self.eps, norm)[1] for norm in ("spectral", "frobenius")}
        return [
            f"Of {len(rho)} features, kept from weight decay {ETAS[0]:g} to {ETAS[-1]:g}: {counts}.",
            "With a normalised F the flow's weight decay is one constant in all log-rates and drops out by algebra; "
            "descent measures it, where eta does set the noise of finite steps: from weight decay .002 to .02 gains "
            f"under the cosine move by at most {noise:.2g}.",
            f"L2 with a normalised F, on the grid: log|W| moves at {rates['spectral']:.3g} (spectral) and "
            f"{rates['frobenius']:.3g} (Frobenius) less weight decay. In the Frobenius norm many features make r "
            "positive: weights grow where eta < r, and r is then a threshold as eta is without normalisation.",
            "In the paper's coordinates, F = W W^T with unwhitened views, the L2 threshold is s < 1/(4 eta) - 1.",
        ]

    # ------------------------------------------------------------ laws

    def law(self, rho: np.ndarray, loss: str, norm: str, eta: float, alpha: float = 1.0) -> np.ndarray:
        """What is said of F, or of its shape."""
        if loss == "l2" and norm != "none":
            return adrift(rho, alpha, self.eps, norm)[0]
        return DirectSet(alpha, eta, 0.0 if norm == "none" else self.eps, norm, loss).gains(rho)

    def dropped_from(self, loss: str, norm: str, eta: float) -> float:
        """The augmentation variance from which features die; infinite where none does."""
        rho = 1 / (1 + self.variances)
        if loss == "cosine":
            largest = 1.0 if norm == "spectral" else self.law(rho, loss, norm, eta)[0]
            least = rho[0] * self.eps / (largest + self.eps)  # p = rho/c, and p = largest + eps for the first
        else:
            eps, rate = (0.0, eta) if norm == "none" else (self.eps, adrift(rho, 1.0, self.eps, norm)[1])
            least = eps + rate / eps if eps**2 > rate else 2 * np.sqrt(rate)
        return float(1 / least - 1) if least > 0 else np.inf

    def levels(self, loss: str, norm: str, eta: float) -> np.ndarray:
        """Gains of the descent's levels, the largest 1."""
        each = self.d // len(LEVELS) if loss == "cosine" else 1
        gains = self.law(np.repeat(LEVELS, each), loss, norm, eta)[::each]
        return gains / gains[0]

    # ------------------------------------------------------------ what is measured

    def on_the_grid(self, loss: str, norm: str, eta: float, eps: float | None = None) -> np.ndarray:
        """F, or its shape, at the end of the flow of the grid's features; under the cosine |W| has shrunk by e^7."""
        rho = np.diag(1 / (1 + self.variances))
        eps = (0.0 if norm == "none" else self.eps) if eps is None else eps
        net = LinearNetwork(rho, np.eye(len(rho)), 1.0, eps, eta, norm, loss)
        if loss == "cosine":
            return modes_end(net, np.linspace(0.9, 0.5, len(rho)), 7 / eta)
        return modes_end(net, np.full(len(rho), 0.9), 1e5 if norm == "none" else 2e4)

    def whole_matrices(self) -> tuple[float, float]:
        """Largest distance of shapes from their laws, and of the rate of log|W| under the L2 loss."""
        rng = np.random.default_rng(self.seed)
        modes = rotation(rng, len(LEVELS))
        start = 0.6 * rotation(rng, len(LEVELS)) + 0.3 * rng.standard_normal(modes.shape) / np.sqrt(len(LEVELS))
        off, growth = [], []
        for loss, norm in MODELS[1:]:
            for alpha in ALPHAS:
                eta, eps = ETAS[-1], self.eps
                net = LinearNetwork(modes * LEVELS @ modes.T, np.eye(len(LEVELS)), alpha, eps, eta, norm, loss)
                F, rate = net.end_of_shape(start, 3000.0 if loss == "l2" else 5 / eta)
                off.append(np.abs(modes.T @ F @ modes - np.diag(self.law(LEVELS, loss, norm, eta, alpha))).max())
                if loss == "l2":
                    growth.append(abs(rate - (adrift(LEVELS, alpha, eps, norm)[1] - eta)))
        return max(off), max(growth)

    def descent(self, loss: str, norm: str, eta: float) -> np.ndarray:
        """F over its largest entry per level, the mean over the last half of stochastic descent."""
        rng = np.random.default_rng(self.seed)
        each = self.d // len(LEVELS) if loss == "cosine" else 1  # its norms concentrate where directions are many
        rho = np.repeat(LEVELS, each)

        def draw() -> tuple[np.ndarray, np.ndarray]:
            shared, *noise = rng.standard_normal((3, self.batch_size, len(rho)))
            x, y = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own for own in noise)
            return x, y

        eps = 0.0 if norm == "none" else self.eps
        net = LinearNetwork(np.diag(rho), np.eye(len(rho)), 1.0, eps, eta, norm, loss)
        size, lr = (len(rho) ** -0.5, self.lr) if loss == "cosine" else (0.9, 3 * self.lr)
        F = net.descend(size * rotation(rng, len(rho)), draw, lr, self.steps)
        levels = np.diag(F).reshape(len(LEVELS), -1).mean(axis=1)
        return levels / levels.max()

    # ------------------------------------------------------------ figures

    def figures(self, s: np.ndarray, flow: dict) -> list[Panel]:
        rho, cell, shown = 1 / (1 + s), s[1] - s[0], ETAS[::2]
        first = [Series(f"eta = {eta:g}", s, self.law(rho, "l2", "none", eta)) for eta in shown]
        first += [Series(f"eta = {eta:g}, flow", s, flow["l2", "none", eta], "points") for eta in shown]
        second = [Series(f"{_called(*model)}, every eta", s, self.law(rho, *model, 0.0)) for model in MODELS[1:]]
        second += [
            Series(
                f"{_called(*model)}, flows",
                np.tile(s, len(shown)),
                np.ravel([flow[(*model, e)] for e in shown]),
                "points",
            )
            for model in MODELS[1:]
        ]
        third = []
        for model in MODELS:
            law = [min(self.dropped_from(*model, eta), s[-1] + cell / 2) for eta in ETAS]
            third.append(Series(_called(*model), ETAS, law))
            third.append(
                Series(f"{_called(*model)}, flow", ETAS, [_edge(s, flow[(*model, e)]) for e in ETAS], "points")
            )
        axes = ("augmentation variance", "F")
        last = "Largest variance kept over weight decay (at the top: all)"
        return [
            Panel("L2 loss, F as it is: weight decay is the threshold", *axes, first),
            Panel("F normalised: eps is, or nothing", *axes, second),
            Panel(last, "weight decay", "augmentation variance", third, log_x=True),
        ]


SMALLEST = 0.02
"""Augmentation variance of the most invariant feature."""


def _called(loss: str, norm: str) -> str:
    words = {"none": "", "spectral": ", spectral norm", "frobenius": ", Frobenius norm"}
    return f"{'L2' if loss == 'l2' else loss}{words[norm]}"


def _edge(variances: np.ndarray, F: np.ndarray) -> float:
    """Half-way between the last feature kept and the first one dropped."""
    cell = variances[1] - variances[0]
    return float(variances[0] + cell * (np.sum(F > ALIVE) - 0.5))
