"""Rows in white coordinates of a class: as many as there are directions."""

import numpy as np
import pytest

from eigenpairs.advise.class_rows import ClassRows
from eigenpairs.features.linear import LinearMap


@pytest.mark.parametrize("seed", [270, 472, 511])
def test_a_direction_of_rounding_is_none(seed):
    """Three directions in four columns: rounding gives these a fourth, just above the rank rule."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 12))
    X = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 3)) + rng.standard_normal(3)
    rows = ClassRows.white(X @ rng.standard_normal((3, 4)), LinearMap(4))
    assert rows.dimension == 3, "rounding counts as a direction"
    z = rows.values(np.eye(3))
    np.testing.assert_allclose(z.T @ z / n, np.eye(3), atol=1e-9, err_msg="coordinates are not white")
