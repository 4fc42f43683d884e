"""LARS against its formula and against SGD; which parameters decay; default rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("pydantic", reason="comes with the extra deep")

from eigenpairs.deep.settings.config import Training  # noqa: E402
from eigenpairs.deep.training.lars import LARS  # noqa: E402
from eigenpairs.deep.training.optimizers import build_optimizer, default_learning_rate  # noqa: E402

rates = st.floats(1e-3, 1.0)


def steps_of(make, start, gradients):
    """Weights after each step under given gradients."""
    weights = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer, found = make([weights]), []
    for gradient in gradients:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        found.append(weights.detach().numpy().copy())
    return np.array(found)


@settings(deadline=None)
@given(rates, st.floats(0, 0.99), st.floats(0, 0.5), st.floats(1e-4, 1.0), st.integers(0, 2**31))
def test_lars_is_its_formula(lr, momentum, decay, trust, seed):
    rng = np.random.default_rng(seed)
    start, gradients = rng.standard_normal((4, 3)), rng.standard_normal((5, 4, 3))
    w, v, expected = start.copy(), np.zeros_like(start), []
    for gradient in gradients:
        g = gradient + decay * w
        v = momentum * v + trust * np.linalg.norm(w) / np.linalg.norm(g) * g
        w = w - lr * v
        expected.append(w)
    found = steps_of(lambda p: LARS(p, lr, momentum, decay, trust), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg="LARS is not the published step")


@settings(deadline=None)
@given(rates, st.floats(0, 0.99), st.floats(0, 0.5), st.integers(0, 2**31))
def test_lars_without_adaptation_is_sgd(lr, momentum, decay, seed):
    rng = np.random.default_rng(seed)
    start, gradients = rng.standard_normal(6), rng.standard_normal((5, 6))
    found = steps_of(lambda p: LARS(p, lr, momentum, decay, adapt=False), start, gradients)
    expected = steps_of(lambda p: torch.optim.SGD(p, lr, momentum, weight_decay=decay), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14, err_msg="LARS without factors is not SGD")


def test_lars_is_sgd_where_the_factor_is_one():
    start = np.array([[3.0, 4.0]])  # norm 5; gradients of norm .005 make trust |w| / |g| one in the first step
    gradients = [np.array([[0.003, 0.004]])]
    found = steps_of(lambda p: LARS(p, 0.1), start, gradients)
    expected = steps_of(lambda p: torch.optim.SGD(p, 0.1, 0.9), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg="with factor 1 LARS is not SGD")


@pytest.mark.parametrize("start, gradient", [(0.0, 1.0), (1.0, 0.0)])
def test_lars_takes_a_plain_step_where_a_norm_is_zero(start, gradient):
    found = steps_of(lambda p: LARS(p, 0.5), [[start]], [[[gradient]]])
    assert found[-1, 0, 0] == start - 0.5 * gradient, "a norm of 0 must leave the factor at 1"


@settings(deadline=None)
@given(st.floats(1e-3, 1e3))
def test_lars_does_not_see_the_scale_of_the_loss(scale):
    start, gradient = np.array([[1.0, -2.0]]), np.array([[0.3, 0.1]])
    one, other = (steps_of(lambda p: LARS(p, 0.5), start, [factor * gradient] * 3) for factor in (1.0, scale))
    np.testing.assert_allclose(one, other, rtol=1e-12, err_msg="the factor does not cancel the gradient's scale")


@pytest.mark.parametrize("name", ["sgd", "adamw", "lars"])
@pytest.mark.parametrize("decay_all", [False, True])
def test_norms_and_biases_form_a_group_of_their_own(name, decay_all):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    module[0].weight.requires_grad_(True)
    chosen = Training(optimizer=name, weight_decay=0.25, decay_norm_and_bias=decay_all)
    matrices, vectors = build_optimizer(module, chosen).param_groups
    assert [p.ndim for p in matrices["params"]] == [2] and [p.ndim for p in vectors["params"]] == [1, 1, 1]
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.25, 0.25 if decay_all else 0.0)
    if name == "lars":
        assert matrices["adapt"] and not vectors["adapt"], "LARS must not adapt norms and biases"


def test_what_is_frozen_is_left_out_and_nothing_at_all_is_refused():
    module = torch.nn.Linear(2, 2)
    module.weight.requires_grad_(False)
    (group,) = build_optimizer(module, Training()).param_groups
    assert group["params"] == [module.bias] or group["params"][0] is module.bias
    module.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter needs a gradient"):
        build_optimizer(module, Training())


def test_the_methods_weight_decay_counts_only_where_the_settings_give_none():
    module = torch.nn.Linear(2, 2, bias=False)
    decays = [
        build_optimizer(module.named_parameters(), Training(optimizer="sgd", weight_decay=given), own).param_groups[0][
            "weight_decay"
        ]
        for given, own in ((None, None), (None, 4e-4), (0.0, 4e-4))
    ]
    assert decays == [1e-4, 4e-4, 0.0]


@given(st.sampled_from(["sgd", "lars", "adamw"]), st.integers(1, 10_000))
def test_default_rates_grow_with_the_batch(name, batch_size):
    ratio = default_learning_rate(name, 4 * batch_size) / default_learning_rate(name, batch_size)
    assert ratio == pytest.approx(2 if name == "adamw" else 4), f"{name} does not scale as documented"
    assert Training(optimizer=name, batch_size=256).learning_rate == {"sgd": 0.05, "lars": 0.2, "adamw": 1e-3}[name]
