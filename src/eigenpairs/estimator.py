"""`SpectralSSL`: the scikit-learn face. Pipelines, grid search, set_output and metadata routing work as usual."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from eigenpairs._validate import a_relation, an_instance, one_of, row_weights, whole_number
from eigenpairs.features import Features, Free, Linear, Towers
from eigenpairs.objective import Objective, VICReg
from eigenpairs.relation import Relation
from eigenpairs.spectrum.embedding import Embedding
from eigenpairs.spectrum.solve import spectrum, spectrum_of_sums, sums_of_rows
from eigenpairs.spectrum.spectrum import ALL_MODES, Spectrum, pair_correlations
from eigenpairs.spectrum.sums import PairSums

log = logging.getLogger("eigenpairs")

POSITIVES = ("neighbors", "labels")
MODES_KEPT = 256
"""Modes held beyond those the embedding needs, so that other objectives can be tried on `spectrum_`."""


class SpectralSSL(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The exact optimum of a self-supervised objective on your pairs, as a transformer.

    Parameters
    ----------
    objective : Objective, default VICReg()
    features : Features, default Linear()
        The class of functions. `Free` has no value for new rows and is refused; use `ep.spectrum` for it.
    n_components : int, float or "auto", default 64
        Output columns; reduced with a warning to the rank of the class. "auto" is as many as get a gain, a share
        between 0 and 1 the fewest modes whose gains add up to that share.
    positives : "neighbors" or "labels", default "neighbors"
        Which pairs to use when `fit` is given neither `relation` nor `groups`: 15 nearest neighbours in X, or rows
        of the same label y.
    random_state : int, optional
        Seed of the folds by which ``Linear(ridge="auto")`` is chosen. Nothing else here is random: nearest neighbours
        are exact, and a class of functions that draws (landmarks, say) has a `random_state` of its own.

    Attributes
    ----------
    spectrum_ : Spectrum
    embedding_ : Embedding
    optimum_ : Optimum
        Gains, loss and proof status.
    n_components_ : int
    components_ : (n_components_, n_features_in_)
        With `Linear`: ``transform(X) == (X - mean_) @ components_.T``.
    mean_ : (n_features_in_,)
        With `Linear`: mean of the rows that have a partner, weighted by degree.

    Notes
    -----
    Splitting rows at random separates partners. Cross-validate with a group splitter (``GroupKFold`` and `groups`),
    which keeps the views of one source on one side. In a search, `groups` reach the estimator, and not only the
    splitter, after ``sklearn.set_config(enable_metadata_routing=True)``: `relation` and `groups` are then requested by
    `fit`, `partial_fit` and `score` without further ado. Without it a search passes no groups on, and positives are the
    nearest neighbours.

    A `sample_weight` multiplies pairs: G_ij becomes w_i G_ij w_j (`Relation.weighted`), so a row of weight 0 does not
    count, and one of weight 2 stands for two identical rows, each with the partners of the original. With
    positives="labels" classes are normalised by their weight (`Relation.from_labels`): weighted LDA. Neighbours are
    found first and weighted then, so rows that are actually repeated do differ: they are each other's neighbours. As
    usual in scikit-learn, ``set_fit_request(sample_weight=True)`` asks for weights where metadata are routed.

    `score` grows with every mode that is kept, so it compares classes of functions and ridges, not strengths of an
    objective: choose those by the task they serve, with a classifier at the end of the pipeline.

    Examples
    --------
    >>> import numpy as np, eigenpairs as ep
    >>> rng = np.random.default_rng(0)
    >>> source = rng.standard_normal((100, 5))
    >>> X = np.concatenate([source, source + 0.1 * rng.standard_normal((100, 5))])
    >>> est = ep.SpectralSSL(n_components=2).fit(X, groups=np.tile(np.arange(100), 2))
    >>> est.transform(X).shape
    (200, 2)
    """

    __metadata_request__fit = {"relation": True, "groups": True}  # noqa: RUF012 (read by scikit-learn by this name)
    __metadata_request__partial_fit = {"relation": True, "groups": True}  # noqa: RUF012
    # Pipeline.score offers every final step a sample_weight; None takes note of it and refuses an actual one.
    __metadata_request__score = {"relation": True, "groups": True, "sample_weight": None}  # noqa: RUF012

    def __init__(
        self,
        objective: Objective | None = None,
        features: Features | None = None,
        n_components: int | float | str = 64,
        positives: str = "neighbors",
        random_state: int | None = None,
    ):
        self.objective = objective
        self.features = features
        self.n_components = n_components
        self.positives = positives
        self.random_state = random_state

    def set_params(self, **params: Any) -> SpectralSSL:
        """Set parameters, nested ones by ``objective__invariance``; a None becomes the object it stands for."""
        for name, default in (("objective", VICReg), ("features", Linear)):
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and getattr(self, name) is None and name not in params:
                setattr(self, name, default())
        return super().set_params(**params)

    def fit(
        self, X: Any, y: Any = None, relation: Relation | None = None, groups: Any = None, sample_weight: Any = None
    ) -> SpectralSSL:
        """Solve for the optimum on the pairs of `relation`, else of `groups`, else as `positives` says.

        Parameters
        ----------
        X : (n_samples, n_features)
            Sparse as well with `Linear`.
        y : (n_samples,), optional
            Ignored unless positives="labels"; -1 marks an unlabelled row.
        relation : Relation, optional
            An explicit relation wins over everything else.
        groups : (n_samples,), optional
            Equal ids are positives, -1 is alone.
        sample_weight : (n_samples,), optional
            Finite, 0 or more; see Notes.
        """
        X, relation = self._checked(X, y, relation, groups, sample_weight, reset=True)
        wanted = self._modes_wanted()
        spec = spectrum(X, relation, self._features(), wanted, random_state=self.random_state or 0)
        spec.fitted = None  # an estimator does not hold on to its training data
        self._sums: PairSums | None = None
        return self._hold(self._embed(spec))

    def partial_fit(
        self, X: Any, y: Any = None, relation: Relation | None = None, groups: Any = None, sample_weight: Any = None
    ) -> SpectralSSL:
        """Add the pairs among a batch of rows and solve again: moments are sums, so nothing is forgotten.

        Partners must arrive in the same batch. A class of functions that depends on the data (its landmarks, say) is
        the one fitted to the first batch.
        """
        before: PairSums | None = getattr(self, "_sums", None)
        first = before is None
        X, relation = self._checked(X, y, relation, groups, sample_weight, reset=first)
        features = self._features()
        if features.ridge == "auto":
            raise ValueError(
                "features.ridge = 'auto' needs all rows at once to hold some out; give partial_fit a number"
            )
        feature_map = features.fitted(X) if first else self.spectrum_.modes[0].feature_map
        (batch,) = sums_of_rows(X, feature_map, relation)
        held = batch if before is None else before + batch
        n_samples = relation.n_samples + (0 if first else self.spectrum_.n_samples)
        wanted = self._modes_wanted()
        spec = spectrum_of_sums([held], features, feature_map, wanted, "pairs", n_samples)
        self._sums = held
        return self._hold(self._embed(spec))

    def transform(self, X: Any) -> Any:
        """(n, n_components_) embedding of rows X; float32 stays float32."""
        check_is_fitted(self)
        X = self._table(X, reset=False)
        return self.embedding_.transform(X)[:, self._constants :]

    def score(self, X: Any, y: Any = None, relation: Relation | None = None, groups: Any = None) -> float:
        """Sum over the kept modes of their correlation across the pairs of X: the convention of CCA."""
        check_is_fitted(self)
        X, relation = self._checked(X, y, relation, groups, None, reset=False)
        kept = np.flatnonzero(self.optimum_.gains > 0)
        modes = np.asarray(self.spectrum_.transform(X), dtype=np.float64)[:, kept]
        return float(pair_correlations(modes, relation).sum())

    def _checked(
        self, X: Any, y: Any, relation: Relation | None, groups: Any, sample_weight: Any, reset: bool
    ) -> tuple[Any, Relation]:
        X = self._table(X, reset, ensure_min_samples=2)
        if sample_weight is not None:
            sample_weight = row_weights(sample_weight, "sample_weight", X.shape[0])
        if relation is None and groups is None and one_of(self.positives, "positives", POSITIVES) == "labels":
            return X, self._classes(y, sample_weight, X.shape[0])
        relation = self._pairs(X, relation, groups)
        return X, relation if sample_weight is None else relation.weighted(sample_weight)

    def _table(self, X: Any, reset: bool, **checks: Any) -> Any:
        """X as scikit-learn takes it; sparse where the class of functions does."""
        if isinstance(X, Towers):
            raise TypeError(
                "X is a pair of towers, and an estimator takes one table; use ep.spectrum(X).embed(objective)"
            )
        accept_sparse = "csr" if self._features().takes_sparse else False
        return validate_data(
            self, X, dtype=[np.float64, np.float32], accept_sparse=accept_sparse, reset=reset, **checks
        )

    def _pairs(self, X: Any, relation: Relation | None, groups: Any) -> Relation:
        n = X.shape[0]
        if relation is not None:
            if a_relation(relation).n_samples != n:
                raise ValueError(f"relation has {relation.n_samples} rows and X has {n}; give one row per sample")
            return relation
        if groups is not None:
            relation = Relation.from_groups(groups)
            if relation.n_samples != n:
                raise ValueError(f"groups has {relation.n_samples} ids and X has {n} rows; give one id per row")
            return relation
        log.info("neither relation nor groups reached fit: positives are nearest neighbours")
        return Relation.from_neighbors(X, min(15, n - 1))

    @staticmethod
    def _classes(y: Any, sample_weight: np.ndarray | None, n_samples: int) -> Relation:
        if y is None:
            raise ValueError("positives='labels' requires y to be passed, but the target y is None")
        y = np.asarray(y)
        if len(y) != n_samples:
            raise ValueError(f"y has {len(y)} labels and X has {n_samples} rows; give one label per row")
        return Relation.from_labels(y, sample_weight)

    def _features(self) -> Features:
        features = an_instance(self.features or Linear(), Features, "features", "ep.Linear()")
        if isinstance(features, Free):
            raise ValueError(
                "features=Free() cannot transform new rows; use ep.spectrum(None, relation, features=ep.Free())"
            )
        return features

    def _embed(self, spec: Spectrum) -> Embedding:
        objective = an_instance(self.objective or VICReg(), Objective, "objective", "ep.VICReg()")
        if isinstance(self.n_components, (str, float)):
            return spec.embed(objective, self.n_components)
        # The constant column of an objective that does not centre is not passed on, so it comes on top.
        return spec.embed(objective, self.n_components + (0 if objective.centred else 1))

    def _modes_wanted(self) -> int:
        """A width by gains has to see them all."""
        if isinstance(self.n_components, (str, float)):
            return ALL_MODES
        return max(whole_number(self.n_components, "n_components", 1), MODES_KEPT)

    def _hold(self, embedding: Embedding, feature_names: list[str] | None = None) -> SpectralSSL:
        self.embedding_, self.spectrum_, self.optimum_ = embedding, embedding.spectrum, embedding.optimum
        self.n_components_ = self._n_features_out = embedding.n_components - self._constants
        self.n_features_in_ = embedding.spectrum.modes[0].feature_map.n_inputs
        if feature_names is not None:
            self.feature_names_in_ = np.asarray(feature_names, dtype=object)
        if isinstance(embedding.spectrum.features, Linear):
            self.mean_ = embedding.spectrum.mean
            self.components_ = embedding.components[self._constants :]
        return self

    @property
    def _constants(self) -> int:
        return int(self.optimum_.constant > 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = getattr(self.features or Linear(), "takes_sparse", False)
        tags.target_tags.required = self.positives == "labels"
        return tags
