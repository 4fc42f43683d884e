"""`advise`: predict, from one spectrum and a few labels, what each objective at each value is worth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import scipy.sparse as sp

from eigenpairs._validate import an_instance, whole_number
from eigenpairs._validate import table as as_table
from eigenpairs.advise.advice import Advice, Candidate, Path
from eigenpairs.advise.eigenlearning import CROWDED, Prediction, predict
from eigenpairs.advise.energies import Task, task_on
from eigenpairs.advise.guideline import in_words
from eigenpairs.advise.measure import Measured, can_measure, measure
from eigenpairs.advise.paths import Point, default_objectives, paths
from eigenpairs.advise.probe_error import predicted_error_on_columns
from eigenpairs.diagnose.ranks import participation_ratio
from eigenpairs.features.base import read_rows
from eigenpairs.objective import Objective
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.spectrum import Spectrum

RAW_ROWS, RAW_COLUMNS = 1000, 5000

STEP = 4.0
"""The factor by which a value is wrong when `flatness` asks what that costs."""


def advise(
    spec: Spectrum,
    X: Any = None,
    y: Any = None,
    n_labels: int = 100,
    objectives: Sequence[Objective] | None = None,
    *,
    n_components: int | None = None,
    groups: Any = None,
    tower: int | None = None,
    draws: int = 200,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Advice:
    """Which objective, at which value, of which width, will a probe on n labels like best?

    For every objective along its main hyper-parameter the squared error of a ridge probe is predicted from rho, the
    gains and the label's energy on each mode; nothing is trained. For the best value of each objective the prediction
    is checked on random subsets of the labels, where there are more than n; where the two differ by more than a tenth,
    the measurement is the headline.

    Parameters
    ----------
    spec : Spectrum
        With a ridge chosen on held-out pairs if pairs are few.
    X : (n, n_columns) rows
        Of the task. Rows without label help: they say how the modes vary here. None for the fitted rows.
    y : (n,) array
        Labels, classes or real values; -1, NaN and empty texts mean none. Without y no objective is recommended.
    n_labels : int, default 100
        Labels the probe will have.
    objectives : sequence of Objective, optional
        One of each kind by default. Parameters other than the main one are kept.
    n_components : int, optional
        Largest width to consider; all modes by default.
    groups : (n,) array, optional
        Rows of equal id are views of one source: one of them keeps its label, so that a probe is never tested on views
        of what it was trained on. Needed if X holds several views of a source, as the fitted rows often do.
    tower : int, optional
        Which of two towers the rows belong to.
    draws : int, default 200
        Random subsets for the check, 0 for none.
    random_state : int, default 0
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Advice

    Raises
    ------
    ValueError
        If fewer than 4 rows are labelled, or lengths differ.

    Notes
    -----
    The formula is that of kernel ridge regression (Simon et al. 2023, arXiv 2110.03922); classes are one-hot columns.
    Theory, section 8.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> rng = np.random.default_rng(0)
    >>> noise = np.geomspace(0.1, 3, 20)
    >>> source = rng.standard_normal((2000, 20))
    >>> views = [source + noise * rng.standard_normal(source.shape) for _ in range(2)]
    >>> spec = ep.spectrum(np.concatenate(views), ep.Relation.from_views(2000, 2))
    >>> y = (source[:, :3].sum(axis=1) > 0).astype(int)  # a task on what the pairs keep
    >>> advice = ep.advise(spec, views[0], y, n_labels=10)
    >>> advice.table[0].predicted < advice.raw
    True
    """
    an_instance(spec, Spectrum, "spec", "ep.spectrum(X, relation)")
    n_labels = whole_number(n_labels, "n_labels", 3)
    width = spec.n_modes if n_components is None else min(whole_number(n_components, "n_components", 1), spec.n_modes)
    if y is None:
        return _without_labels(spec, n_labels)
    task = task_on(spec, X, y, groups, tower)
    chosen = default_objectives() if objectives is None else list(objectives)
    if not chosen:
        raise ValueError("objectives is empty; give for instance [ep.VICReg()], or None for one of each kind")
    for objective in chosen:
        an_instance(objective, Objective, "objectives", "[ep.VICReg(), ep.BarlowTwins()]")
    points = paths(chosen, spec.rho, width)
    if not points:
        raise ValueError("no objective keeps any mode of this spectrum: no rho is positive; are these pairs related?")
    gains = np.array([point.gains for point in points]) * task.scale
    found = predict(gains, task.alpha, task.rest, n_labels)
    best = _best_of_each(points, found)
    table, checks = [], can_measure(len(task.rows), n_labels) and whole_number(draws, "draws", 0) > 1
    for done, at in enumerate(best):
        check = _checked(task, points[at], found, at, n_labels, draws, random_state) if checks else None
        table.append(_candidate(points, found, at, task, check))
        if progress is not None:
            progress((done + 1) / len(best))
    table.sort(key=lambda candidate: candidate.measured if checks else candidate.predicted)
    rho, alpha = spec.rho, task.alpha
    explained = float(alpha.sum())
    alignment = float(rho @ alpha) / explained if explained > 0 else float("nan")
    drawn = [_path(points, found, list(each)) for _, each in groupby(range(len(points)), lambda at: _kind(points[at]))]
    relative = [Path(p.name, p.parameter, p.values, p.errors / task.energy.total, p.ranks) for p in drawn]
    raw = raw_error(X, task, n_labels, draws if checks else 0, random_state)
    reason = in_words(table, alignment, raw, n_labels, len(rho))
    notes = _notes(task, table, n_labels, checks)
    return Advice(
        tuple(table), tuple(relative), n_labels, raw, alignment, task.energy, rho, spec.rank, reason, notes
    )  # fmt: skip


def raw_error(X: Any, task: Task, n_labels: int, draws: int, seed: int = 0) -> float:
    """Error of the same probe on the columns of X as they are, as a share of the label's variance.

    Predicted from 1,000 rows, labelled ones first, and their leading directions; measured instead if `draws` is not 0.
    """
    if X is None:
        return float("nan")
    X = as_table(X, "X", sparse=True)
    order = np.random.default_rng(seed).permutation(len(task.phi))
    rows = np.sort(order[np.argsort(~np.isin(order, task.rows), kind="stable")][:RAW_ROWS])
    known = task.labels.values[rows]
    if X.shape[1] > RAW_COLUMNS or len(np.unique(known[known >= 0] if task.labels.n_classes else known)) < 2:
        return float("nan")  # too wide for a comparison in passing, or a class too rare to be met
    found = predicted_error_on_columns(_float64(X, rows), known, n_labels, task.labels.task, max(4, len(rows) // 4))
    if not draws:
        return found.error
    Z, Y = _float64(X, task.rows), task.labels.columns(task.rows)
    return measure(Z, Y, found.ridge, n_labels, draws, seed).error / task.energy.total


def _float64(X: Any, rows: np.ndarray) -> np.ndarray:
    found = read_rows(X, rows)
    return np.asarray(found.toarray() if sp.issparse(found) else found, dtype=np.float64)


def _kind(point: Point) -> str:
    """Name of the path a point lies on."""
    variant = getattr(point.objective, "form", getattr(point.objective, "critic", ""))
    return f"{type(point.objective).__name__} {variant}".strip()


def _best_of_each(points: list[Point], found: Prediction) -> list[int]:
    """Number of the best point of every path."""
    groups = [list(each) for _, each in groupby(range(len(points)), lambda at: _kind(points[at]))]
    return [min(group, key=lambda at: found.error[at]) for group in groups]


def _path(points: list[Point], found: Prediction, numbers: list[int]) -> Path:
    first = points[numbers[0]]
    values = np.array([points[at].value for at in numbers])
    ranks = np.array([points[at].rank for at in numbers])
    return Path(_kind(first), first.parameter, values, found.error[numbers], ranks)


def _checked(task: Task, point: Point, found: Prediction, at: int, n_labels: int, draws: int, seed: int) -> Measured:
    kept = np.flatnonzero(point.gains > 0)
    Z = task.phi[task.rows][:, kept] * np.sqrt(point.gains[kept])
    return measure(Z, task.labels.columns(task.rows), float(found.ridge[at]), n_labels, draws, seed)


def _candidate(points: list[Point], found: Prediction, at: int, task: Task, check: Measured | None) -> Candidate:
    point, total = points[at], task.energy.total
    error = float(found.error[at]) / total
    spread = 2 * float(np.sqrt(np.sum((found.weight[at] * task.energy.standard_error) ** 2)))
    same = [number for number, other in enumerate(points) if _kind(other) == _kind(point)]
    values = np.array([points[number].value for number in same])
    errors = found.error[same] / found.error[at]
    wrong = [float(errors[np.argmin(np.abs(np.log(values / (point.value * step))))]) for step in (1 / STEP, STEP)]
    return Candidate(
        point.objective,
        point.parameter,
        point.value,
        point.rank,
        participation_ratio(np.sqrt(point.gains)),
        error,
        (max(error - spread, 0.0), error + spread),
        check.error / total if check else float("nan"),
        check.standard_error / total if check else float("nan"),
        float(found.ridge[at]),
        float(found.crowding[at]),
        (wrong[0], wrong[1]),
    )


def _notes(task: Task, table: list[Candidate], n_labels: int, checked: bool) -> tuple[str, ...]:
    found = [task.energy.rule, task.note]
    if not checked:
        found.append(f"not checked on subsets of the labels: that takes more than {n_labels} of them")
    elif any(candidate.headline != candidate.predicted for candidate in table):
        found.append("formula and measurement differ by more than a tenth for some: there the measurement counts")
    close = [candidate for candidate in table if candidate.interval[0] <= table[0].interval[1]]
    if len(close) == len(table) > 1 and not checked:
        found.append("the labels are too few to tell these objectives apart")
    if table[0].crowding > CROWDED:
        found.append("the probe nearly interpolates its labels, where the formula is known to fail")
    return tuple(found)


def _without_labels(spec: Spectrum, n_labels: int) -> Advice:
    """What can be said without labels: how much of the class pairs keep, and no ranking."""
    rho = spec.rho
    kept = int(np.count_nonzero(rho > 0.5))
    reason = (
        f"no labels, no ranking: {kept} of {spec.n_modes} modes keep more than half their variance across a pair "
        f"(rho {rho[0]:.2f} to {rho[-1]:.2f}); a few labels would tell whether the task lies on them"
    )
    note = "how stable these modes are over the pairs: eigenpairs.advise.pair_budget; how even their rows: ep.diagnose"
    nan = float("nan")
    return Advice((), (), n_labels, nan, nan, None, rho, spec.rank, reason, (note,))
