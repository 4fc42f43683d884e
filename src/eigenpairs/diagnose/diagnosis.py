"""`Diagnosis`: what `diagnose` found, as numbers, words and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenpairs._html import card
from eigenpairs._plot import over_modes
from eigenpairs.diagnose.findings import Finding
from eigenpairs.diagnose.metric import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from eigenpairs.diagnose.with_labels import Probes


@dataclass(frozen=True)
class Diagnosis:
    """Metrics of one embedding, each with reference values, and a verdict with its reasons.

    Every metric is also an attribute: ``diagnosis.rankme`` is ``diagnosis.metrics["rankme"].value``.

    Attributes
    ----------
    n_samples, n_columns : int
    centred : bool
        Whether the ranks are of the centred rows.
    verdict : "healthy", "partially collapsed", "collapsed" or "invalid"
        The worst that any finding carries.
    findings : tuple of Finding
        Everything that looks wrong, with the number and the rule.
    metrics : dict of Metric
    singular_values : (min(n, d),) float64, descending, 0 where below rounding
    std : (d,) float64, of the columns
    optimum_name : str
        The objective that `Reference.optimum` speaks of.
    probes : Probes or None
        What labels say, if there were any.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> found = ep.diagnose(np.random.default_rng(0).standard_normal((500, 8)))
    >>> found, found.collapsed
    (Diagnosis(healthy: 500 x 8, RankMe 7.98), False)
    """

    n_samples: int
    n_columns: int
    centred: bool
    verdict: str
    findings: tuple[Finding, ...]
    metrics: dict[str, Metric]
    singular_values: np.ndarray
    std: np.ndarray
    optimum_name: str
    probes: Probes | None = None

    def __getattr__(self, name: str) -> float:
        metrics = self.__dict__.get("metrics", {})
        if name in metrics:
            return metrics[name].value
        needs = dict.fromkeys(("alignment", "dirichlet_energy", "mean_rho", "sum_rho"), "a relation") | {
            "lidar": "groups"
        }
        hint = f"; it needs {needs[name]}: ep.diagnose(Z, ...)" if name in needs else ""
        raise AttributeError(f"this Diagnosis has no {name!r}{hint}")

    @property
    def collapsed(self) -> bool:
        """Whether the embedding is useless altogether: in one point or on one line."""
        return any(finding.verdict == "collapsed" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON (nan stays nan)."""
        return {
            "n_samples": self.n_samples,
            "n_columns": self.n_columns,
            "centred": self.centred,
            "verdict": self.verdict,
            "collapsed": self.collapsed,
            "findings": [finding.to_dict() for finding in self.findings],
            "metrics": {name: metric.to_dict() for name, metric in self.metrics.items()},
            "optimum": self.optimum_name,
            "singular_values": self.singular_values.tolist(),
            "std": self.std.tolist(),
            "probes": None if self.probes is None else self.probes.to_dict(),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the singular values over their number, with matplotlib.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        ax = over_modes({"singular values": self.singular_values}, "singular value", ax)
        if np.count_nonzero(self.singular_values > 0) > 1:
            ax.set_yscale("log")
        return ax

    def __repr__(self) -> str:
        shape = f"{self.n_samples:,} x {self.n_columns:,}"
        rank = f", RankMe {self.rankme:.4g}" if "rankme" in self.metrics else ""
        first = "".join(f"; {finding.message}" for finding in self.findings if finding.verdict != "healthy")
        return f"Diagnosis({self.verdict}: {shape}{rank}{first})"

    def _repr_html_(self) -> str:
        return card(repr(self), {"singular values": self.singular_values, "std": self.std})
