"""Experiments of paper D and of ours hold in small, and a wrong formula makes each of them fail."""

import math

import numpy as np
import pytest
from support import require

from eigenpairs import lab
from eigenpairs.lab import two_features
from eigenpairs.lab.experiments import few_shot_from_the_spectrum as few_shot
from eigenpairs.lab.experiments import info_nce_gaussian_optimum as info_nce
from eigenpairs.lab.experiments import ssl_learns_both
from eigenpairs.lab.gaussian_pairs import gaussian_pairs
from eigenpairs.objective import SimCLR, Whitening, cross_correlation, simclr, std_hinge
from eigenpairs.objective.cross_correlation import Plan
from eigenpairs.objective.water_filling import Filling

SMALL = {
    "few-shot-from-the-spectrum": {"draws": 300},
    "exact-optimum-as-practised": {"instances": 1, "starts": 2, "columns": 2},
    "info-nce-gaussian-optimum": {"n_pairs": 256, "steps": 150, "towers_rows": 2000},
    "temperature-is-a-rank-budget": {"n_pairs": 512, "steps": 60},
    "ssl-learns-both": {"steps": 800, "runs": 1, "taus": 6, "noises": 1, "sweep_runs": 1},
}


def run(name, monkeypatch, **parameters):
    require("torch", "deep")
    monkeypatch.delenv("EIGENPAIRS_DATA", raising=False)
    return lab.run(name, **(SMALL[name] | parameters))


def failed(outcome):
    return [check.what for check in outcome.result.checks if not check.holds]


@pytest.mark.parametrize("name", SMALL)
def test_holds_in_small(name, monkeypatch):
    found = run(name, monkeypatch)
    assert found.verdict == "holds", f"{name}: {[c.sentence for c in found.result.checks if not c.holds]}"
    assert 1 <= len(found.result.figures) <= 3


class TestAWrongFormulaFails:
    def test_few_shot_without_the_factor_of_variance(self, monkeypatch):
        right = few_shot.predict

        def wrong(gains, energy, rest, n):
            found = right(gains, energy, rest, n)
            return found.__class__(found.error * (1 - found.crowding), found.ridge, found.crowding, found.weight)

        monkeypatch.setattr(few_shot, "predict", wrong)
        found = run("few-shot-from-the-spectrum", monkeypatch)
        assert any("Gaussian modes" in what for what in failed(found)), found

    def test_vicreg_with_half_the_price_of_covariance(self, monkeypatch):
        monkeypatch.setattr(std_hinge, "Filling", lambda cost, n: Filling(cost, n / 2))
        found = run("exact-optimum-as-practised", monkeypatch)
        assert any(what.startswith("VICReg") for what in failed(found)), found
        assert not any(what.startswith("Barlow") for what in failed(found)), "Barlow Twins does not use this"

    def test_vicreg_with_half_the_covariance_in_its_value(self, monkeypatch):
        right = std_hinge._value
        wrong = lambda cost, gains, variances, m, n: right(cost, gains, variances, m, 0.5 * n)  # noqa: E731
        monkeypatch.setattr(std_hinge, "_value", wrong)
        monkeypatch.setattr(std_hinge, "POLISH_UP_TO", 0)
        found = run("exact-optimum-as-practised", monkeypatch)
        assert any(what.startswith("one mode, two columns: descent") for what in failed(found)), found

    def test_barlow_twins_read_as_whitening(self, monkeypatch):
        monkeypatch.setattr(cross_correlation, "filled", lambda r, live, lam: Plan(np.ones(len(r)), r, live))
        found = run("exact-optimum-as-practised", monkeypatch)
        assert any(what.startswith("Barlow") and "exact value, smallest" in what for what in failed(found)), found

    @pytest.mark.parametrize(("critic", "power"), [("dot", 2.0), ("density-ratio", 0.5)])
    def test_info_nce_with_another_power_of_rho(self, critic, power, monkeypatch):
        right = SimCLR.solve

        def wrong(self, rho, width):
            return right(self, np.sign(rho) * np.abs(rho) ** (power if self.critic == critic else 1.0), width)

        monkeypatch.setattr(SimCLR, "solve", wrong)
        found = run("info-nce-gaussian-optimum", monkeypatch)
        words = "with bias" if critic == "density-ratio" else "without bias"
        assert any(what.startswith(f"gains trained {words}") for what in failed(found)), found

    def test_the_bias_of_retrieval_with_the_wrong_sign(self, monkeypatch):
        right = SimCLR.bias
        monkeypatch.setattr(SimCLR, "bias", lambda self, Z, covariance: -right(self, Z, covariance))
        found = run("info-nce-gaussian-optimum", monkeypatch)
        assert any(what.startswith("recall@1, density ratio with bias") for what in failed(found)), found

    def test_retrieval_by_cosine_with_the_gains_of_whitening(self, monkeypatch):
        flat = {"density ratio, cosine": (Whitening(), False)}
        monkeypatch.setattr(info_nce, "RANKINGS", {**info_nce.RANKINGS, **flat})
        found = run("info-nce-gaussian-optimum", monkeypatch)
        assert any(what.startswith("recall@1, density ratio, cosine") for what in failed(found)), found

    def test_raw_vectors_of_towers_that_do_not_share_a_basis(self, monkeypatch):
        kind = info_nce.InfoNceGaussianOptimum
        right = kind.trained_towers
        monkeypatch.setattr(
            kind, "trained_towers", lambda self: [x[:, :: (-1) ** at] for at, x in enumerate(right(self))]
        )
        found = run("info-nce-gaussian-optimum", monkeypatch)
        assert [what for what in failed(found) if "raw vectors" in what] == failed(found) != [], found

    def test_a_temperature_that_counts_twice(self, monkeypatch):
        right = simclr._budget
        monkeypatch.setattr(simclr, "_budget", lambda rho, total: right(rho, 2 * total))
        found = run("temperature-is-a-rank-budget", monkeypatch)
        assert any("effective number" in what for what in failed(found)), found

    def test_a_population_loss_with_twice_the_penalty(self, monkeypatch):
        right = two_features.population_loss
        wrong = lambda W, tau, noise, penalty, act: right(W, tau, noise, 2 * penalty, act)  # noqa: E731
        monkeypatch.setattr(two_features, "population_loss", wrong)
        found = run("ssl-learns-both", monkeypatch)
        assert any("population loss of limits" in what for what in failed(found)), found

    def test_a_population_loss_with_a_weaker_second_feature(self, monkeypatch):
        right = two_features.population_loss
        wrong = lambda W, tau, noise, penalty, act: right(W, tau**2, noise, penalty, act)  # noqa: E731
        monkeypatch.setattr(two_features, "population_loss", wrong)
        found = run("ssl-learns-both", monkeypatch)
        assert any("boundary over tau" in what for what in failed(found)), found

    def test_gradients_of_a_fourth_of_their_covariance(self, monkeypatch):
        right = two_features.gradient_covariance
        monkeypatch.setattr(ssl_learns_both, "gradient_covariance", lambda *point: right(*point) / 4)
        found = run("ssl-learns-both", monkeypatch)
        assert any("projections fall" in what for what in failed(found)), found


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("few-shot-from-the-spectrum", {"rest": math.nan}, "rest = nan"),
        ("few-shot-from-the-spectrum", {"rest": 1.5}, "rest = 1.5"),
        ("few-shot-from-the-spectrum", {"draws": 0}, "draws = 0"),
        ("few-shot-from-the-spectrum", {"most": 12}, "most = 12"),
        ("exact-optimum-as-practised", {"columns": 3}, "columns = 3"),
        ("exact-optimum-as-practised", {"starts": 0}, "starts = 0"),
        ("temperature-is-a-rank-budget", {"modes": 8}, "modes = 8"),
        ("ssl-learns-both", {"penalty": math.inf}, "penalty = inf"),
        ("ssl-learns-both", {"rate": 0.0}, "rate = 0.0"),
        ("ssl-learns-both", {"seed": -1}, "seed = -1"),
    ],
)
def test_parameters_that_make_no_sense_are_named(name, given, said):
    with pytest.raises(ValueError, match=said) as refused:
        lab.run(name, **given)
    assert "\n" not in str(refused.value) and "give" in str(refused.value), refused.value


@pytest.mark.parametrize("act", ["tanh", "sigmoid"])
def test_minima_on_samples_lose_what_the_theory_of_estimators_says(act):
    """400 normal draws of minima on 20,000 rows lose tr(H^-1 S) / 2n in the mean, by the population loss itself."""
    require("torch", "deep")
    found, n = two_features.newton(1.3 * np.eye(2, 4), 0.9, 0.2, 0.1, act), 20_000
    S = two_features.gradient_covariance(found.W, 0.9, 0.2, act)
    spread = np.linalg.solve(found.hessian, np.linalg.solve(found.hessian, S).T) / n
    minima = found.W.ravel() + np.random.default_rng(0).multivariate_normal(np.zeros(8), spread, 400)
    losses = two_features.population_losses(minima.reshape(-1, 2, 4), 0.9, 0.2, 0.1, act)
    lost, wanted = losses.mean() - found.loss, np.trace(np.linalg.solve(found.hessian, S)) / (2 * n)
    assert lost == pytest.approx(wanted, rel=0.2), f"{act}: minima on samples lose {lost}, expected {wanted}"
    assert lost < found.excess_at_most(S, n, 400) < 2 * wanted, "the bound for many samples is not near their mean"


def test_gaussian_pairs_have_the_correlations_asked_for():
    rho = np.array([0.9, 0.3, -0.5])
    x, x_plus = gaussian_pairs(rho, 200_000, 0)
    np.testing.assert_allclose(x.T @ x_plus / len(x), np.diag(rho), atol=0.01)
    np.testing.assert_allclose(x_plus.T @ x_plus / len(x), np.eye(3), atol=0.01)


@pytest.mark.parametrize("act", two_features.ACTIVATIONS)
def test_the_population_loss_is_the_mean_of_the_loss_on_samples(act):
    """Quadrature against 400,000 draws of rows and views."""
    torch = require("torch", "deep")
    rng, noise, tau, penalty = np.random.default_rng(0), 0.4, 0.7, 0.2
    W = rng.standard_normal((2, 4))
    x = noise * rng.standard_normal((400_000, 4))
    x[:, :2] += rng.choice([-1.0, 1.0], (len(x), 2)) * [1.0, tau]
    views = [two_features.activated((x + noise * rng.standard_normal(x.shape)) @ W.T, act)[0] for _ in range(2)]
    sampled = penalty / 2 * np.sum((W @ W.T) ** 2) - np.mean(np.sum(views[0] * views[1], axis=1))
    found = float(two_features.population_loss(torch.as_tensor(W), tau, noise, penalty, act))
    assert found == pytest.approx(sampled, abs=0.01), f"{act}: quadrature {found}, sampled {sampled}"


@pytest.mark.parametrize("act", two_features.ACTIVATIONS)
def test_a_step_follows_the_gradient_of_the_loss(act):
    """One step by hand against a step by torch on the mean loss over many rows."""
    torch = require("torch", "deep")
    model = two_features.TwoFeatures(0.8, 0.3, 4, 40_000, 0.1, (0,))
    W = model.start("near") + 0.3
    step = (W - model.self_supervised(W, act, 1.0, 1)[0])[0]
    free = torch.tensor(W[0], requires_grad=True)
    (slope,) = torch.autograd.grad(two_features.population_loss(free, 0.8, 0.3, 0.1, act), free)
    np.testing.assert_allclose(step, slope.numpy(), atol=0.03, err_msg=f"{act}: gradient by hand")
