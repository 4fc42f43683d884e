"""VICReg beside a classical method: what its two forms, trained on rows, share with another's eigenvectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eigenpairs._arrays import Array
from eigenpairs.lab.closed_forms import covariance, largest_sine, leading, lowest, variances
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check
from eigenpairs.objective import VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Classical:
    """What another solver gave: functions (n, m) at the rows, most invariant first, and 1 - their eigenvalues (K,)."""

    name: str
    functions: np.ndarray
    rho: np.ndarray


@dataclass(frozen=True, eq=False)
class Setting:
    """Rows to train on: columns that span the class, pairs, the weights of rows in Cov(z), and how to train."""

    columns: np.ndarray
    relation: Relation
    marginal: np.ndarray
    width: int
    starts: int = 1
    seed: int = 0


@dataclass
class UniformVICReg(VICReg):
    """Least-squares VICReg as paper A has it: the covariance weighs all rows equally, whatever their degrees."""

    def loss(self, Z: Array, G: Any, per_view: bool = False) -> Array:
        import torch

        centred = Z - Z.mean(0)
        excess = torch.eye(Z.shape[1], dtype=Z.dtype) - centred.T @ centred / len(Z)
        return self.variance * (excess * excess).sum() + self.invariance * G.dirichlet(Z) / G.total


def least_squares(
    setting: Setting, objective: VICReg, classical: Classical, spec: Spectrum
) -> tuple[list[Check], Panel]:
    """Its optimum: the classical functions that cost less than a, each with variance 1 - g (1 - rho)/a."""
    name, marginal = classical.name, setting.marginal
    gains = np.maximum(1 - objective.invariance * (1 - classical.rho) / objective.variance, 0.0)
    kept = int(np.count_nonzero(gains))
    functions = classical.functions[:, :kept]
    embedding = spec.embed(objective, setting.width)
    trained = lowest(objective, setting.columns, setting.relation, setting.width, setting.starts, setting.seed)
    found, closed = variances(trained.Z, marginal), embedding.transform()
    checks = [
        Check(
            f"sine of the largest angle between trained VICReg and {name} ({kept} functions)",
            largest_sine(leading(trained.Z, marginal, kept), functions, marginal), 0.0, 1e-3,
        ),
        Check(f"largest error of a variance, trained, against 1 - g (1 - rho)/a of {name}",
              float(np.abs(found - gains).max()), 0.0, 1e-3),
        Check(f"sine of the largest angle between the closed form and {name}",
              largest_sine(leading(closed, marginal, kept), functions, marginal), 0.0, 1e-5),
        Check(f"largest error of a variance, closed form, against 1 - g (1 - rho)/a of {name}",
              float(np.abs(variances(closed, marginal) - gains).max()), 0.0, 1e-7),
    ]  # fmt: skip
    number = np.arange(1, setting.width + 1)
    lines = [Series(f"1 - g (1 - rho)/a, rho by {name}", number, gains), Series("trained", number, found, "points")]
    return checks, Panel(f"Least-squares VICReg keeps what costs less than a: {name}", "function", "variance", lines)


def practised(setting: Setting, objective: VICReg, classical: Classical) -> tuple[list[Check], Panel]:
    """What the hinge changes: the same functions, fewer of them and mixed, so that all columns vary equally."""
    name, marginal = classical.name, setting.marginal
    best = objective.optimum(classical.rho, setting.width)
    gains, kept = best.gains, best.rank
    functions = classical.functions[:, :kept]
    trained = lowest(objective, setting.columns, setting.relation, setting.width, setting.starts, setting.seed)
    cov = covariance(trained.Z, marginal)
    scaled = functions / np.sqrt(np.diag(covariance(functions, marginal)))
    part = np.abs(scaled.T @ (marginal[:, None] * (trained.Z - marginal @ trained.Z))) ** 2 / np.diag(cov)
    unmixed = np.zeros_like(trained.Z)
    unmixed[:, :kept] = scaled * np.sqrt(gains[:kept])
    price = float(objective.loss(unmixed, setting.relation)) / best.loss - 1
    checks = [
        Check("as practised: loss over that of the closed form on the same rho, minus 1",
              trained.loss / best.loss - 1, 0.0, 1e-6),
        Check(f"as practised: sine of the largest angle to {name} ({kept} functions)",
              largest_sine(leading(trained.Z, marginal, kept), functions, marginal), 0.0, 1e-2),
        Check("as practised: largest error of a gain against water-filling",
              float(np.abs(variances(trained.Z, marginal) - gains).max()), 0.0, 1e-2),
        Check("as practised: spread of the columns' variances", float(np.ptp(np.diag(cov))), 0.0, 1e-3),
        Check(f"as practised: smallest of the columns' largest shares on one of {name}",
              float(part.max(axis=0).min()), 0.95, kind="at most"),
        Check(f"as practised: how much more {name} cost with the same gains but unmixed, relative",
              price, 1e-4, kind="at least"),
    ]  # fmt: skip
    number = np.arange(1, setting.width + 1)
    lines = [Series(f"water-filling on rho by {name}", number, gains),
             Series("trained", number, variances(trained.Z, marginal), "points"),
             Series("variance of a column, trained", number, np.diag(cov), "points")]  # fmt: skip
    return checks, Panel(
        "VICReg as practised: other gains, and columns that vary equally", "function, or column", "variance", lines
    )


def weight_that_keeps(count: int, rho: np.ndarray) -> float:
    """g/a for which least-squares VICReg keeps exactly `count` functions: halfway between two prices."""
    return float(2 / (2 - rho[count - 1] - rho[count]))
