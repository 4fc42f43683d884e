"""`diagnose`: is an embedding healthy? Without labels, whatever library it comes from."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenpairs._validate import a_relation, an_instance, table
from eigenpairs.diagnose import findings as rules
from eigenpairs.diagnose.catalogue import CATALOGUE
from eigenpairs.diagnose.census import Progress, take_census
from eigenpairs.diagnose.diagnosis import Diagnosis
from eigenpairs.diagnose.measured import Found, Measured
from eigenpairs.diagnose.metric import Metric, Reference
from eigenpairs.diagnose.on_pairs import groups_of
from eigenpairs.features import Towers
from eigenpairs.objective import Objective, Whitening
from eigenpairs.relation import Relation


def diagnose(
    Z: Any,
    relation: Relation | None = None,
    y: Any = None,
    groups: Any = None,
    center: bool = True,
    *,
    objective: Objective | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Diagnosis:
    """Measure an embedding without labels: rank, collapse, spread, and what positives say.

    Parameters
    ----------
    Z : (n, d) array, memmap, tensor or DataFrame
        One row per sample, from any library. Read in chunks, so it may be larger than memory.
    relation : Relation, optional
        Positive pairs among the rows: adds alignment, Dirichlet energy and mean rho; LiDAR if it is one of groups or
        views.
    y : (n,) array, optional
        Labels: adds probes, unless Z holds NaN or inf.
    groups : (n,) array, optional
        Rows of equal id are views of one sample: adds LiDAR, and is the relation if there is no other.
    center : bool, default True
        Take the ranks of centred rows. RankMe as published does not centre: a constant offset then counts as a
        direction.
    objective : Objective, optional
        The objective whose optimum is the reference; `Whitening` by default. With a relation, its optimum on the
        spectrum of these columns.
    random_state : int, default 0
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError
        If Z has fewer than two rows, no column, or lengths differ.

    Notes
    -----
    Singular values below eps (sqrt(max(n, d)) s_1 + (sqrt n + sqrt d) size) are zero, eps of the numbers as stored and
    size their root mean square; where n > d they come from the covariance, which ends at 2e-8 s_1. Verdicts and their
    rules are in `findings`.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> Z = np.linalg.qr(np.random.default_rng(0).standard_normal((500, 10)))[0]
    >>> round(ep.diagnose(Z, center=False).rankme, 6)
    10.0
    >>> Z[:, 5:] = 1.0
    >>> ep.diagnose(Z).verdict
    'partially collapsed'
    """
    Z, relation = _checked(Z, relation, groups)
    grouped = _grouped(relation, groups)
    chosen = an_instance(objective or Whitening(), Objective, "objective", "ep.VICReg()")
    census = take_census(Z, progress)
    measured = Measured(Z, census, relation, grouped, chosen, bool(center), random_state)
    found: Found = {}
    for family in (measured.ranks, measured.rows, measured.columns, measured.pairs, measured.group_ranks):
        found |= family() if census.n_valid >= 2 else {}
    metrics = {name: _metric(name, *found[name]) for name in CATALOGUE if name in found}
    problems = measured.findings()
    probes = None
    if y is not None and census.n_valid == census.n_samples:
        from eigenpairs.diagnose.with_labels import probe

        sources = relation.components if groups is None and relation is not None else groups
        probes = probe(Z, y, groups=sources, random_state=random_state)
    return Diagnosis(
        census.n_samples,
        census.n_columns,
        bool(center),
        rules.worst(problems),
        problems,
        metrics,
        measured.singular_values,
        np.sqrt(census.variance),
        repr(chosen),
        probes,
    )


def _checked(Z: Any, relation: Any, groups: Any) -> tuple[Any, Relation | None]:
    """Z as a table, and the relation that goes with it, if any."""
    if isinstance(Z, Towers):
        raise TypeError("Z is a pair of towers; diagnose the embedding of each tower by itself")
    Z = table(Z, "Z")
    if Z.shape[0] < 2 or Z.shape[1] < 1:
        raise ValueError(f"Z has shape {tuple(Z.shape)}; give two or more rows of one or more columns")
    if relation is None and groups is not None:
        relation = Relation.from_groups(groups)
    if relation is not None and a_relation(relation).n_samples != Z.shape[0]:
        name = "groups" if groups is not None and len(groups) == relation.n_samples else "relation"
        raise ValueError(f"{name} has {relation.n_samples} rows and Z has {Z.shape[0]}; give one row per sample")
    if groups is not None and len(groups) != Z.shape[0]:
        raise ValueError(f"groups has {len(groups)} ids and Z has {Z.shape[0]} rows; give one id per row")
    return Z, relation


def _grouped(relation: Relation | None, groups: Any) -> Relation | None:
    """The relation of the groups: the one there is, if it is one of groups, and of these where some are given."""
    own = None if relation is None else groups_of(relation)
    if groups is None:
        return relation if own is not None else None
    given = Relation.from_groups(groups)
    return relation if own is not None and np.array_equal(own, given.components) else given


def _metric(name: str, value: float, reference: Reference) -> Metric:
    entry = CATALOGUE[name]
    return Metric(name, entry.title, float(value), entry.meaning, entry.better, reference)
