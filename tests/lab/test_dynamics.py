"""The dynamics without negatives: where it ends, what decides, what the predictor costs."""

import numpy as np
import pytest

from eigenpairs import lab
from eigenpairs.lab.experiments import directcopy_against_directpred, directset_limits, weight_decay_is_a_threshold
from eigenpairs.lab.experiments.directcopy_against_directpred import DirectcopyAgainstDirectpred
from eigenpairs.lab.experiments.directset_limits import DirectsetLimits
from eigenpairs.lab.experiments.weight_decay_is_a_threshold import WeightDecayIsAThreshold
from eigenpairs.lab.non_contrastive import LinearNetwork, adrift, end_of, modes_end, predictor, product
from eigenpairs.objective import DirectSet


def failing(name, **parameters):
    """What the checks that fail are called; the verdict has to say the same."""
    result = lab.run(name, **parameters).result
    failed = [check.sentence for check in result.checks if not check.holds]
    assert (result.verdict == "fails") == bool(failed)
    return failed


# ------------------------------------------------------------------- flows


def test_the_flow_is_the_gradient_of_the_loss_with_predictor_and_target_held():
    """Against finite differences of the expected loss, two layers."""
    rng = np.random.default_rng(0)
    d = 3
    root = rng.standard_normal((d, 3 * d))
    second, cross = root @ root.T / 9, root[:, :d] @ root[:, :d].T / 9
    layers = rng.standard_normal((2, d, d))
    net = LinearNetwork(cross, second, alpha=0.5, eps=0.1, weight_decay=0.2)
    target = product(layers)
    P = predictor(target @ second @ target.T, 0.5, 0.1)

    def loss(x):
        made = P @ product(x.reshape(2, d, d))  # E|made x - target x+|^2 / 2
        return np.trace(made @ second @ made.T) / 2 - np.trace(made @ cross @ target.T) + 0.1 * np.sum(x * x)

    x, h = layers.ravel(), 1e-5
    slope = np.array([(loss(x + h * e) - loss(x - h * e)) / (2 * h) for e in np.eye(len(x))])
    np.testing.assert_allclose(net.rate(layers).ravel(), -slope, atol=1e-6, err_msg="the flow follows no such gradient")


def test_end_of_a_flow_known_in_closed_form():
    start = np.array([0.1, 1.0, 3.0])
    for uncoupled in (False, True):
        found = end_of(lambda x: x * (1 - x), start, 2.0, uncoupled)
        np.testing.assert_allclose(found, start * np.e**2 / (1 - start + start * np.e**2), rtol=1e-7)


def test_the_flow_of_a_normalised_predictor_is_the_gradient_of_the_cosine_with_predictor_and_target_held():
    """Against finite differences of minus the cosine whose norms are at their means."""
    rng = np.random.default_rng(1)
    d = 3
    root = rng.standard_normal((d, 3 * d))
    second, cross = root @ root.T / 9, root[:, :d] @ root[:, :d].T / 9
    W = rng.standard_normal((d, d))
    for norm in ("spectral", "frobenius"):
        net = LinearNetwork(cross, second, 0.5, 0.1, 0.2, norm, "cosine")
        P = predictor(W @ second @ W.T, 0.5, 0.1, norm)

        def loss(x, P=P):
            made = P @ x.reshape(d, d)
            sizes = np.trace(made @ second @ made.T) * np.trace(W @ second @ W.T)
            return -np.trace(made @ cross @ W.T) / np.sqrt(sizes) + 0.1 * np.sum(x * x)

        x, h = W.ravel(), 1e-5
        slope = np.array([(loss(x + h * e) - loss(x - h * e)) / (2 * h) for e in np.eye(len(x))])
        np.testing.assert_allclose(net.rate(W[None]).ravel(), -slope, atol=1e-6, err_msg=f"{norm}: no such gradient")


@pytest.mark.parametrize("criterion", ["l2", "cosine"])
@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
def test_modes_flow_as_a_diagonal_matrix_does(criterion, norm):
    rho = np.array([0.9, 0.6, 0.2])
    net = LinearNetwork(np.diag(rho), np.eye(3), 0.5, 0.1, 0.05, norm, criterion)
    start = np.array([0.3, 0.8, 0.5])
    whole = np.diag(net.end_of_shape(np.diag(start), 4.0)[0])
    np.testing.assert_allclose(modes_end(net, start, 4.0), whole, atol=1e-6, err_msg="two flows of one network differ")


# ---------------------------------------------------------- directset-limits

LIMITS = {"steps": 1500, "lr": 0.1, "cells": 12}


@pytest.fixture
def one_power(monkeypatch):
    """alpha = 1 alone and fewer weight decays, which is a fraction of the work."""
    monkeypatch.setattr(weight_decay_is_a_threshold, "ETAS", (0.01, 0.05, 0.11))
    monkeypatch.setattr(directset_limits, "ALPHAS", (1.0,))
    monkeypatch.setattr(weight_decay_is_a_threshold, "ALPHAS", (1.0,))


def test_flow_descent_barrier_and_phases_are_those_of_the_formulas():
    assert not failing("directset-limits", **LIMITS)


def test_the_law_of_deep_networks_is_directset_for_one_layer():
    experiment = DirectsetLimits()
    vars(experiment)["layers"] = 1  # not allowed as a parameter: nothing would be deep
    for alpha in (0.5, 1.0, 2.0):
        for eps in (0.0, 0.1):
            np.testing.assert_allclose(experiment.deep_limits(alpha, eps), experiment.limits(alpha, eps), atol=1e-9)


def wrong_root(self, rho):
    p = (rho + np.sqrt(np.maximum(rho**2 - 4.02 * self.weight_decay, 0.0))) / 2
    return np.where(rho**2 > 4.02 * self.weight_decay, np.maximum(p - self.eps, 0.0) ** (1 / self.alpha), 0.0)


def without_eps(self, rho):
    return DirectSet(self.alpha, self.weight_decay, 0.0, "none", "l2").gains(rho)


BROKEN_LIMITS = {
    "a root with 4.02 eta": (DirectSet, "_absolute", wrong_root, "flow, whitened"),
    "the barrier to the power 1/alpha": (
        DirectsetLimits,
        "barrier",
        lambda self, alpha, eta: ((1 - np.sqrt(1 - 4 * eta)) / 2) ** (1 / alpha),
        "initial barrier",
    ),
    "a boundary at 1/(3.5 (1 + s))": (
        DirectsetLimits,
        "boundaries",
        lambda self, s: np.stack([np.full(len(s), 0.25), 1 / (3.5 * (1 + s))]),
        "phases: ",
    ),
    "small starts that need no eps^2": (
        DirectsetLimits,
        "small_boundaries",
        lambda self, s: np.full((2, len(s)), self.small_eps),
        "phases of small starts",
    ),
    "depth without effect": (DirectsetLimits, "deep_limits", DirectsetLimits.limits, "2 layers"),
}


@pytest.mark.parametrize("case", BROKEN_LIMITS)
def test_a_broken_law_of_the_limits_fails(case, monkeypatch, one_power):
    kind, name, broken, seen = BROKEN_LIMITS[case]
    monkeypatch.setattr(kind, name, broken)
    failed = failing("directset-limits", **LIMITS)
    assert any(sentence.startswith(seen) for sentence in failed), f"{case} goes unnoticed: {failed}"


# ------------------------------------------------- weight-decay-is-a-threshold

THRESHOLD = {"features": 12, "steps": 500, "batch_size": 96}


def test_weight_decay_is_a_threshold_under_the_l2_loss_and_none_under_the_cosine(one_power):
    assert not failing("weight-decay-is-a-threshold", **THRESHOLD)


def blind_to_eps(self, rho):
    return (rho / rho[0]) ** (1 / self.alpha)


def eps_too_large(self, rho):
    larger = DirectSet(self.alpha, self.weight_decay, 1.02 * self.eps, self.norm, self.criterion)
    return OF_NORM_ONE(larger, rho)


def edge_of_the_papers_coordinates(self, loss, norm, eta):
    return 1 / (4 * eta) - 1 if norm == "none" else DROPPED_FROM(self, loss, norm, eta)


def half_the_edge_of_the_frobenius_norm(self, loss, norm, eta):
    edge = DROPPED_FROM(self, loss, norm, eta)
    return edge / 2 if (loss, norm) == ("cosine", "frobenius") else edge


def threshold_in_the_cosine(self, rho, loss, norm, eta, alpha=1.0):
    """As if weight decay dropped features there too."""
    gains = LAW(self, rho, loss, norm, eta, alpha)
    return np.where(rho > 2 * np.sqrt(eta), gains, 0.0) if norm != "none" else gains


def sizes_that_hold(rho, alpha, eps, norm):
    """r as without the 1 of the largest entry."""
    shape, r = adrift(rho, alpha, eps, norm)
    return shape, 0.98 * r


def eps_once(rho, alpha, eps, norm):
    return adrift(rho, alpha, 1.02 * eps, norm)


OF_NORM_ONE, LAW = DirectSet._of_norm_one, WeightDecayIsAThreshold.law
DROPPED_FROM = WeightDecayIsAThreshold.dropped_from
BROKEN_THRESHOLD = {
    "a root with 4.02 eta": (DirectSet, "_absolute", wrong_root, "L2: largest"),
    "shapes proportional to rho": (DirectSet, "_relative_to_largest", blind_to_eps, "cosine, spectral norm: largest"),
    "eps off by 2 %": (DirectSet, "_of_norm_one", eps_too_large, "cosine, Frobenius norm: largest"),
    "half the threshold in the Frobenius norm": (
        WeightDecayIsAThreshold, "dropped_from", half_the_edge_of_the_frobenius_norm, "cosine, Frobenius norm: cells",
    ),
    "weight decay as a threshold of every model": (
        WeightDecayIsAThreshold, "law", threshold_in_the_cosine, "descent: features",
    ),
    "a rate of the weights off by 2 %": (
        weight_decay_is_a_threshold, "adrift", sizes_that_hold, "whole matrices, L2",
    ),
    "eps off by 2 % under the L2 loss": (weight_decay_is_a_threshold, "adrift", eps_once, "whole matrices, normalised"),
    "the threshold of other coordinates": (
        WeightDecayIsAThreshold, "dropped_from", edge_of_the_papers_coordinates, "L2: cells",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_THRESHOLD)
def test_a_broken_law_of_the_threshold_fails(case, monkeypatch, one_power):
    kind, name, broken, seen = BROKEN_THRESHOLD[case]
    monkeypatch.setattr(kind, name, broken)
    failed = failing("weight-decay-is-a-threshold", **THRESHOLD)
    assert any(sentence.startswith(seen) for sentence in failed), f"{case} goes unnoticed: {failed}"


# ---------------------------------------------- directcopy-against-directpred

PREDICTORS = {"rows": 600, "width": 8, "epochs": 24, "batch_size": 200, "lr": 0.4, "seeds": 1, "repeats": 3}


@pytest.fixture
def deep():
    pytest.importorskip("torch", reason="comes with the extra deep")
    pytest.importorskip("lightning_fabric", reason="comes with the extra deep")
    pytest.importorskip("pydantic", reason="comes with the extra deep")


def test_a_copy_is_as_good_as_an_eigendecomposition_and_collapse_is_seen(deep):
    assert not failing("directcopy-against-directpred", **PREDICTORS)


def test_broken_methods_fail(deep, monkeypatch):
    """Ablations that take nothing away, and a copy that is made by an eigendecomposition."""
    import torch

    from eigenpairs.deep.methods import direct

    whole, copied = DirectcopyAgainstDirectpred.methods, direct._SetPredictor.set_predictor

    def intact(self):
        found = whole(self)
        return {
            "DirectCopy": found["DirectCopy"],
            "DirectPred": found["DirectPred"],
            "DirectCopy, no stop-gradient": found["DirectCopy, no EMA"],
        }

    def decomposed(self):
        copied(self)
        torch.linalg.eigh(self.moment.value)

    monkeypatch.setattr(directcopy_against_directpred, "LIVING", ("DirectCopy", "DirectPred"))
    monkeypatch.setattr(directcopy_against_directpred, "DYING", ("DirectCopy, no stop-gradient",))
    monkeypatch.setattr(DirectcopyAgainstDirectpred, "methods", intact)
    monkeypatch.setattr(direct._SetPredictor, "set_predictor", decomposed)
    failed = failing("directcopy-against-directpred", **(PREDICTORS | {"dimension": 256}))
    for seen in ("update of the predictor", "DirectPred's update", "collapse alarm, DirectCopy, no stop-gradient"):
        assert any(sentence.startswith(seen) for sentence in failed), f"unnoticed: {seen}"
    assert len(failed) == 3, f"what was not broken fails: {failed}"


def test_images_that_are_not_there_are_no_failure(deep):
    outcome = lab.run("directcopy-against-directpred", images="no such folder")
    assert outcome.verdict == "not testable here" and "no such folder" in outcome.result.notes[0]
