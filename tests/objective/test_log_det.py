"""Log-determinant objectives: the definition, an independent solver, and the end of the scale."""

import numpy as np
import pytest
from scipy.optimize import minimize
from support import rows_with_correlations, spectra

import eigenpairs as ep

TIGHT = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000}


def test_loss_is_the_definition():
    rng = np.random.default_rng(0)
    Z, G = rng.standard_normal((40, 5)), ep.Relation.from_views(20, 2)
    covariance = np.cov(Z.T, bias=True)
    expected = -np.log(np.linalg.det(covariance + 0.2 * np.eye(5))) + 3 * np.mean(
        np.sum((Z[:20] - Z[20:]) ** 2, axis=1)
    )
    assert float(ep.LogDet(invariance=3.0, eps=0.2).loss(Z, G)) == pytest.approx(expected)


@pytest.mark.parametrize("invariance", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("eps", [1e-3, 0.5])
def test_agrees_with_an_independent_solver(invariance, eps):
    objective = ep.LogDet(invariance, eps)
    for rho in spectra(seed=1, count=20, modes=8):
        rho = np.minimum(rho, 0.999)

        def value(b, rho=rho):
            cost = 2 * invariance * (1 - rho)
            return np.sum(-np.log(b + eps) + cost * b), cost - 1 / (b + eps)

        found = minimize(value, np.ones(8), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 8, options=TIGHT)
        best = objective.optimum(rho)
        assert best.exact and best.loss <= found.fun + 1e-9, f"the solver is better by {best.loss - found.fun}"
        assert best.loss == pytest.approx(found.fun, abs=1e-6)


def test_perfect_invariance_is_said_to_be_unbounded():
    best = ep.LogDet().optimum([1.0, 0.5])
    assert not best.exact and best.lower_bound == -np.inf and "unbounded" in best.note
    assert best.gains[0] == pytest.approx(0.5e6, rel=1e-3)
    X, G = rows_with_correlations([1.0, 0.5])
    embedded = ep.spectrum(X, G).embed(ep.LogDet(), 2)
    assert not embedded.optimum.exact, "attaining a value of -inf is no proof"


def test_limits():
    assert ep.LogDet(1.0, eps=10.0).gains([0.9, 0.1]).tolist() == [0.0, 0.0], "a large eps makes volume worthless"
    weak, strong = (ep.LogDet(g).gains([0.9, 0.1]) for g in (0.1, 10.0))
    assert (weak > strong).all(), "more invariance must shrink what is not invariant"
