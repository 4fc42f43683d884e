"""Losses of torch rows: whichever way round a moment is taken, value and gradient are those of its definition."""

import numpy as np
import pytest

import eigenpairs as ep
from eigenpairs.objective.moments import BatchMoments

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from eigenpairs.objective import info_nce, torch_moments  # noqa: E402
from eigenpairs.objective.torch_info_nce import AmongOthers, UnitRows  # noqa: E402
from eigenpairs.objective.torch_weightings import add_transpose  # noqa: E402

OBJECTIVES = {
    "vicreg": ep.VICReg(2.0, 5.0, 0.7),
    "least squares": ep.VICReg(1.0, 1.0, 0.3, form="least-squares"),
    "barlow": ep.BarlowTwins(0.1),
    "spectral contrastive": ep.SpectralContrastive(),
    "whitening": ep.Whitening(),
    "log det": ep.LogDet(2.0, 0.05),
}
"""Every loss that is a function of second moments."""


def relations(n: int) -> dict:
    """Relations over n rows (n a multiple of 6): two views, more, uneven groups and weighted edges with lone rows."""
    rng = np.random.default_rng(4)
    i, j = rng.integers(0, n - 1, 2 * n), rng.integers(0, n - 1, 2 * n)
    return {
        "views": ep.Relation.from_views(n // 2, 2),
        "three views": ep.Relation.from_views(n // 3, 3),
        "twice the views": 2.0 * ep.Relation.from_views(n // 2, 2),
        "labels": ep.Relation.from_labels(rng.integers(0, 4, n)),
        "weighted edges": ep.Relation.from_edges(i[i != j], j[i != j], rng.random(2 * n)[i != j], n_samples=n),
    }


def rows_of(n: int, K: int, dtype=torch.float64):
    rng = np.random.default_rng(n + K)
    mixed = rng.standard_normal((n, K)) * np.geomspace(1.3, 0.4, K) + rng.standard_normal(K)
    return torch.tensor(mixed, dtype=dtype, requires_grad=True)


def value_and_gradient(terms, Z):
    loss = sum(terms.values())
    return loss.detach(), torch.autograd.grad(loss, Z)[0]


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("kind", relations(12))
@pytest.mark.parametrize("n, K", [(12, 30), (24, 25), (12, 12), (30, 6), (30, 1)])
def test_value_and_gradient_are_those_of_the_definition(objective, kind, n, K):
    """By autograd through the (K, K) matrices; rows fewer than, as many as and more than columns."""
    if isinstance(objective, ep.Whitening) and K > 6:
        pytest.skip("white noise of few rows: autograd through pinv of a singular matrix is no reference")
    G, Z = relations(n)[kind], rows_of(n, K)
    expected, by_autograd = value_and_gradient(objective.moment_terms(BatchMoments(Z, G)), Z)
    found, gradient = value_and_gradient(objective.terms(Z, G), Z)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, msg="the value differs from the definition's")
    scale = float(by_autograd.abs().max()) + 1e-12
    torch.testing.assert_close(gradient / scale, by_autograd / scale, rtol=0, atol=1e-8)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("n, K", [(6, 14), (12, 4)])
def test_gradient_is_that_of_differences(objective, n, K):
    if isinstance(objective, ep.Whitening) and n < K:
        pytest.skip("moving one row changes the rank's directions")
    G = relations(n)["views"]
    assert torch.autograd.gradcheck(lambda Z: objective.loss(Z, G), (rows_of(n, K),))


def test_a_singular_whitening_has_the_gradient_of_its_span():
    """Columns that repeat others change nothing, and the gradient is that by differences within the span."""
    G, Z = ep.Relation.from_views(15, 2), rows_of(30, 3)
    mix = torch.tensor(np.random.default_rng(0).standard_normal((3, 5)))
    alone, repeated = ep.Whitening().loss(Z, G), ep.Whitening().loss(Z @ mix, G)
    assert float(repeated.detach() - alone.detach()) == pytest.approx(4.0 * 2, rel=1e-9)
    one, other = (torch.autograd.grad(loss, Z)[0] for loss in (alone, repeated))
    torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n, K", [(40, 100), (256, 32)])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_single_precision_keeps_five_digits(objective, n, K):
    if isinstance(objective, ep.Whitening) and n < K:
        pytest.skip("n rows have no n directions")
    G, Z = ep.Relation.from_views(n // 2, 2), rows_of(n, K)
    exact, exact_gradient = value_and_gradient(objective.terms(Z, G), Z)
    single = Z.detach().float().requires_grad_()
    found, gradient = value_and_gradient(objective.terms(single, G), single)
    assert float(found) == pytest.approx(float(exact), rel=2e-5, abs=1e-6)
    error = torch.linalg.norm(gradient - exact_gradient) / torch.linalg.norm(exact_gradient)
    assert error < 1e-4, f"the gradient is off by {error:.1e}"


@pytest.mark.parametrize("K", [3, 40])
def test_dead_columns_have_finite_gradients_of_zero(K):
    G = ep.Relation.from_views(8, 2)
    for objective in (ep.BarlowTwins(), ep.Whitening()):
        Z = rows_of(16, K, torch.float32).detach()
        Z[:, 1] = 3.1
        Z.requires_grad_()
        (gradient,) = torch.autograd.grad(objective.loss(Z, G), Z)
        assert torch.isfinite(gradient).all() and not gradient[:, 1].any(), f"{objective}, {K} columns"


@pytest.mark.parametrize("K", [3, 40])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_identical_views_correlate_perfectly(K, scale):
    half = scale * rows_of(10, K, torch.float32).detach()
    own, _ = torch_moments.TorchMoments(torch.cat([half, half]), ep.Relation.from_views(10, 2)).correlation
    torch.testing.assert_close(own, torch.ones(K), rtol=0, atol=1e-5)


def test_a_volume_that_rounding_makes_indefinite_is_taken_the_general_way():
    direction = torch.linspace(-1, 1, 64)[:, None] * torch.linspace(1, 2, 8)
    Z = (1e6 * direction).requires_grad_()
    loss = ep.LogDet(eps=1e-3).loss(Z, ep.Relation.from_views(32, 2))
    (gradient,) = torch.autograd.grad(loss, Z)
    assert torch.isfinite(loss) and torch.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("block_bytes", [info_nce.BLOCK_BYTES, 2**10])
def test_nt_xent_does_not_overflow_in_half_precision(dtype, block_bytes, monkeypatch):
    monkeypatch.setattr(info_nce, "BLOCK_BYTES", block_bytes)
    half = 30 * rows_of(20, 8, dtype).detach()
    Z = torch.cat([half, half]).requires_grad_()
    loss = ep.SimCLR(temperature=0.01).loss(Z, ep.Relation.from_views(20, 2))
    (gradient,) = torch.autograd.grad(loss, Z)
    assert loss.dtype == torch.float32 and gradient.dtype == dtype
    assert torch.isfinite(loss) and torch.isfinite(gradient).all()


@pytest.mark.parametrize("block_bytes", [info_nce.BLOCK_BYTES, 2**7])
def test_gradients_of_nt_xent_are_those_of_differences(block_bytes, monkeypatch):
    monkeypatch.setattr(info_nce, "BLOCK_BYTES", block_bytes)
    Z = rows_of(12, 3)
    assert torch.autograd.gradcheck(lambda Z: UnitRows.apply(Z, 1.7), (Z,))
    assert torch.autograd.gradcheck(AmongOthers.apply, (Z,))
    for G in relations(12).values():
        assert torch.autograd.gradcheck(lambda Z, G=G: ep.SimCLR(0.5).loss(Z, G), (Z,)), f"{G}"


def test_a_loss_may_be_differentiated_twice_over_the_same_graph():
    """Nothing that is kept for the gradient is changed by taking it."""
    G = ep.Relation.from_views(6, 2)
    for objective in (*OBJECTIVES.values(), ep.SimCLR()):
        for K in (4, 40):
            Z = rows_of(12, K)
            loss = objective.loss(Z, G)
            first, second = (torch.autograd.grad(loss, Z, retain_graph=True)[0] for _ in range(2))
            assert torch.equal(first, second), f"{objective}, {K} columns"


@pytest.mark.parametrize("K", [1, 128, 300])
def test_transpose_is_added_in_tiles(K):
    C = torch.randn(K, K, generator=torch.Generator().manual_seed(0))
    assert torch.equal(add_transpose(C.clone()), C + C.T)


@pytest.mark.parametrize("spread", [1e2, 1e3, 1e4])
def test_whitening_of_float32_rows_sees_weak_directions(spread):
    """Squares of rows in float32 would lose what is below 1/256 of the largest spread."""
    rng = np.random.default_rng(0)
    source, turn = rng.standard_normal((256, 64)), np.linalg.qr(rng.standard_normal((64, 64)))[0]
    Z = np.concatenate([source + 0.7 * rng.standard_normal((256, 64)) for _ in range(2)])
    Z, G = Z * np.geomspace(1, 1 / spread, 64) @ turn, ep.Relation.from_views(256, 2)
    exact = torch.tensor(Z, requires_grad=True)
    loss = ep.Whitening().loss(exact, G)
    loss.backward()
    rows = torch.tensor(Z, dtype=torch.float32, requires_grad=True)
    found = ep.Whitening().loss(rows, G)
    found.backward()
    assert found.dtype == rows.grad.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(float(loss.detach()), rel=1e-3), "weak directions count as missing"
    cosine = torch.nn.functional.cosine_similarity(rows.grad.double().ravel(), exact.grad.ravel(), dim=0)
    assert cosine > 0.999, "weak directions have no gradient"
    numpy = ep.Whitening().loss(Z.astype(np.float32), G)
    assert numpy.dtype == np.float32 and numpy == pytest.approx(float(loss.detach()), rel=1e-3), "numpy's differs"
