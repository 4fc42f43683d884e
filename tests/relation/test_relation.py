"""Every relation is a symmetric non-negative matrix that is applied and never materialised."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

from eigenpairs import Relation

RNG = np.random.default_rng(0)
WEIGHTS = np.array([1.0, 0.3, 2.0, 0.0, 1.0, 1.7, 0.0, 5.0, 0.1, 1.0, 2.5, 3.0])


def edges_with_self_pairs_dropped(i, j, weight, n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning about self-pairs has a test of its own
        return Relation.from_edges(i, j, weight, n_samples=n)


MAKERS = {
    "views": lambda: Relation.from_views(6, 2),
    "three views": lambda: Relation.from_views(4, 3),
    "groups": lambda: Relation.from_groups([0, 3, 3, 0, 7, -1, 3, 9, 0, 9, 9, 9]),
    "text groups": lambda: Relation.from_groups(["a", "b", "b", "a", "", "c", "c", "c", "a", "d", "d", "e"]),
    "labels": lambda: Relation.from_labels([0, 1, 1, 0, -1, 2, 2, 2, 0, 1, 0, 5]),
    "edges": lambda: Relation.from_edges([0, 1, 2, 2, 9], [3, 2, 5, 1, 10], [1.0, 0.5, 2, 1, 3], n_samples=12),
    "neighbors": lambda: Relation.from_neighbors(np.random.default_rng(1).standard_normal((12, 3)), k=3),
    "sum": lambda: 0.5 * Relation.from_views(6, 2) + Relation.from_labels(np.arange(12) % 3) * 2,
    "sum with edges": lambda: Relation.from_groups(np.arange(12) // 2) + Relation.from_edges([0], [11]),
    "indexed": lambda: Relation.from_groups(np.arange(20) // 4)[[0, 1, 2, 5, 19, 9, 8, 11, 12, 13, 4, 3]],
    "sequence": lambda: Relation.from_sequence(12, 2, groups=[0, 0, 1, 0, 1, 1, 0, -1, 2, 2, 0, 1]),
    "between": lambda: Relation.between([0, 0, 1, 3], [0, 1, 1, 6], [1.0, 2, 0.5, 3], shape=(5, 7)),
    "between, one to one": lambda: Relation.between(np.arange(6), np.arange(6)),
    "weighted views": lambda: Relation.from_views(6, 2).weighted(WEIGHTS),
    "weighted three views": lambda: Relation.from_views(4, 3).weighted(WEIGHTS),
    "weighted groups": lambda: Relation.from_groups([0, 3, 3, 0, 7, -1, 3, 9, 0, 9, 9, 9]).weighted(WEIGHTS),
    "weighted labels": lambda: Relation.from_labels([0, 1, 1, 0, -1, 2, 2, 2, 0, 1, 0, 5]).weighted(WEIGHTS),
    "labels of weights": lambda: Relation.from_labels([0, 1, 1, 0, -1, 2, 2, 2, 0, 1, 0, 5], WEIGHTS),
    "weighted edges": lambda: Relation.from_edges([0, 1, 2, 2, 9], [4, 2, 5, 1, 10], n_samples=12).weighted(WEIGHTS),
    "weighted sum": lambda: (0.5 * Relation.from_views(6, 2) + Relation.from_labels(np.arange(12) % 3)).weighted(
        WEIGHTS
    ),
    "weighted, indexed": lambda: Relation.from_groups(np.arange(12) // 4).weighted(WEIGHTS)[np.arange(12)[::-1]],
    "weighted bootstrap": lambda: Relation.from_groups(np.arange(12) // 4).weighted(WEIGHTS)[np.arange(12) // 2 * 2],
    "bootstrap": lambda: Relation.from_views(8, 2)[[0, 0, 8, 8, 3, 11, 3, 4, 12, 12, 7, 6]],
}


@pytest.fixture(params=MAKERS)
def G(request):
    return MAKERS[request.param]()


class TestContract:
    def test_matrix_is_symmetric_and_non_negative(self, G):
        matrix = G.to_sparse().toarray()
        assert matrix.shape == G.shape == (12, 12) and len(G) == G.n_samples == 12
        assert np.array_equal(matrix, matrix.T), "G is not symmetric"
        assert (matrix >= 0).all(), "G has a negative weight"

    def test_apply_equals_the_matrix(self, G):
        B = RNG.standard_normal((12, 3))
        np.testing.assert_allclose(G @ B, G.to_sparse() @ B, atol=1e-13, err_msg="G @ B differs from the matrix")
        np.testing.assert_allclose(G @ B[:, 0], (G @ B)[:, 0], err_msg="a vector is not applied as a column")
        assert (G @ B.astype(np.float32)).dtype == np.float32, "the dtype is not kept"

    def test_degrees_are_row_sums(self, G):
        np.testing.assert_allclose(G.degrees, G.to_sparse().sum(axis=1), atol=1e-13)
        assert G.total == pytest.approx(G.to_sparse().sum())

    def test_dirichlet_identity(self, G):
        Z = RNG.standard_normal((12, 4))
        matrix = G.to_sparse().toarray()
        pairs = ((Z[:, None] - Z[None]) ** 2).sum(axis=2)
        laplacian = np.diag(matrix.sum(axis=1)) - matrix
        np.testing.assert_allclose(G.dirichlet(Z), np.sum(matrix * pairs), err_msg="not sum_ij G_ij |z_i - z_j|^2")
        np.testing.assert_allclose(G.dirichlet(Z), 2 * np.trace(Z.T @ laplacian @ Z), err_msg="not 2 tr(Z^T L Z)")

    def test_torch_agrees_and_differentiates(self, G):
        torch = require("torch", "deep")
        Z = RNG.standard_normal((12, 4))
        tensor = torch.tensor(Z, requires_grad=True)
        np.testing.assert_allclose((G @ tensor).detach().numpy(), G @ Z, atol=1e-13)
        energy = G.dirichlet(tensor)
        energy.backward()
        matrix = G.to_sparse().toarray()
        laplacian = np.diag(matrix.sum(axis=1)) - matrix
        np.testing.assert_allclose(tensor.grad, 4 * laplacian @ Z, atol=1e-12, err_msg="gradient is not 4 L Z")

    def test_indexing_is_the_submatrix(self, G):
        matrix = G.to_sparse().toarray()
        mask = np.arange(12) % 3 > 0
        for rows in ([3, 1, 8, 9, 0], mask, slice(2, 9), [5, 5, 2, 3, 2]):
            index = np.arange(12)[rows]
            np.testing.assert_allclose(G[rows].to_sparse().toarray(), matrix[np.ix_(index, index)], err_msg=str(rows))
            np.testing.assert_allclose(G[rows, ...].degrees, matrix[np.ix_(index, index)].sum(axis=1))

    def test_samples_are_drawn_in_proportion(self, G):
        pairs = G.sample(0, 40_000)
        assert pairs.shape == (40_000, 2) and pairs.dtype == np.int64
        counts = np.zeros((12, 12))
        np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
        expected = G.to_sparse().toarray() / G.total
        assert (counts[expected == 0] == 0).all(), "a pair outside G was drawn"
        error = np.abs(counts / 40_000 - expected) / np.sqrt(np.maximum(expected, 1e-9) / 40_000)
        assert error.max() < 5, "frequencies are more than five standard errors from G"
        np.testing.assert_array_equal(pairs, G.sample(0, 40_000), err_msg="the same seed gave other pairs")

    def test_components_are_those_of_the_matrix(self, G):
        from scipy.sparse.csgraph import connected_components

        expected = connected_components(G.to_sparse(), directed=False)[1]
        isolated = G.degrees == 0
        assert (G.components[isolated] == -1).all(), "isolated rows are marked -1"
        same = expected[:, None] == expected[None]
        found = G.components[:, None] == G.components[None]
        alive = ~isolated
        np.testing.assert_array_equal(found[alive][:, alive], same[alive][:, alive])

    def test_scaling_and_adding_are_linear(self, G):
        matrix = G.to_sparse().toarray()
        np.testing.assert_allclose((2 * G + G * np.float64(0.5)).to_sparse().toarray(), 2.5 * matrix)
        np.testing.assert_allclose(sum([G, G]).degrees, 2 * G.degrees)

    def test_diagonal_is_that_of_the_matrix(self, G):
        np.testing.assert_allclose(G.diagonal, G.to_sparse().diagonal(), atol=1e-15)

    def test_weights_scale_rows_and_columns(self, G):
        w = RNG.permutation(WEIGHTS)
        scaled = np.diag(w) @ G.to_sparse().toarray() @ np.diag(w)
        np.testing.assert_allclose(G.weighted(w).to_sparse().toarray(), scaled, err_msg="not diag(w) G diag(w)")
        np.testing.assert_allclose(G.weighted(w) @ np.eye(12), scaled, atol=1e-13)
        np.testing.assert_allclose(G.weighted(w).weighted(WEIGHTS).degrees, WEIGHTS * (scaled @ WEIGHTS), atol=1e-13)
        np.testing.assert_allclose(G.weighted(np.full(12, 3.0)).degrees, 9 * G.degrees, err_msg="equal weights")

    def test_whole_weights_stand_for_repeated_rows(self, G):
        counts = RNG.permutation([0, 1, 1, 2, 3, 0, 1, 2, 1, 1, 4, 1])
        rows, Z = np.repeat(np.arange(12), counts), RNG.standard_normal((12, 3))
        weighted, repeated = G.weighted(counts), G[rows]
        np.testing.assert_allclose(weighted.dirichlet(Z), repeated.dirichlet(Z[rows]), atol=1e-12)
        np.testing.assert_allclose(weighted.degrees, np.bincount(rows, repeated.degrees, 12), atol=1e-12)

    def test_rows_of_weight_zero_are_dropped(self, G):
        kept = np.arange(12) % 4 > 0
        weighted = G.weighted(kept)
        np.testing.assert_allclose(weighted[kept].to_sparse().toarray(), G[kept].to_sparse().toarray())
        assert weighted.degrees[~kept].sum() == 0
        np.testing.assert_array_equal(weighted.components[kept], G[kept].components, err_msg="a dropped row connects")

    def test_pickles(self, G):
        import pickle

        np.testing.assert_array_equal(pickle.loads(pickle.dumps(G)).degrees, G.degrees)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 6), min_size=2, max_size=40))
def test_groups_equal_the_materialised_matrix(ids):
    ids = np.array(ids)
    expected = (ids[:, None] == ids[None]) & (ids[:, None] >= 0) & ~np.eye(len(ids), dtype=bool)
    if not expected.any():
        with pytest.raises(ValueError, match="no id that occurs twice"):
            Relation.from_groups(ids)
        return
    sizes = np.maximum(expected.sum(axis=1), 1)
    G = Relation.from_groups(ids)
    np.testing.assert_allclose(G.to_sparse().toarray(), expected / sizes[:, None])
    assert set(np.unique(G.degrees.round(12))) <= {0.0, 1.0}, "a row with a partner has another degree than 1"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.floats(0.01, 5)), min_size=1, max_size=30))
def test_edges_add_up_in_any_order_and_direction(pairs):
    i, j, w = (np.array(column) for column in zip(*pairs, strict=True))
    if (i == j).all():
        return
    expected = np.zeros((8, 8))
    np.add.at(expected, (i, j), w)
    expected = expected + expected.T
    np.fill_diagonal(expected, 0)
    flip = np.random.default_rng(0).random(len(i)) < 0.5
    for a, b in ((i, j), (np.where(flip, j, i), np.where(flip, i, j))):
        G = edges_with_self_pairs_dropped(a, b, w, 8)
        np.testing.assert_allclose(G.to_sparse().toarray(), expected)


def test_views_are_groups_of_tiled_ids():
    views, groups = Relation.from_views(5, 3), Relation.from_groups(np.tile(np.arange(5), 3))
    np.testing.assert_allclose(views.to_sparse().toarray(), groups.to_sparse().toarray())
    assert views.n_views == 3 and groups.n_views is None


def test_labels_are_a_projection():
    P = Relation.from_labels([2, 0, 0, 2, 2, 1]).to_sparse().toarray()
    np.testing.assert_allclose(P @ P, P, atol=1e-15, err_msg="the class relation is not a projection")
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_labels_may_be_true_and_false_and_neighbours_of_a_list():
    assert Relation.from_labels([True, False, True]).to_sparse()[0, 2] == 0.5
    assert Relation.from_neighbors([[0.0], [1.0], [5.0]], k=1).n_samples == 3


def test_large_groups_are_not_materialised():
    G = Relation.from_labels(np.zeros(200_000, dtype=int))
    np.testing.assert_allclose(G @ np.ones((200_000, 1)), 1)
    assert G.components.max() == 0


class TestBadInput:
    """The message names the argument, the first offending place, and what to do."""

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Relation.from_groups([0, 1, 2]), "no id that occurs twice"),
            (lambda: Relation.from_groups([0, 0, -5]), r"ids\[2\] = -5"),
            (lambda: Relation.from_groups([[0, 0]]), r"shape \(1, 2\)"),
            (lambda: Relation.from_groups([0.0, np.nan]), r"ids\[1\] = nan"),
            (lambda: Relation.from_groups([]), "ids is empty"),
            (lambda: Relation.from_labels([-1, -1]), "no labelled row"),
            (lambda: Relation.from_views(5, 1), "n_views = 1 is too small"),
            (lambda: Relation.from_edges([0, 1], [1, 9], n_samples=5), r"j\[1\] = 9 is out of range.*n_samples = 5"),
            (lambda: Relation.from_edges([0, -1], [1, 2]), r"i\[1\] = -1"),
            (lambda: Relation.from_edges([0, 1], [1]), "i has 2 entries and j has 1"),
            (lambda: Relation.from_edges([0], [1], [-2.0]), r"weight\[0\] = -2.0"),
            (lambda: Relation.from_edges([0, 1], [1, 2], [1.0, np.nan]), r"weight\[1\] = nan"),
            (lambda: Relation.from_edges([0, 1], [1, 2], [1.0]), r"weight has shape \(1,\)"),
            (lambda: Relation.from_edges([2], [2]), "no pair of two different rows"),
            (lambda: Relation.from_edges([], []), "no pair of two different rows"),
            (lambda: Relation.from_edges([0.5], [1]), r"i\[0\] = 0.5 is not a whole number"),
            (lambda: Relation.from_neighbors(np.zeros((5, 2)), k=5), "need more than 5 rows"),
            (lambda: Relation.from_views(2, 2) + Relation.from_views(3, 2), "have 4 and 6 rows"),
            (lambda: -1 * Relation.from_views(2, 2), "factor of a relation = -1"),
            (lambda: Relation.from_views(2, 2) @ np.zeros((3, 1)), "B has 3 rows, the relation has 4"),
            (lambda: Relation.from_views(3, 2)[[0, 1]].sample(0, 1), "no pair among its rows"),
            (lambda: Relation.from_views(2, 2).weighted([1, 1, -1, 1]), r"w\[2\] = -1.0 is not allowed"),
            (lambda: Relation.from_views(2, 2).weighted([1, np.nan, 1, 1]), r"w\[1\] = nan"),
            (lambda: Relation.from_views(2, 2).weighted([1, 1]), r"w has shape \(2,\).*shape \(4,\)"),
            (lambda: Relation.from_views(2, 2).weighted(np.zeros(4)), "w: every weight is zero"),
            (lambda: Relation.from_views(2, 2).weighted([1, 1, 1e200, 1]), "make sum.G. infinite"),
            (lambda: Relation.from_labels([0, 0], [1, -1]), r"weight\[1\] = -1.0"),
            (lambda: Relation.from_sequence(1), "n = 1 is too small"),
            (lambda: Relation.from_sequence(5, 0), "window = 0 is too small"),
            (lambda: Relation.from_sequence(3, groups=[0, 0]), "groups has 2 ids and n = 3"),
            (lambda: Relation.from_sequence(3, groups=[0, 1, -1]), "groups holds no id that occurs twice"),
            (lambda: Relation.between([0, 1], [0]), "i has 2 entries and j has 1"),
            (lambda: Relation.between([0, 5], [0, 1], shape=(5, 2)), r"i\[1\] = 5 is out of range"),
            (lambda: Relation.between([0, 1], [0, 2], shape=(5, 2)), r"j\[1\] = 2 is out of range"),
            (lambda: Relation.between([0], [0], shape=3), "shape = 3 is not a pair"),
            (lambda: Relation.between([0], [0], shape=(1, 0)), r"shape\[1\] = 0 is too small"),
            (lambda: Relation.between([], []), "no pair of two different rows"),
            (lambda: Relation.between([0], [0], [0.0]), "no pair of two different rows with positive weight"),
        ],
    )
    def test_value_errors(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    def test_type_errors(self):
        with pytest.raises(TypeError, match=r"n_sources = 2\.5"):
            Relation.from_views(2.5, 2)
        with pytest.raises(TypeError, match="boolean"):
            Relation.from_groups([True, False])

    def test_self_pairs_are_counted(self):
        with pytest.warns(UserWarning, match="dropped 2 self-pair"):
            G = Relation.from_edges([0, 1, 2], [1, 1, 2])
        assert G.total == 2
