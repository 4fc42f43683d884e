"""Several embeddings of the same rows side by side: which checkpoint, layer or model is better, without labels?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from eigenpairs._validate import one_of
from eigenpairs.diagnose.census import Progress
from eigenpairs.diagnose.diagnose import diagnose
from eigenpairs.diagnose.diagnosis import Diagnosis
from eigenpairs.diagnose.findings import VERDICTS
from eigenpairs.diagnose.similarity import Similarity, similarity
from eigenpairs.objective import Objective
from eigenpairs.relation import Relation

RANKED_BY = ("sum_rho", "rankme", "effective_rank", "lidar", "uniformity")


@dataclass(frozen=True)
class Comparison:
    """Diagnoses by name, how alike each two embeddings are, and an order.

    Attributes
    ----------
    diagnoses : dict of Diagnosis
    similarities : dict of (name, name) to Similarity
    ranking : tuple of names, best first: by verdict, then by the metric `ranked_by`
    ranked_by : str
    """

    diagnoses: dict[str, Diagnosis]
    similarities: dict[tuple[str, str], Similarity]
    ranking: tuple[str, ...]
    ranked_by: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; similarities as a list."""
        return {
            "diagnoses": {name: diagnosis.to_dict() for name, diagnosis in self.diagnoses.items()},
            "similarities": [{"between": list(pair)} | found.to_dict() for pair, found in self.similarities.items()],
            "ranking": list(self.ranking),
            "ranked_by": self.ranked_by,
        }

    def __repr__(self) -> str:
        held = {name: self.diagnoses[name].metrics.get(self.ranked_by) for name in self.ranking}
        each = [
            f"{name} {self.diagnoses[name].verdict if metric is None else format(metric.value, '.4g')}"
            for name, metric in held.items()
        ]
        return f"Comparison(by {self.ranked_by}: {', '.join(each)})"


def compare(
    embeddings: Mapping[str, Any] | Sequence[Any],
    relation: Relation | None = None,
    y: Any = None,
    groups: Any = None,
    center: bool = True,
    *,
    objective: Objective | None = None,
    rank_by: str | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Diagnose several embeddings of the same rows, measure how alike they are, and order them without labels.

    Parameters
    ----------
    embeddings : dict of name to (n, d) array, or a sequence of arrays
        The same rows in the same order; columns may differ in number. A sequence gets the names "0", "1", ...
    relation, y, groups, center, objective, random_state, progress : as for `diagnose`
    rank_by : "sum_rho", "rankme", "effective_rank", "lidar" or "uniformity", optional
        The sum of rho if there are pairs, otherwise RankMe: of all label-free metrics these agreed best with linear
        probes (docs/diagnose.md). An order by one number is a hint.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there are fewer than two embeddings, or their rows differ in number.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.diagnose.compare import compare
    >>> Z = np.random.default_rng(0).standard_normal((500, 8))
    >>> compare({"epoch 10": Z * [9, 1, 1, 1, 1, 1, 1, 1], "epoch 20": Z})
    Comparison(by rankme: epoch 20 7.98, epoch 10 4.825)
    """
    named = dict(embeddings) if isinstance(embeddings, Mapping) else {str(at): Z for at, Z in enumerate(embeddings)}
    if len(named) < 2:
        raise ValueError(f"embeddings holds {len(named)}; give two or more of the same rows")
    lengths = {name: len(Z) for name, Z in named.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"embeddings differ in their number of rows ({lengths}); give the same rows in the same order")
    if rank_by is not None:
        one_of(rank_by, "rank_by", RANKED_BY)
    diagnoses = {}
    for at, (name, Z) in enumerate(named.items()):
        part = None if progress is None else lambda share, at=at: progress((at + share) / len(named))
        options: dict[str, Any] = {"objective": objective, "random_state": random_state, "progress": part}
        diagnoses[name] = diagnose(Z, relation, y, groups, center, **options)
    usable = [name for name, found in diagnoses.items() if found.verdict in ("healthy", "partially collapsed")]
    similarities = {(a, b): similarity(named[a], named[b]) for a, b in combinations(usable, 2)}
    measured = [diagnoses[name].metrics for name in usable]
    ranked_by = rank_by or ("sum_rho" if measured and all("sum_rho" in metrics for metrics in measured) else "rankme")
    if not all(ranked_by in metrics for metrics in measured):
        needs = "groups" if ranked_by == "lidar" else "a relation"
        raise ValueError(f"rank_by = {ranked_by!r} needs {needs}; give it, or rank by 'rankme'")

    def order(name: str) -> tuple[int, float]:
        metric = diagnoses[name].metrics.get(ranked_by)
        sign = -1 if metric is None or metric.better == "higher" else 1
        value = np.nan if metric is None else sign * metric.value
        return VERDICTS.index(diagnoses[name].verdict), value if np.isfinite(value) else np.inf

    return Comparison(diagnoses, similarities, tuple(sorted(named, key=order)), ranked_by)
