"""Sequences and pairs between towers equal their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenpairs import Relation


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 3), min_size=2, max_size=25), st.integers(1, 30))
def test_sequences_equal_their_definition(ids, window):
    """Interleaved recordings, rows of none, and windows longer than a recording."""
    ids = np.array(ids)
    step = np.array([np.sum(ids[:t] == ids[t]) for t in range(len(ids))])  # the row's place in its recording
    together = (ids[:, None] == ids) & (ids >= 0) & ~np.eye(len(ids), dtype=bool)
    expected = together & (np.abs(step[:, None] - step) <= window)
    if not expected.any():
        with pytest.raises(ValueError, match="no id that occurs twice"):
            Relation.from_sequence(len(ids), window, ids)
        return
    np.testing.assert_array_equal(Relation.from_sequence(len(ids), window, ids).to_sparse().toarray(), expected)


def test_one_sequence_is_a_band():
    band = np.abs(np.subtract.outer(np.arange(7), np.arange(7)))
    np.testing.assert_array_equal(Relation.from_sequence(7, 2).to_sparse().toarray(), (band > 0) & (band <= 2))
    np.testing.assert_array_equal(Relation.from_sequence(7, 99).to_sparse().toarray(), band > 0)
    texts = Relation.from_sequence(4, groups=["a", "b", "a", ""])
    np.testing.assert_array_equal(np.transpose(texts.to_sparse().nonzero()), [[0, 2], [2, 0]])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.floats(0.01, 5)), min_size=1, max_size=20))
def test_between_is_the_bipartite_matrix_and_duplicates_add(pairs):
    i, j, weight = (np.array(column) for column in zip(*pairs, strict=True))
    W = np.zeros((5, 7))
    np.add.at(W, (i, j), weight)
    G = Relation.between(i, j, weight, shape=(5, 7))
    expected = np.block([[np.zeros((5, 5)), W], [W.T, np.zeros((7, 7))]])
    np.testing.assert_allclose(G.to_sparse().toarray(), expected, err_msg="not [[0, W], [W^T, 0]]")
    assert G.towers == (5, 7)


def test_towers_are_as_long_as_their_pairs_need():
    assert Relation.between([0, 2], [4, 1]).towers == (3, 5)


def test_one_to_one_is_two_views():
    rows = np.arange(5)
    G, edges = Relation.between(rows, rows), Relation.between(rows, rows, np.ones(5))
    assert G.n_views == 2 and edges.n_views is None, "one to one is applied by a reshape"
    np.testing.assert_array_equal(G.to_sparse().toarray(), edges.to_sparse().toarray())
    np.testing.assert_array_equal(G.tower, edges.tower)
    assert Relation.between(rows, rows, shape=(5, 6)).n_views is None, "a row of the second tower is left over"
    assert Relation.between(rows, rows[::-1]).n_views is None


class TestTowers:
    G = Relation.between([0, 0, 1], [0, 1, 2], shape=(2, 3))

    def test_are_kept_by_what_keeps_the_rows(self):
        assert (3 * self.G).towers == (2, 3)
        assert self.G.weighted([1, 2, 3, 4, 5]).towers == self.G.weighted(np.ones(5)).towers == (2, 3)
        assert (self.G + Relation.from_sequence(5)).towers == (Relation.from_sequence(5) + self.G).towers == (2, 3)
        assert sum([self.G, self.G]).towers == (2, 3)
        assert Relation.from_sequence(5).towers is None

    def test_follow_the_rows_when_indexed(self):
        np.testing.assert_array_equal(self.G[[4, 0, 3]].tower, [1, 0, 1])
        assert self.G[[4, 0, 3]].towers == (1, 2)
        assert "2 and 3 rows" in repr(self.G)

    def test_of_other_lengths_do_not_add(self):
        with pytest.raises(ValueError, match=r"between towers of \(2, 3\) and \(3, 2\)"):
            self.G + Relation.between([0], [0], shape=(3, 2))


def test_only_labels_are_their_own_positives():
    labels = Relation.from_labels([0, 0, 1, -1])
    np.testing.assert_array_equal(labels.diagonal, [0.5, 0.5, 1, 0])
    np.testing.assert_array_equal((2 * labels + Relation.from_views(2, 2)).diagonal, [1, 1, 2, 0])
    np.testing.assert_array_equal(labels[[0, 0, 1]].diagonal, [0.5, 0.5, 0.5], err_msg="copies of a row")
    assert Relation.from_groups([0, 0, 1, 1])[[0, 0, 1]].diagonal.sum() == 0


def test_weights_of_labels_make_degrees():
    w = np.array([1.0, 2.0, 0.5, 0.0, 3.0])
    G = Relation.from_labels([0, 1, 0, 1, -1], w)
    np.testing.assert_allclose(G.degrees, [1, 2, 0.5, 0, 0], err_msg="the degree is not the weight")
    np.testing.assert_allclose(
        Relation.from_labels([0, 1, 0, 1], [2, 1, 1, 0]).total, Relation.from_labels([0, 0, 1, 0]).total
    )
