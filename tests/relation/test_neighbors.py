"""Nearest neighbours: exact by default, counted where they are approximate, and never the row itself."""

import logging
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from support import require

from eigenpairs import Relation
from eigenpairs.relation import approximate

RNG = np.random.default_rng(0)


def test_neighbors_find_the_nearest_and_skip_the_row_itself():
    line = np.arange(10.0)[:, None]
    matrix = Relation.from_neighbors(line, k=2).to_sparse().toarray()
    assert (np.diag(matrix) == 0).all()
    assert matrix[4, 3] == matrix[4, 5] == 1.0, "mutual neighbours have weight 1"
    assert matrix[0, 2] == 0.5, "a one-sided neighbour has weight 1/2"
    for metric, columns in (("euclidean", 3), ("euclidean", 12), ("cosine", 3)):
        X = RNG.standard_normal((40, columns))
        i, j = Relation.from_neighbors(X, k=5, metric=metric).to_sparse().nonzero()
        unit = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else X
        distance = np.linalg.norm(unit[:, None] - unit[None], axis=2) + np.diag(np.full(40, np.inf))
        nearest = np.argsort(distance, axis=1)[:, :5]
        expected = {(a, b) for a in range(40) for b in nearest[a]} | {(b, a) for a in range(40) for b in nearest[a]}
        assert set(zip(i.tolist(), j.tolist(), strict=True)) == expected, f"{metric}, {columns} columns"


def test_neighbors_of_duplicates_are_never_the_row_itself():
    matrix = Relation.from_neighbors(np.zeros((30, 2)), k=4).to_sparse()
    assert matrix.diagonal().sum() == 0
    assert (Relation.from_neighbors(np.zeros((30, 12)), k=4).degrees > 0).all()


@pytest.mark.parametrize("method", ["auto", "faiss"])
class TestEveryMethod:
    @pytest.fixture(autouse=True)
    def has_faiss(self, method):
        if method == "faiss":
            require("faiss", "knn")

    @pytest.mark.parametrize("metric", ["euclidean", "cosine"])
    def test_few_rows_are_searched_exactly(self, method, metric):
        X = RNG.standard_normal((300, 12)) + 1e3
        G = Relation.from_neighbors(X, 5, metric, method)
        unit = X / np.linalg.norm(X, axis=1, keepdims=True)
        distance = np.linalg.norm(X[:, None] - X[None], axis=2) if metric == "euclidean" else 1 - unit @ unit.T
        nearest = np.argsort(distance + np.diag(np.full(300, np.inf)), axis=1)[:, :5]
        expected = np.zeros((300, 300))
        np.put_along_axis(expected, nearest, 0.5, axis=1)
        found = G.to_sparse().toarray()
        np.testing.assert_allclose(found, expected + expected.T, err_msg="not the nearest")
        assert G.recall == 1.0

    @pytest.mark.parametrize("metric", ["euclidean", "cosine"])
    def test_duplicates_are_each_others_neighbours_never_their_own(self, method, metric):
        X = np.repeat(RNG.standard_normal((4, 12)), 10, axis=0)
        matrix = Relation.from_neighbors(X, 4, metric, method).to_sparse().toarray()
        assert np.trace(matrix) == 0, "a row is its own neighbour"
        copies = np.arange(40)[:, None] // 10 == np.arange(40) // 10
        assert (matrix[~copies] == 0).all() and (matrix.sum(axis=1) >= 2).all(), "a copy was passed over"

    def test_rows_of_zeros_have_a_cosine(self, method):
        """It is 0 with every other row: nearer than a row in the opposite direction, farther than one in the same."""
        X = np.array([[1.0, 0.1], [1.0, 0.2], [0.0, 0.0], [-1.0, -0.1], [-1.0, -0.2]])
        matrix = Relation.from_neighbors(X, 2, "cosine", method).to_sparse().toarray()
        assert (matrix[[0, 1, 3, 4], [1, 0, 4, 3]] == 1).all() and (matrix[2, [0, 1, 3, 4]] >= 0.5).all()
        assert (matrix[:2, 3:] == 0).all()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nan_and_inf_are_named(self, method, value):
        for columns in (2, 12):
            X = np.zeros((30, columns))
            X[7, 1] = value
            with pytest.raises(ValueError, match=rf"X\[7, 1\] = {value}"):
                Relation.from_neighbors(X, 3, method=method)


class TestManyRows:
    """Beyond EXACT_ROWS faiss searches some cells only."""

    @pytest.fixture
    def X(self, monkeypatch):
        require("faiss", "knn")
        monkeypatch.setattr(approximate, "EXACT_ROWS", 1000)
        rng = np.random.default_rng(0)
        return np.tanh(rng.standard_normal((6000, 3)) @ rng.standard_normal((3, 16)))

    @pytest.mark.parametrize("metric", ["euclidean", "cosine"])
    def test_recall_is_measured_and_told(self, X, metric, caplog):
        with caplog.at_level(logging.INFO, logger="eigenpairs"):
            G = Relation.from_neighbors(X, 10, metric, "faiss")
        exact = Relation.from_neighbors(X, 10, metric).to_sparse() > 0
        found = exact.multiply(G.to_sparse() > 0).sum() / exact.sum()
        assert found == pytest.approx(G.recall, abs=0.05), "the estimate is far from the truth"
        assert 0.9 < G.recall <= 1 and f"recall {G.recall:.3f}" in caplog.text

    def test_the_seed_decides(self, X):
        first, second = (Relation.from_neighbors(X, 10, method="faiss", random_state=3).to_sparse() for _ in range(2))
        assert (first != second).nnz == 0, "the same seed found other neighbours"

    def test_low_recall_warns(self, X):
        hard = np.random.default_rng(0).standard_normal((6000, 40))  # no structure: cells are no help
        with pytest.warns(UserWarning, match=r"recall = 0\..*method='auto' finds all"):
            G = Relation.from_neighbors(hard, 10, method="faiss")
        assert G.recall < 0.9

    def test_copies_in_many_rows(self, X):
        copies = np.repeat(X[:60], 100, axis=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # any copy is as near as any other, so recall is perfect
            G = Relation.from_neighbors(copies, 10, method="faiss")
        assert G.diagonal.sum() == 0 and G.recall == 1.0


class TestRecall:
    def test_belongs_to_the_search_alone(self):
        G = Relation.from_neighbors(RNG.standard_normal((20, 3)), 3)
        assert G.recall == 1.0
        assert Relation.from_views(3, 2).recall is None
        assert (2 * G).recall is None and G[:10].recall is None and (G + G).recall is None


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("columns", [4, 30])
def test_sparse_rows_have_the_neighbours_of_dense_ones(metric, columns):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, columns))
    if columns > 4:  # fewer would leave ties
        X[40:] *= rng.random((40, columns)) < 0.6
    if metric == "cosine":
        X[:2] *= 1e200
        X[10:12] = 0.0  # each other's neighbours
    dense, sparse = (Relation.from_neighbors(rows, 1, metric).to_sparse() for rows in (X, sp.coo_array(X)))
    assert (dense != sparse).nnz == 0
    with pytest.raises(TypeError, match=r"X is a sparse matrix.*pass X.toarray\(\)"):
        Relation.from_neighbors(sp.csr_array(X), 3, metric, "faiss")
    X[5, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[5, 1\] = nan"):
        Relation.from_neighbors(sp.csr_array(X), 3, metric)


class TestBadInput:
    def test_unknown_method(self):
        with pytest.raises(ValueError, match="method = 'annoy' is unknown; choose from 'auto', 'faiss'"):
            Relation.from_neighbors(np.zeros((5, 2)), 2, method="annoy")

    def test_unknown_metric_of_faiss(self):
        with pytest.raises(ValueError, match=r"metric = 'manhattan'.*'euclidean', 'cosine'.*method = 'auto'"):
            Relation.from_neighbors(np.zeros((5, 2)), 2, "manhattan", "faiss")

    def test_missing_faiss(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "faiss", None)
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'eigenpairs\[knn\]' \(or pip install faiss-cpu\)"):
            Relation.from_neighbors(np.zeros((5, 2)), 2, method="faiss")
