"""DirectSet: where the dynamics ends, by integrating it."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import eigenpairs as ep

ALPHAS = (0.5, 1.0, 2.0)


def end_of(rate, start, time=2e4):
    """Where x' = rate(x) goes from `start`, to a relative 1e-9 or so."""
    return solve_ivp(lambda _, x: rate(x), (0, time), start, method="LSODA", rtol=1e-11, atol=1e-14).y[:, -1]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("eps", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("eta", [4e-4, 0.04])
def test_limit_of_the_analysed_model(alpha, eps, eta):
    """w' = w (-p^2 + p rho - eta), p = (w^2)^alpha + eps, from a start that is not small."""
    rho = np.array([0.95, 0.8, 0.6, 0.45, 0.32, 0.2, -0.1])
    gains = ep.DirectSet(alpha, eta, eps, norm="none", criterion="l2").optimum(rho).gains

    def rate(w):
        p = (w**2) ** alpha + eps
        return w * (-(p**2) + p * rho - eta)

    found = end_of(rate, np.full(len(rho), 0.9)) ** 2
    np.testing.assert_allclose(found, gains, atol=1e-6, err_msg=f"alpha {alpha}, eps {eps}, eta {eta}")


def test_thresholds():
    """Without eps, weight decay drops rho < 2 sqrt(eta); a large eps moves that to eps + eta / eps."""
    eta = 0.04
    plain = ep.DirectSet(1.0, eta, 0.0, "none", "l2")
    assert (plain.gains([0.41, 0.39]) > 0).tolist() == [True, False]
    shifted = ep.DirectSet(1.0, eta, 0.5, "none", "l2")
    assert (shifted.gains([0.59, 0.57]) > 0).tolist() == [True, False]
    copy = ep.DirectSet(1.0, 4e-4, 0.3, "none", "l2")
    assert (copy.gains([0.3014, 0.3012]) > 0).tolist() == [True, False]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_small_starts_die_in_the_bistable_region(alpha):
    """eps < sqrt(eta), rho between 2 sqrt(eta) and eps + eta / eps: both ends are stable, the larger is reported."""
    eta, eps, rho = 0.04, 0.1, 0.45
    gain = ep.DirectSet(alpha, eta, eps, "none", "l2").gains([rho])[0]

    def rate(w):
        p = (w**2) ** alpha + eps
        return w * (-(p**2) + p * rho - eta)

    small, large = (end_of(rate, np.array([start]))[0] ** 2 for start in (1e-3, 0.9))
    assert small < 1e-6 and large == pytest.approx(gain, abs=1e-6) and gain > 0.01


def shape_rate(rho, alpha, eps, norm):
    """log w' of the shape under the cosine loss: p_k (rho_k - c p_k)."""

    def rate(w):
        F = w**2
        p = (F / (F.max() if norm == "spectral" else np.linalg.norm(F))) ** alpha + eps
        c = np.sum(p * rho * F) / np.sum(p**2 * F)
        return w * p * (rho - c * p)

    return rate


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("eps", [0.05, 0.3])
@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
def test_limit_of_the_normalised_model(alpha, eps, norm):
    rho = np.array([0.95, 0.8, 0.6, 0.45, 0.3, 0.15, 0.02])
    objective = ep.DirectSet(alpha, eps=eps, norm=norm)
    F = end_of(shape_rate(rho, alpha, eps, norm), np.linspace(0.9, 0.5, len(rho)), time=2e5) ** 2
    F = F / (F.max() if norm == "spectral" else np.linalg.norm(F))
    np.testing.assert_allclose(F, objective.gains(rho), atol=1e-6, err_msg=f"{objective}")
    assert objective.optimum(rho).exact


def test_weight_decay_has_no_say_in_the_normalised_model():
    rho = [0.9, 0.5, 0.2]
    for norm in ("spectral", "frobenius"):
        few, much = (ep.DirectSet(weight_decay=eta, norm=norm).gains(rho) for eta in (0.0, 0.5))
        np.testing.assert_array_equal(few, much)


@pytest.mark.parametrize("alpha", [1 / 3, *ALPHAS, 3.0])
@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
def test_limits_are_linearly_stable(alpha, norm):
    """The Jacobian of the shape among the living modes has eigenvalues with negative real part (theory, section 7)."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        rho = np.sort(rng.uniform(0.05, 1.0, 6))[::-1]
        eps = rng.uniform(0.0, 0.5)
        rates = rates_at_the_limit(rho, alpha, eps, norm)[0]
        assert (rates.real < 0).all(), f"unstable at rho {rho}, alpha {alpha}, eps {eps}"


def rates_at_the_limit(rho, alpha, eps, norm):
    """Eigenvalues of the Jacobian of log w among the living modes, the free scale left out; and the limit's shape."""
    F = ep.DirectSet(alpha, eps=eps, norm=norm).gains(rho)
    live = F > 0
    rate = shape_rate(rho[live], alpha, eps, norm)

    def of_log(x):
        w = np.exp(x)
        return rate(w) / w

    x, h = 0.5 * np.log(F[live]), 1e-6
    assert np.abs(of_log(x)).max() < 1e-10, "not a fixed point"
    J = np.stack([(of_log(x + h * e) - of_log(x - h * e)) / (2 * h) for e in np.eye(len(x))], axis=1)
    # Relative to the largest entry, where the spectral norm is smooth: it is the first, which moves nothing else.
    return np.linalg.eigvals(J[1:, 1:] - J[:1, 1:]), F[live]


@pytest.mark.parametrize("alpha", [0.25, *ALPHAS, 4.0])
@pytest.mark.parametrize("ties", [False, True])
def test_frobenius_rates_interlace(alpha, ties):
    """They are real and -2 alpha c times numbers of which one lies between any two neighbours of p q (section 7)."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        modes, eps = rng.integers(2, 9), rng.choice([0.0, 0.01, 0.3, 3.0])
        rho = np.sort(rng.uniform(0.2, 1.0, modes))[::-1]
        rho = np.repeat(rho, 2) if ties else rho
        rates, x = rates_at_the_limit(rho, alpha, eps, "frobenius")
        p = x**alpha + eps
        found = np.sort((rates / (-2 * alpha * rho[0] / p[0])).real)
        products, slack = np.sort(p * x**alpha), 1e-5 * p[0]
        assert np.abs(rates.imag).max(initial=0.0) < slack, f"rates turn: rho {rho}, eps {eps}"
        assert (products[:-1] - slack < found).all() and (found < products[1:] + slack).all(), f"rho {rho}, eps {eps}"


def test_frobenius_has_norm_one_and_one_mode_is_easy():
    assert np.linalg.norm(ep.DirectSet(norm="frobenius").gains([0.9, 0.7, 0.5])) == pytest.approx(1.0)
    for norm in ("spectral", "frobenius"):
        assert ep.DirectSet(norm=norm).gains([0.4]).tolist() == pytest.approx([1.0])
        assert ep.DirectSet(norm=norm).gains([-0.1, -0.4]).tolist() == [0.0, 0.0], "nothing is worth keeping"


@pytest.mark.parametrize(("norm", "criterion"), [("none", "cosine"), ("spectral", "l2"), ("frobenius", "l2")])
def test_combinations_without_a_fixed_point_are_refused(norm, criterion):
    objective = ep.DirectSet(norm=norm, criterion=criterion)
    with pytest.raises(ValueError, match="no isolated non-zero fixed point"):
        objective.optimum([0.9, 0.5])


def test_frobenius_with_one_survivor_is_no_root_to_search_for():
    """The root is at the end of the bracket, where rounding may put it outside."""
    assert ep.DirectSet(2.0, 0.0, 0.001, "frobenius").gains([0.6, -0.5]).tolist() == [1.0, 0.0]
    assert ep.DirectSet(1.0, 0.0, 3.0, "frobenius").gains([0.2, 0.0, -0.9]).tolist() == [1.0, 0.0, 0.0]
    steep = ep.DirectSet(50.0, norm="frobenius").gains(np.linspace(0.9, 0.01, 50))
    assert np.linalg.norm(steep) == pytest.approx(1.0)


def test_there_is_no_loss():
    Z, G = np.ones((4, 2)), ep.Relation.from_views(2, 2)
    assert np.isnan(ep.DirectCopy().loss(Z, G)) and np.isnan(ep.DirectCopy().optimum([0.5]).loss)


def test_named_constructors():
    assert ep.DirectPred() == ep.DirectSet(alpha=0.5, eps=0.1)
    assert ep.DirectCopy() == ep.DirectSet(alpha=1.0, eps=0.3)
