"""Methods without negatives: their losses, their predictors, and the moving second moment."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.methods import BYOL, METHODS, Direct, Joint, SimSiam, as_method, build_method  # noqa: E402
from eigenpairs.deep.methods.prediction import prediction_terms  # noqa: E402
from eigenpairs.deep.settings.card import method_of, named  # noqa: E402


def rows(n, width, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def test_the_cosine_loss_is_the_mean_over_both_directions():
    Z, T, n = rows(12, 5), rows(12, 5, seed=1), 6
    cosine = torch.nn.functional.cosine_similarity
    expected = -(cosine(Z[:n], T[n:]).mean() + cosine(Z[n:], T[:n]).mean()) / 2
    found = prediction_terms(Z, T, ep.Relation.from_views(n, 2), "cosine")["prediction"]
    torch.testing.assert_close(found, expected, msg="not -cos over pairs in both directions")


def test_the_l2_loss_is_half_the_squared_distance_of_pairs():
    Z, T, n = rows(12, 5), rows(12, 5, seed=1), 6
    expected = 0.5 * (((Z[:n] - T[n:]) ** 2).sum(1).mean() + ((Z[n:] - T[:n]) ** 2).sum(1).mean()) / 2
    found = prediction_terms(Z, T, ep.Relation.from_views(n, 2), "l2")["prediction"]
    torch.testing.assert_close(found, expected, msg="not half the mean squared distance")


@pytest.mark.parametrize("criterion", ["cosine", "l2"])
def test_three_views_average_the_losses_of_their_pairs(criterion):
    n, Z, T = 4, rows(12, 3), rows(12, 3, seed=1)
    pairs = [(a, b) for a in range(3) for b in range(3) if a < b]
    two = ep.Relation.from_views(n, 2)
    take = lambda Y, a, b: torch.cat([Y[a * n : (a + 1) * n], Y[b * n : (b + 1) * n]])  # noqa: E731
    expected = sum(
        prediction_terms(take(Z, a, b), take(T, a, b), two, criterion)["prediction"] for a, b in pairs
    ) / len(pairs)
    found = prediction_terms(Z, T, ep.Relation.from_views(n, 3), criterion)["prediction"]
    torch.testing.assert_close(found, expected, msg="three views are not the mean of their three pairs")


@pytest.mark.parametrize("norm", ["none", "spectral", "frobenius"])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 0.3])
def test_the_predictor_is_the_power_of_the_normalised_second_moment_plus_eps(alpha, norm):
    Z = rows(64, 6) * torch.linspace(0.2, 2, 6)
    head = Direct(ep.DirectSet(alpha=alpha, eps=0.2, norm=norm)).head(6)
    head.after_step(Z)
    F = (Z.T @ Z / 64).double().numpy()
    size = {"none": 1.0, "spectral": np.linalg.norm(F, 2), "frobenius": np.linalg.norm(F)}[norm]
    s, V = np.linalg.eigh(F / size)
    expected = (V * s**alpha) @ V.T + 0.2 * np.eye(6)
    np.testing.assert_allclose(head.predictor.numpy(), expected, atol=2e-5, err_msg="W_p is not (F/|F|)^alpha + eps I")


def test_the_second_moment_is_a_moving_average_that_starts_with_the_first_batch():
    first, second = rows(32, 4), rows(32, 4, seed=1)
    head = Direct(averaging=0.7).head(4)
    head.after_step(first)
    torch.testing.assert_close(head.moment.value, first.T @ first / 32, msg="the first batch does not count in full")
    head.after_step(second)
    expected = 0.7 * first.T @ first / 32 + 0.3 * second.T @ second / 32
    torch.testing.assert_close(head.moment.value, expected, msg="F is not mu F + (1 - mu) E[f f^T]")


def test_the_spectral_norm_follows_a_second_moment_that_changes():
    head = Direct(ep.DirectCopy(eps=0.0)).head(8)
    for step in range(30):
        head.after_step(rows(64, 8, seed=step) * torch.linspace(1, 2 + 0.05 * step, 8))
    top = np.linalg.norm(head.predictor.double().numpy(), 2)
    assert abs(top - 1) < 0.02, f"F/|F| has spectral norm {top:.4f}"


def test_every_sets_the_predictor_only_then():
    head = Direct(ep.DirectPred(), every=3).head(4)
    seen = []
    for step in range(7):
        head.after_step(rows(32, 4, seed=step))
        seen.append(head.predictor.clone())
    changed = [at for at in range(1, 7) if not torch.equal(seen[at], seen[at - 1])]
    assert changed == [3, 6], f"set at steps {changed} instead of every third"


def test_an_eigenspace_that_is_shared_has_alignment_one():
    head = Direct(ep.DirectPred()).head(5)
    head.after_step(rows(64, 5) * torch.linspace(0.5, 2, 5))
    shown = head.describe()
    assert shown["alignment"] == pytest.approx(1.0, abs=1e-4)
    assert shown["eigenvalues"] == sorted(shown["eigenvalues"], reverse=True)


def test_a_linear_predictor_shows_how_far_it_is_aligned():
    head = BYOL(hidden=0).head(6)
    head.after_step(rows(64, 6) * torch.linspace(0.5, 2, 6))
    assert 0 <= head.describe()["alignment"] < 0.95, "a random predictor does not share the eigenspace of F"


def test_constant_projections_leave_a_finite_predictor():
    for alpha in (0.5, 1.0, 2.0):
        head = Direct(ep.DirectSet(alpha=alpha)).head(3)
        head.after_step(torch.zeros(8, 3))
        assert torch.isfinite(head.predictor).all(), f"alpha = {alpha}: F = 0 gives a predictor that is not finite"


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_finite_loss_with_gradient_and_a_name_that_leads_back(name):
    method = build_method(name)
    assert method_of(named(method)) == method, f"{name} is not what its card says"
    Z = rows(24, 6).requires_grad_(True)
    head = method.head(6)
    for views in (2, 3):
        loss = sum(head.terms(Z, Z.detach(), ep.Relation.from_views(24 // views, views)).values())
        (gradient,) = torch.autograd.grad(loss, Z)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all(), f"{name}, {views} views: loss {loss}"
        assert gradient.abs().max() > 0, f"{name}, {views} views: no gradient reaches the projections"


def test_an_objective_becomes_its_method():
    assert as_method(ep.VICReg()) == Joint(ep.VICReg())
    assert as_method(ep.DirectCopy()) == Direct(ep.DirectCopy())
    assert as_method("barlow-twins") == Joint(ep.BarlowTwins())
    assert as_method("direct-pred").objective.alpha == 0.5
    assert Direct(ep.DirectSet(weight_decay=0.01)).weight_decay == 0.01


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: as_method("vicre"), "did you mean 'vicreg'"),
        (lambda: build_method("vicreg", invarianse=1.0), "did you mean 'invariance'"),
        (lambda: as_method(3), "is no method"),
        (lambda: Joint(ep.DirectCopy()), "train it with Direct"),
        (lambda: BYOL(momentum=1.5), "from 0 to 1"),
        (lambda: BYOL(stop_gradient=False), "another network"),
        (lambda: Direct(stop_gradient=False), "momentum=None"),
        (lambda: SimSiam(hidden=-1), "hidden"),
        (lambda: Direct(every=0), "every"),
    ],
)
def test_errors_say_what_is_allowed(wrong, words):
    with pytest.raises((ValueError, TypeError), match=words):
        wrong()
