"""`Metric`: one number about an embedding, and what it reads on embeddings that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reference:
    """What a metric reads on known embeddings of the same n and d.

    Attributes
    ----------
    random : (float, float) or None
        Rows drawn from an isotropic Gaussian: smallest and largest of several draws, or an interval in closed form.
    collapsed : float or None
        All rows on one line.
    optimum : float or None
        The optimum of an objective, named by `Diagnosis.optimum_name`.
    """

    random: tuple[float, float] | None = None
    collapsed: float | None = None
    optimum: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The three as plain values."""
        return {
            "random": None if self.random is None else list(self.random),
            "collapsed": self.collapsed,
            "optimum": self.optimum,
        }


NO_REFERENCE = Reference()


@dataclass(frozen=True)
class Metric:
    """One number, what it means, and its reference values.

    Attributes
    ----------
    name : str
        Also an attribute of `Diagnosis`.
    title : str
    value : float
        nan where it is undefined.
    meaning : str
        In one sentence, with its source.
    better : "higher", "lower" or ""
    reference : Reference
    """

    name: str
    title: str
    value: float
    meaning: str
    better: str = ""
    reference: Reference = NO_REFERENCE

    def to_dict(self) -> dict[str, Any]:
        """Value and reference as plain values."""
        return {"value": self.value, "better": self.better} | self.reference.to_dict()
