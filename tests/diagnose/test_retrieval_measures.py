"""Recall at k and mean reciprocal rank against their definitions."""

import numpy as np
import pytest

from eigenpairs.diagnose import mean_reciprocal_rank, recall_at_k


def test_definitions_on_random_rankings():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.permutation(20)[:8] for _ in range(50)])
    wanted = rng.integers(0, 20, 50)
    ranks = [list(row).index(w) + 1 if w in row else np.inf for row, w in zip(rows, wanted, strict=True)]
    for k in (1, 3, 8):
        assert recall_at_k(rows, wanted, k) == pytest.approx(np.mean(np.array(ranks) <= k))
    assert mean_reciprocal_rank(rows, wanted) == pytest.approx(np.mean(1 / np.array(ranks)))


def test_any_row_with_the_wanted_id_counts():
    rows, bank_ids = [[4, 0, 1], [2, 3, 0]], ["cat", "cat", "dog", "dog", "bird"]
    assert recall_at_k(rows, ["cat", "bird"], 1, bank_ids) == 0.0
    assert recall_at_k(rows, ["cat", "dog"], 2, bank_ids) == 1.0
    assert mean_reciprocal_rank(rows, ["cat", "dog"], bank_ids) == 0.75


def test_bounds_and_errors():
    assert recall_at_k([[0], [1]], [0, 1]) == mean_reciprocal_rank([[0], [1]], [0, 1]) == 1.0
    with pytest.raises(ValueError, match="k = 3, but rows holds 2"):
        recall_at_k([[0, 1]], [0], 3)
    with pytest.raises(ValueError, match="wanted has shape"):
        recall_at_k([[0, 1]], [0, 1])
    with pytest.raises(ValueError, match="rows has shape"):
        mean_reciprocal_rank([0, 1], [0, 1])
