"""`audit`: what does an augmentation keep, what does it destroy, and which strength is best, before any training?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eigenpairs._arrays import to_numpy
from eigenpairs._validate import an_instance, whole_number
from eigenpairs.advise.audited import HELPS, HURTS, SAME, Audit, Audited
from eigenpairs.advise.audited_label import AuditedLabel
from eigenpairs.advise.kept import CleanDirections, share_kept
from eigenpairs.advise.probe_error import predicted_error_on_columns
from eigenpairs.advise.raw_rows import RawRows, pictures, sampled
from eigenpairs.advise.recommend import in_words, recommended
from eigenpairs.advise.transformations import Transformation, transformations
from eigenpairs.diagnose.label_energy import labels_of
from eigenpairs.features import Features, Free, Linear
from eigenpairs.objective import Objective, VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.accumulate import Progress
from eigenpairs.spectrum.solve import spectrum

ROWS_PER_DIRECTION = 3
"""Fewer rows for each direction leave too little to regress on."""

HELDOUT = 4
"""One row in so many is left out of the spectrum, to hold rho against."""

NOTICEABLE = 0.02
"""Relative differences of a predicted error below this are none."""

UNCHANGED = Transformation("unchanged", None, lambda X, rng: X)
"""What every transformation is compared with: each row is its own positive, and every function is invariant."""


@dataclass(frozen=True)
class Setting:
    """What all transformations of one audit share."""

    rows: RawRows
    directions: CleanDirections
    clean: np.ndarray
    label: AuditedLabel | None
    n_labels: int
    n_views: int
    features: Features
    objective: Objective
    seed: int

    @property
    def n_heldout(self) -> int:
        return len(self.clean) // HELDOUT


def audit(
    X: Any,
    views: Any,
    y: Any = None,
    *,
    n_labels: int = 100,
    n_views: int = 2,
    embed: Callable[[Any], Any] | None = None,
    objective: Objective | None = None,
    features: Features | None = None,
    n_components: int = 128,
    n_rows: int = 2000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Audit:
    """What augmentations keep and destroy, and which strength a probe on few labels would like best.

    Views of a sample of rows are drawn at every strength, and the spectrum of their pairs is solved. Its rho says what
    learning from these pairs will keep; regressing the clean rows on their views says what one view still tells about
    each direction of the data, and about the label; and the optimum of `objective` on that spectrum has a predicted
    few-shot error, which is compared with that of learning from unchanged rows.

    Parameters
    ----------
    X : (n, ...) rows
        Vectors (n, d), images (n, H, W) or (n, H, W, C), a DataFrame, or anything that `embed` understands.
    views : callable, name, sequence of names, or dict
        ``view(X, rng)`` takes a batch of rows and a numpy Generator and returns one view of each row. A dict names
        several: ``{"mine": view}``; with strengths to compare, ``{"mine": (view, [0.1, 0.3, 1])}`` for a function
        ``view(X, rng, strength)``; a preset with strengths of your own, ``{"shift": [1, 2, 4]}``. Presets (with
        strengths of ours: ``views=["noise", "shift"]``) are in `eigenpairs.advise.views`.
    y : (n,) array, optional
        Labels, classes or real values; -1, NaN and empty texts mean none. Without y nothing is recommended.
    n_labels : int, default 100
        Labels the probe will have.
    n_views : int, default 2
        Views of every row.
    embed : callable, optional
        Rows to features (n, D), for instance a frozen backbone: the audit is then of features of changed rows.
    objective : Objective, default VICReg()
        One objective for all, because under the best one for each, a harmful view is simply ignored.
    features : Features, default Linear(ridge=0.01)
        The class of functions, over the leading principal directions of the clean rows.
    n_components : int, default 128
        Principal directions used, at most a third of the rows.
    n_rows : int, default 2000
        Rows used, labelled ones first, otherwise at random.
    random_state : int, default 0
        Strengths of one view see the same random numbers.
    progress : callable, optional
        Called with the share done, 0 to 1.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If there are fewer than 20 rows or 4 labels, or a view changes the number of rows, their shape, or makes NaN.

    Notes
    -----
    `Audited.destroyed` is the sum over directions of label energy times one minus what a view keeps (Theory,
    section 8). High values do harm where they fall on the label more than on the rest: noise that blurs all alike
    destroys much of everything and may still help.

    Examples
    --------
    Colour is the task, and turning hues destroys it; noise does not:

    >>> import numpy as np
    >>> from eigenpairs.advise.audit import audit
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(3, size=600)
    >>> ink = rng.random((600, 4, 4, 1)) * np.eye(3)[y][:, None, None, :]  # red, green or blue
    >>> found = audit(ink, {"hue": [0.1, 1], "noise": [0.1, 1]}, y)
    >>> found["hue 1"].verdict, found["hue 1"].destroyed > 0.9, found["noise 0.1"].destroyed < 0.1
    ('hurts', True, True)
    """
    wanted, raw_rows = transformations(views), RawRows.of(X, embed)
    n_labels = whole_number(n_labels, "n_labels", 3)
    n_views = whole_number(n_views, "n_views", 2)
    n_rows = whole_number(n_rows, "n_rows", 20)
    n_components = whole_number(n_components, "n_components", 1)
    seed = whole_number(random_state, "random_state", 0)
    objective = VICReg() if objective is None else an_instance(objective, Objective, "objective", "ep.VICReg()")
    features = Linear(ridge=0.01) if features is None else an_instance(features, Features, "features", "ep.Linear()")
    if isinstance(features, Free):
        raise TypeError("features = Free() knows no rows; give a class of functions of the rows, such as ep.Linear()")
    labelled = None if y is None else labels_of(y, len(raw_rows)).rows
    sample = sampled(len(raw_rows), labelled, n_rows, seed)
    rows = raw_rows.take(sample)
    columns = rows.columns(rows.X)
    directions = CleanDirections.of(columns, min(n_components, len(sample) // ROWS_PER_DIRECTION))
    clean = directions.scores(columns)
    label = None if y is None else AuditedLabel.of(clean, to_numpy(y)[sample])
    setting = Setting(rows, directions, clean, label, n_labels, n_views, features, objective, seed)
    unchanged = _audited(UNCHANGED, setting)
    found = []
    for done, each in enumerate(wanted):
        found.append(_judged(_audited(each, setting), unchanged))
        if progress is not None:
            progress((done + 1) / len(wanted))
    raw = told = float("nan")
    if label is not None:
        raw = predicted_error_on_columns(clean, label.y, n_labels).error
        told = label.told(clean / np.sqrt(directions.variances))
    best = {} if label is None else recommended(found)
    return Audit(
        rows=tuple(found),
        unchanged=unchanged,
        recommended=best,
        reason=in_words(found, unchanged, best, raw, told, n_labels),
        raw=raw,
        told=told,
        objective=objective,
        n_labels=n_labels,
        n_rows=len(sample),
        n_heldout=setting.n_heldout,
        n_labelled=0 if label is None else label.n_labelled,
        n_views=n_views,
        variances=directions.variances,
        share=directions.share,
        pictures=pictures(rows.X),
    )


def _audited(transformation: Transformation, setting: Setting) -> Audited:
    """One transformation at one strength, compared with nothing yet."""
    views, picture = _drawn(transformation, setting)
    kept = np.mean([share_kept(view, setting.clean)[0] for view in views], axis=0)
    held, fit = (np.concatenate([view[part] for view in views]) for part in _parts(setting))
    try:
        spec = spectrum(fit, _pairs_of(fit, setting), setting.features, setting.clean.shape[1])
    except ValueError as error:
        raise ValueError(f"the view {transformation.title!r} leaves nothing to learn from: {error}") from None
    destroyed = predicted = spread = float("nan")
    if setting.label is not None:
        destroyed = setting.label.destroyed(views)
        Z = np.asarray(spec.embed(setting.objective).transform(setting.clean))
        guess = predicted_error_on_columns(Z, setting.label.y, setting.n_labels)
        predicted, spread = guess.error, guess.standard_error
    variance = setting.directions.variances
    return Audited(
        name=transformation.name,
        strength=transformation.strength,
        rho=spec.heldout(fit, _pairs_of(fit, setting)),  # under a ridge spec.rho is smaller: a shrunken estimate
        heldout=spec.heldout(held, _pairs_of(held, setting)),
        kept=kept,
        destroyed_variance=1 - float(variance @ kept / variance.sum()),
        destroyed=destroyed,
        predicted=predicted,
        standard_error=spread,
        picture=picture,
    )


def _drawn(transformation: Transformation, setting: Setting) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Views (n, m) of all rows as scores on the clean directions, and the first of them to look at."""
    views, picture = [], None
    for number in range(setting.n_views):
        # The same random numbers for every strength: else differences between draws would pass for their effect.
        changed = transformation.draw(setting.rows.copy(), np.random.default_rng([setting.seed, number]))
        columns = setting.rows.columns(changed, f"the view {transformation.title!r}", len(setting.directions.mean))
        views.append(setting.directions.scores(columns))
        picture = pictures(changed) if number == 0 else picture
    return views, picture


def _parts(setting: Setting) -> tuple[slice, slice]:
    """Rows that are held out, and rows that are fitted: the sample is in random order."""
    return slice(0, setting.n_heldout), slice(setting.n_heldout, None)


def _pairs_of(stacked: np.ndarray, setting: Setting) -> Relation:
    return Relation.from_views(len(stacked) // setting.n_views, setting.n_views)


def _judged(row: Audited, unchanged: Audited) -> Audited:
    """With its verdict: the predicted error against that of unchanged rows."""
    if not np.isfinite(row.predicted):
        return row
    ratio = row.predicted / unchanged.predicted
    return replace(row, verdict=HELPS if ratio < 1 - NOTICEABLE else HURTS if ratio > 1 + NOTICEABLE else SAME)
