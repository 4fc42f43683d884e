"""Paper A in the lab: SimCLR and scaling, Barlow Twins and CCA, ranks, alignment; each fails if its formula is bent."""

import importlib

import numpy as np
import pytest

pytest.importorskip("torch", reason="these experiments train by gradients: pip install 'eigenpairs[deep]'")

import eigenpairs as ep
from eigenpairs import lab
from eigenpairs.lab.descent import train, visible_rank
from eigenpairs.lab.exact_pairs import exact_pairs
from eigenpairs.lab.experiments.alignment import Alignment
from eigenpairs.lab.experiments.barlow_is_cca import BarlowIsCca
from eigenpairs.lab.experiments.rank_staircase import RankStaircase
from eigenpairs.lab.experiments.simclr_is_mds import SimclrIsMds, classical_scaling, squared_distances

SMALL = {
    "simclr-is-mds": {"pairs_of_points": 5, "sources": 4, "classes": 3, "members": 3, "ratios": (0.6, 1.6)},
    "barlow-is-cca": {"starts": 1, "margin": 0.2},
    "rank-staircase": {"modes": 4, "width": 3, "starts": 1, "margin": 0.2, "classes": 3, "members": 4},
    "alignment": {"modes": 24, "draws": 1500, "many": 200, "weights": (0, 1, 3), "classes": 3, "rows": 90},
}


def failed(name):
    """What fails of an experiment with its small parameters."""
    return [check.what for check in lab.run(name, **SMALL[name]).result.checks if not check.holds]


@pytest.mark.parametrize("name", SMALL)
def test_holds(name):
    outcome = lab.run(name, **SMALL[name])
    assert outcome.verdict == "holds", [c.sentence for c in outcome.result.checks if not c.holds]
    assert all(np.all(np.isfinite(s.y)) for panel in outcome.result.figures for s in panel.series)


# ---------------------------------------------------------------------- mutations


def test_half_the_dissimilarity_is_seen(monkeypatch):
    monkeypatch.setattr(SimclrIsMds, "dissimilarity", staticmethod(lambda log_G, tau: -tau * log_G))
    assert any("classical scaling" in what for what in failed("simclr-is-mds"))


def test_a_simplex_with_wrong_angles_is_seen(monkeypatch):
    right = SimclrIsMds.simplex_loss
    monkeypatch.setattr(SimclrIsMds, "simplex_loss", lambda self, C, n: right(self.with_params(temperature=0.51), C, n))
    found = failed("simclr-is-mds")
    assert len(found) == 2 and all("simplex" in what for what in found)


def test_another_water_filling_is_seen(monkeypatch):
    module = importlib.import_module("eigenpairs.objective.barlow_twins")
    right = module.solve_cross_correlation
    monkeypatch.setattr(module, "solve_cross_correlation", lambda rho, K, lam, loss: right(rho, K, 0.98 * lam, loss))
    assert any("water-filling" in what for what in failed("barlow-is-cca"))


def test_wrong_thresholds_of_barlow_twins_are_seen(monkeypatch):
    right = BarlowIsCca.thresholds
    monkeypatch.setattr(BarlowIsCca, "thresholds", staticmethod(lambda r, width: 1.3 * right(r, width)))
    assert any("trained ranks" in what for what in failed("barlow-is-cca"))


def test_a_condition_without_the_redundancy_is_seen(monkeypatch):
    monkeypatch.setattr(BarlowIsCca, "whitening_is_optimal", staticmethod(lambda r, weight: np.ptp(r) < 1e-9))
    assert failed("barlow-is-cca") == ["r adding up to 1: CCA's loss above the trained"]


def test_modes_of_negative_correlation_taken_for_positive_are_seen(monkeypatch):
    right = BarlowIsCca.best_of_top_modes
    monkeypatch.setattr(BarlowIsCca, "best_of_top_modes", staticmethod(lambda r, weight: right(abs(r), weight)))
    found = failed("barlow-is-cca")
    assert len(found) == 2 and all("best gains of the top K" in what and "-" in what for what in found)


def test_a_reading_of_the_top_modes_as_whitening_is_seen(monkeypatch):
    """Whitening costs more on all-positive spectra as well, and so says nothing about which modes to take."""
    monkeypatch.setattr(BarlowIsCca, "best_of_top_modes", staticmethod(BarlowIsCca.whitened_loss))
    found = failed("barlow-is-cca")
    assert len(found) == 2 and not any("-" in what for what in found)


@pytest.mark.parametrize("form", ["least-squares", "practice"])
def test_wrong_thresholds_of_vicreg_are_seen(monkeypatch, form):
    right = RankStaircase.thresholds
    bent = {form: 1.5}
    monkeypatch.setattr(RankStaircase, "thresholds", lambda self, of: bent.get(of, 1.0) * right(self, of))
    assert f"{form}: trained ranks" in " ".join(failed("rank-staircase"))


def test_another_closed_form_of_vicreg_is_seen(monkeypatch):
    module = importlib.import_module("eigenpairs.objective.vicreg")
    right = module.solve_least_squares
    monkeypatch.setattr(module, "solve_least_squares", lambda rho, K, s, m, n: right(rho, K, 1.01 * s, m, n))
    assert failed("rank-staircase") == ["least-squares: largest trained loss above the closed form, relatively"]
    assert "gains of a trained map against the closed form, largest error" in failed("alignment")


def test_a_probe_formula_without_its_factor_is_seen(monkeypatch):
    module = importlib.import_module("eigenpairs.lab.experiments.alignment")
    plain = lambda found, energy, rest: (1 - found.share) ** 2 @ energy + rest  # noqa: E731
    monkeypatch.setattr(module, "predicted_error", plain)
    assert any("against the formula" in what for what in failed("alignment"))


def test_reversed_modes_reverse_the_guidelines(monkeypatch):
    right = Alignment.targets.fget
    monkeypatch.setattr(
        Alignment, "targets", property(lambda self: dict(zip(right(self), [*right(self).values()][::-1])))
    )
    found = failed("alignment")
    assert any("few labels, aligned" in what for what in found)
    assert any("few labels, misaligned" in what for what in found)
    assert any("many labels, aligned" in what and "little" not in what for what in found)


def test_a_probe_without_its_ridge_is_seen(monkeypatch):
    """With few labels; with many, least squares is nearly as good."""
    right = Alignment.plan

    def plan(self, gains, target, n):
        gains, ridge, error = right(self, gains, target, n)
        return gains, 1e-3 * ridge, error

    monkeypatch.setattr(Alignment, "plan", plan)
    assert any("against the formula" in what for what in failed("alignment"))


def test_another_relation_than_that_of_the_labels_is_seen(monkeypatch):
    monkeypatch.setattr(Alignment, "relation_of", staticmethod(lambda y: ep.Relation.from_groups(y // 2)))
    assert any(what.startswith("G = YY^T") for what in failed("alignment"))


# ---------------------------------------------------------------------- what they are made of


def test_pairs_have_the_correlations_asked_for():
    rho = np.array([1.0, 0.7, 0.0, -0.4])
    X, relation = exact_pairs(rho, seed=3)
    a, b = np.split(X, 2)
    np.testing.assert_allclose(a.T @ a, b.T @ b, atol=1e-10, err_msg="the views' covariances differ")
    np.testing.assert_allclose(ep.spectrum(X, relation).rho, rho, atol=1e-12)
    assert not np.allclose(exact_pairs(rho, seed=4)[0], X)


def test_the_best_gains_of_the_top_modes():
    """Those of the water-filling where all are positive; 1.198 against an attained 1 for r = (1, -.1)."""
    r = np.array([0.9, 0.6, 0.2, 0.05])
    found = BarlowIsCca.best_of_top_modes(r, 0.5)
    assert found == pytest.approx(ep.BarlowTwins(0.5).optimum(r, 4).loss, abs=1e-9)
    assert found < BarlowIsCca.whitened_loss(r, 0.5) - 0.3
    assert BarlowIsCca.best_of_top_modes(np.array([1.0, -0.1]), 1.0) == pytest.approx(1.198, abs=1e-3)


@pytest.mark.parametrize(("classes", "members"), [(2, 2), (3, 2), (2, 5)])
def test_ranks_on_few_rows(classes, members):
    found = lab.run("rank-staircase", **(SMALL["rank-staircase"] | {"classes": classes, "members": members}))
    assert found.verdict == "holds", [c.sentence for c in found.result.checks if not c.holds]


def test_training_does_not_know_the_optimum_and_finds_it():
    X, relation = exact_pairs([0.9, 0.5, 0.1], seed=0)
    objective = ep.VICReg(1.5, 1.0, form="least-squares")
    found = train(objective, X, relation, 2, starts=2)
    assert found.loss == pytest.approx(objective.optimum([0.9, 0.5, 0.1], 2).loss, rel=1e-9)
    assert found.rank == 2 and found.loss == found.losses.min()
    assert float(objective.loss(found.Z, relation)) == pytest.approx(found.loss, rel=1e-12)


def test_visible_rank():
    assert visible_rank(np.diag([2.0, 1.0, 1e-4])) == 2
    assert visible_rank(np.zeros((3, 2))) == 0


def test_classical_scaling_returns_distances():
    x = np.random.default_rng(0).standard_normal((9, 3))
    D = squared_distances(x)
    np.testing.assert_allclose(squared_distances(classical_scaling(D, 3)), D, atol=1e-12)


def test_the_condition_of_the_mds_reading_is_sharp():
    """Centred points on the unit sphere: tau <= h^2, whatever the points."""
    for seed in range(3):
        experiment = SimclrIsMds(pairs_of_points=6, seed=seed, bandwidth=0.6)
        log_G, _ = experiment.gaussian_similarity()
        assert experiment.is_possible(log_G, 0.99 * 0.36) and not experiment.is_possible(log_G, 1.01 * 0.36)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("simclr-is-mds", {"ratios": (0.5, 0.8)}, "some above 1.1"),
        ("simclr-is-mds", {"ratios": (0.5, 1.0, 1.5)}, "on both sides of 1"),
        ("simclr-is-mds", {"bandwidth": 0.1}, "bandwidth"),
        ("barlow-is-cca", {"correlations": (0.9, 0.7, 0.69, 0.5), "margin": 0.2}, "further apart"),
        ("barlow-is-cca", {"correlations": (0.3, 0.2, 0.1, 0.01)}, "below 1"),
        ("rank-staircase", {"margin": 0.45}, "smaller margin"),
        ("alignment", {"noise": 0.0}, "noise"),
        ("barlow-is-cca", {"correlations": (0.9, 0.5)}, "four or more"),
        ("rank-staircase", {"width": 20}, "width <= modes"),
        ("alignment", {"weights": (0, 1)}, "must contain 0 and 3"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        lab.run(name, **parameters)
