"""Learning rates and momenta that follow a formula."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from eigenpairs.deep.training.schedule import learning_rate_factor, target_momentum  # noqa: E402

lengths = st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(lengths)
def test_the_factor_rises_linearly_to_one_and_falls_after_it(case):
    n_steps, warmup = case
    factors = [learning_rate_factor(step, n_steps, warmup) for step in range(n_steps)]
    assert all(0 < factor <= 1 for factor in factors), "the factor leaves (0, 1]"
    assert factors[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)]), "warm-up is not linear"
    later = factors[warmup:]
    assert later[:1] in ([], [1.0]), "the cosine does not begin at 1"
    assert all(a >= b for a, b in pairwise(later)), "the learning rate rises after the warm-up"


@given(lengths)
def test_constant_is_one_after_the_warm_up(case):
    n_steps, warmup = case
    assert all(learning_rate_factor(step, n_steps, warmup, "constant") == 1 for step in range(warmup, n_steps))


@given(st.integers(1, 200), st.integers(0, 50))
def test_the_cosine_agrees_with_torch(n_steps, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for step in range(n_steps):
        ours = learning_rate_factor(warmup + step, warmup + n_steps, warmup)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9), f"step {step} of {n_steps} differs"
        optimizer.step()
        reference.step()


@given(st.integers(1, 1000), st.floats(0, 1))
def test_target_momentum_rises_from_its_start_to_one(n_steps, initial):
    values = [target_momentum(step, n_steps, initial) for step in range(n_steps + 1)]
    assert values[0] == pytest.approx(initial, abs=1e-15) and values[-1] == 1.0, "the ends are wrong"
    assert all(a <= b for a, b in pairwise(values)), "the momentum falls"


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule = 'linear' is unknown; choose from 'cosine', 'constant'"):
        learning_rate_factor(0, 10, 0, "linear")
