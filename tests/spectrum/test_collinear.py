"""Nearly collinear columns: the rows know their difference, though sums of squares do not."""

import numpy as np
import pytest
import scipy.sparse as sp

import eigenpairs as ep
from eigenpairs.spectrum import solve, two_towers

N = 400
G = ep.Relation.from_views(N, 2)


def rows(spread, mean=0.0):
    """Five columns, the second being the first plus a little of the third of `plain`; and `plain` of the same span."""
    rng = np.random.default_rng(0)
    source = rng.standard_normal((N, 5))
    plain = np.concatenate([source + 0.5 * rng.standard_normal((N, 5)) for _ in range(2)])
    X = plain.copy()
    X[:, 1] = X[:, 0] + spread * plain[:, 1]
    return X + mean, plain


def spread_from_white(Z):
    return np.abs(np.cov(Z.T, bias=True) - np.eye(Z.shape[1])).max()


@pytest.mark.parametrize("spread", [1e-3, 1e-5, 1e-6, 1e-7])
@pytest.mark.parametrize(("make", "mean"), [(np.asarray, 0.0), (np.asarray, 1e3), (sp.csr_array, 0.0)])
def test_modes_are_white_and_rho_is_that_of_the_span(spread, make, mean):
    X, plain = rows(spread, mean)
    spec = ep.spectrum(make(X), G)
    Z = spec.transform()
    assert spread_from_white(Z) < 1e-8, "E[phi phi^T] is not I"
    np.testing.assert_allclose(spec.rho, ep.spectrum(plain, G).rho, atol=1e-7)
    np.testing.assert_allclose(spec.heldout(None, G), spec.rho, atol=1e-7)


@pytest.mark.parametrize("spread", [1e-3, 1e-6, 1e-7])
def test_towers(spread):
    X, plain = rows(spread)
    for make in (np.asarray, sp.csr_array):
        spec = ep.spectrum(ep.Towers(make(X[:N]), plain[N:]))
        assert max(spread_from_white(part) for part in np.split(spec.transform(), 2)) < 1e-8
        expected = ep.spectrum(ep.Towers(plain[:N], plain[N:])).rho
        np.testing.assert_allclose(spec.rho, expected, atol=1e-7)


def test_only_delicate_columns_are_read_twice(monkeypatch):
    read = []

    def counted(sums, name):
        def count(*args, **kwargs):
            read.append(name)
            return sums(*args, **kwargs)

        return count

    monkeypatch.setattr(solve, "pair_sums", counted(solve.pair_sums, "rows"))
    monkeypatch.setattr(two_towers, "cross_sums", counted(two_towers.cross_sums, "towers"))
    X, plain = rows(1e-7)
    collinear = np.column_stack([plain, plain @ np.ones(5), np.ones(2 * N)])
    for table, features, times in (
        (plain, ep.Linear(), 1),
        (collinear, ep.Linear(), 1),
        (plain[:, :1].repeat(900, axis=1) + plain @ np.eye(5, 900), ep.Linear(), 1),
        (X, ep.Linear(0.1), 1),
        (X, ep.Linear(), 2),
    ):
        read.clear()
        ep.spectrum(table, G, features)
        ep.spectrum(ep.Towers(table[:N], table[N:]), features=features)
        assert read == ["rows"] * times + ["towers"] * times, f"{table.shape}, {features}"


def test_directions_of_rounding_do_not_return_in_the_second_reading():
    """Four rows of four columns have three directions; a fourth that rounding let in must not disturb them."""
    rng = np.random.default_rng(2463)
    i, j = rng.integers(0, 9, (2, 27))
    weight = rng.exponential(size=27)
    shared = rng.standard_normal((9, 1))
    X_a, X_b = rng.standard_normal((9, 5)) + shared, rng.standard_normal((5, 4)) - shared[:5]
    relation = ep.Relation.between(i, j % 5, weight, shape=(9, 5))
    spec = ep.spectrum(ep.Towers(X_a, X_b), relation, n_components=9)
    phi, pi = spec.transform(), relation.degrees / relation.total
    np.testing.assert_allclose((phi * pi[:, None]).T @ phi, np.eye(3), atol=1e-9)
