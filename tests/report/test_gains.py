"""The formulas in the page equal those of the package, in a real browser."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import spectra

import eigenpairs as ep
from eigenpairs.objective import OBJECTIVES
from eigenpairs.report.knobs import is_known, is_searched, knob_of, parameters

VARIANTS = {
    "vicreg": ep.VICReg(),
    "vicreg, variance 16 covariance": ep.VICReg(1.0, 16.0, 1.0),
    "vicreg, no covariance": ep.VICReg(2.0, 5.0, covariance=0.0),
    "vicreg, variance < 16 covariance": ep.VICReg(0.1, 10.0),
    "vicreg, variance < covariance": ep.VICReg(0.02, 1.0, 3.0),
    "least squares": ep.VICReg(1.0, 1.0, form="least-squares"),
    "least squares, c < a": ep.VICReg(0.5, 1.0, 0.3, form="least-squares"),
    "least squares, c = 0": ep.VICReg(0.5, 1.0, 0.0, form="least-squares"),
    "least squares, c > a": ep.VICReg(0.5, 1.0, 3.0, form="least-squares"),
    "barlow": ep.BarlowTwins(),
    "barlow 1": ep.BarlowTwins(1.0),
    "barlow 0": ep.BarlowTwins(0.0),
    "spectral contrastive": ep.SpectralContrastive(),
    "whitening": ep.Whitening(),
    "log det": ep.LogDet(),
    "log det, large eps": ep.LogDet(5.0, 0.3),
    "simclr": ep.SimCLR(),
    "simclr dot": ep.SimCLR(2.0, "dot"),
    "simclr density ratio": ep.SimCLR(1.0, "density-ratio"),
    "direct copy": ep.DirectCopy(),
    "direct pred": ep.DirectPred(),
    "direct set l2": ep.DirectSet(2.0, 0.01, 0.05, "none", "l2"),
    "direct set l2, large eps": ep.DirectSet(1.0, 0.01, 0.3, "none", "l2"),
    "direct set frobenius": ep.DirectSet(0.5, eps=0.01, norm="frobenius"),
}
SPECTRA = [*spectra(7, 12, 24), np.array([1.0, 1.0, 0.5, 0.5, 0.2, -0.1]), np.linspace(1, 0.01, 40), np.full(20, 0.4)]
WIDTHS = (1, 2, 17, 32, 50)
SOLVE = "return arguments[0].map(([name, rho, width, params]) => OBJECTIVES[name](rho, width, params))"


def problem(objective, rho, width):
    """As the page gets it."""
    return type(objective).__name__, [float(value) for value in rho], width, parameters(objective)


def differences(found, objective, rho, width):
    """How the browser's answer differs from `Objective.optimum`, in words; nothing if it does not."""
    expected = objective.optimum(rho, width)
    gains = np.array(found["gains"])
    told = f"{objective!r} at K = {width} on rho = {np.round(rho, 3)[:6]}...: browser {found['status']}"
    if not agree(found["lower_bound"], expected.lower_bound):
        yield f"{told}, lower bound {found['lower_bound']} instead of {expected.lower_bound}"
    if found["status"] == "exact" and not expected.exact:
        yield f"{told}, which Python does not claim"
    if found["status"] != "bound" and not agree(found["loss"], expected.loss):
        yield f"{told}, loss {found['loss']} instead of {expected.loss}"
    # A search ends where the loss is flat to rounding, which leaves the gains half of their digits.
    least = (1e-6 if is_searched(objective) else 1e-9) * max(gains.max(), 1e-3)
    if not np.allclose(gains, expected.gains, rtol=1e-6, atol=least):
        yield f"{told}, gains differ by {np.abs(gains - expected.gains).max():.2g}"
    elif found["rank"] != expected.rank and not is_searched(objective):
        yield f"{told}, rank {found['rank']} instead of {expected.rank}"


def agree(found, expected):
    if found is None:  # JSON has neither nan nor infinities
        return not np.isfinite(expected)
    return abs(found - expected) <= 1e-6 * abs(expected) + 1e-9


def check(page, problems):
    answers = page.run(SOLVE, [problem(*item) for item in problems])
    wrong = [text for answer, item in zip(answers, problems) for text in differences(answer, *item)]
    assert not wrong, f"{len(wrong)} of {len(problems)}:\n" + "\n".join(wrong[:10])


def test_every_objective_is_here():
    assert {type(objective) for objective in VARIANTS.values()} == set(OBJECTIVES.values())
    assert all(is_known(objective) for objective in VARIANTS.values())


@pytest.mark.parametrize("objective", VARIANTS.values(), ids=VARIANTS)
def test_gains_rank_and_loss_equal_python(page, objective):
    chosen = SPECTRA[::2] if is_searched(objective) else SPECTRA
    check(page, [(objective, rho, width) for rho in chosen for width in WIDTHS])


@pytest.mark.parametrize("objective", VARIANTS.values(), ids=VARIANTS)
def test_all_along_the_slider(page, objective):
    knob = knob_of(objective)
    if knob is None:
        assert isinstance(objective, (ep.Whitening, ep.SpectralContrastive))
        return
    problems, slow = [], is_searched(objective)
    for value in np.geomspace(knob.low, knob.high, 9):
        moved = type(objective)(**objective.get_params() | {knob.parameter: float(value)})
        problems += [
            (moved, rho, width) for rho in SPECTRA[: 1 if slow else 4] for width in (24, 64)[: 1 if slow else 2]
        ]
    check(page, problems)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rho=st.lists(st.floats(-0.99, 1.0), min_size=1, max_size=40).map(lambda rho: sorted(rho, reverse=True)),
    objective=st.sampled_from(list(VARIANTS.values())),
    width=st.integers(17, 70),
    position=st.floats(0, 1),
)
def test_any_spectrum_any_width_any_value(page, rho, objective, width, position):
    knob = knob_of(objective)
    if knob is not None:
        value = float(knob.low * (knob.high / knob.low) ** position)
        objective = type(objective)(**objective.get_params() | {knob.parameter: value})
    check(page, [(objective, np.array(rho), width)])


def test_bounds_are_called_bounds(page):
    """Five columns that no known rotation serves: the page gives the bound and claims no attained value."""
    met = set()
    for objective in (ep.BarlowTwins(), ep.VICReg(1.0, 4.0, 1.0)):
        for rho in spectra(8, 4, 5):
            (answer,) = page.run(SOLVE, [problem(objective, rho, 5)])
            expected = objective.optimum(rho, 5)
            assert answer["lower_bound"] == pytest.approx(expected.lower_bound, rel=1e-6)
            assert answer["status"] != "bound" or answer["loss"] is None, "a bound is no attained value"
            if answer["status"] == "between":
                assert answer["loss"] >= expected.loss - 1e-9, "descent in Python can only improve on two levels"
            met.add(answer["status"])
    assert {"bound", "between"} <= met, "these spectra no longer test what they are for"


def test_no_formula_is_no_answer(page):
    (answer,) = page.run(SOLVE, [problem(ep.BarlowTwins(3.0), SPECTRA[0], 17)])
    assert answer is None
    assert knob_of(ep.BarlowTwins(3.0)).high == 1.0, "the slider ends where the formula does"
