"""InfoNCE: the definition by brute force, blocks, precision, and Gaussian optima against training."""

import numpy as np
import pytest
from scipy.optimize import minimize
from support import require

import eigenpairs as ep
from eigenpairs.objective import info_nce

CRITICS = ("cosine", "dot", "density-ratio")


def by_definition(objective, Z, G):
    """-sum_ij G_ij log softmax, candidate by candidate, on dense matrices."""
    Z = np.asarray(Z, dtype=np.float64)
    weight = G.to_sparse().toarray()
    np.fill_diagonal(weight, 0.0)
    if objective.critic == "cosine":
        rows = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        logits = rows @ rows.T / objective.temperature
    elif objective.critic == "dot":
        logits = Z @ Z.T / objective.temperature
    else:
        pi = G.degrees / G.total
        rows = Z - pi @ Z
        covariance = rows.T @ (pi[:, None] * rows) / objective.temperature
        values, vectors = np.linalg.eigh(covariance)
        rho = np.where(values > 1e-12, (np.sqrt(1 + 4 * values**2) - 1) / (2 * np.maximum(values, 1e-12)), values)
        bias = -0.5 * np.sum((rows @ vectors) ** 2 * rho, axis=1) / objective.temperature
        logits = rows @ rows.T / objective.temperature + bias
    candidate = ~np.eye(len(Z), dtype=bool)
    if G.tower is not None:
        candidate = G.tower[:, None] != G.tower[None, :]
    top = np.where(candidate, logits, -np.inf)
    log_softmax = logits - np.logaddexp.reduce(top, axis=1)[:, None]
    return -np.sum(weight * log_softmax) / weight.sum()


def relations():
    rng = np.random.default_rng(1)
    crossing = ep.Relation.between(rng.integers(0, 9, 20), rng.integers(0, 15, 20), rng.random(20), shape=(9, 15))
    return {
        "views": ep.Relation.from_views(12, 2),
        "three views": ep.Relation.from_views(8, 3),
        "groups": ep.Relation.from_groups(rng.integers(-1, 6, 24)),
        "labels, with self-pairs": ep.Relation.from_labels(rng.integers(0, 4, 24)),
        "weighted edges": ep.Relation.from_edges([0, 1, 5, 9], [7, 2, 6, 20], [1.0, 2.0, 0.1, 5.0], n_samples=24),
        "towers": crossing,
        "towers, rows in another order": crossing[rng.permutation(24)],
        "towers, one to one": ep.Relation.between(np.arange(12), np.arange(12)),
    }


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("relation", relations())
def test_loss_is_nt_xent_by_definition(critic, relation):
    G, objective = relations()[relation], ep.SimCLR(temperature=0.7, critic=critic)
    Z = np.random.default_rng(0).standard_normal((24, 5))
    assert float(objective.loss(Z, G)) == pytest.approx(by_definition(objective, Z, G), rel=1e-12)


@pytest.mark.parametrize("critic", CRITICS)
def test_blocks_do_not_matter(critic, monkeypatch):
    torch = require("torch", "deep")
    objective, rng = ep.SimCLR(temperature=0.5, critic=critic), np.random.default_rng(0)
    G = ep.Relation.from_groups(rng.integers(0, 12, 50))
    found = []
    for size in (info_nce.BLOCK_BYTES, 8):
        monkeypatch.setattr(info_nce, "BLOCK_BYTES", size)
        Z = torch.tensor(np.random.default_rng(1).standard_normal((50, 6)), requires_grad=True)
        loss = objective.loss(Z, G)
        (gradient,) = torch.autograd.grad(loss, Z)
        found.append((float(loss.detach()), gradient.numpy(), float(objective.loss(Z.detach().numpy(), G))))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-14, err_msg="the gradient depends on the block size")
    assert found[1][2] == pytest.approx(found[0][0], rel=1e-12), "numpy in blocks differs from torch"


def test_gradient_is_that_of_the_dense_formula():
    torch = require("torch", "deep")
    Z = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    G = ep.Relation.from_views(10, 2)
    rows = torch.nn.functional.normalize(Z, dim=1)
    logits = (rows @ rows.T / 0.2).masked_fill(torch.eye(20, dtype=torch.bool), -torch.inf)
    target = torch.arange(20).roll(10)
    dense = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, target), Z)[0]
    ours = torch.autograd.grad(ep.SimCLR(temperature=0.2).loss(Z, G), Z)[0]
    torch.testing.assert_close(ours, dense, rtol=1e-10, atol=1e-12)


def test_small_temperature_in_half_precision():
    torch = require("torch", "deep")
    Z = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)).half().requires_grad_()
    G = ep.Relation.from_views(32, 2)
    for critic in ("cosine", "dot"):
        loss = ep.SimCLR(temperature=0.01, critic=critic).loss(Z, G)
        (gradient,) = torch.autograd.grad(loss, Z)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all(), f"{critic} overflows"


def test_temperatures_are_finite_or_refused():
    """Squares of 1 / temperature and rows over it in float32 stay in range, or a sentence says so."""
    Z, G = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32), ep.Relation.from_views(10, 2)
    for critic in ("cosine", "dot", "density-ratio"):
        for temperature in (1e-30, 1e30):
            objective = ep.SimCLR(temperature, critic)
            assert np.isfinite(objective.loss(Z, G)), f"{objective}"
            assert np.isfinite(objective.optimum([0.9, 0.5, 0.1]).loss), f"{objective}"
        with pytest.raises(ValueError, match=r"temperature = 1e-300 is not allowed; give a .* of at least 1e-30"):
            ep.SimCLR(1e-300, critic)


def test_rows_without_a_positive_are_candidates_of_others():
    """NT-Xent: a lone row is a negative for everyone, so what it holds counts, NaN included."""
    Z, G = np.random.default_rng(0).standard_normal((7, 3)), ep.Relation.from_groups([0, 1, 2, 0, 1, 2, -1])
    for critic in ("cosine", "dot"):
        objective, moved, spoilt = ep.SimCLR(critic=critic), Z.copy(), Z.copy()
        moved[-1], spoilt[-1] = Z[0], np.nan
        assert abs(objective.loss(moved, G) - objective.loss(Z, G)) > 0.1
        assert np.isnan(objective.loss(spoilt, G))


def test_scale_of_rows_does_not_matter_to_cosines():
    Z, G = np.random.default_rng(0).standard_normal((20, 4)), ep.Relation.from_views(10, 2)
    expected = float(ep.SimCLR().loss(Z, G))
    for scale in (1e-30, 1e30):
        assert float(ep.SimCLR().loss((scale * Z).astype(np.float32), G)) == pytest.approx(expected, rel=1e-4)


def test_inside_pairs_and_self_pairs_are_refused():
    Z = np.random.default_rng(0).standard_normal((6, 3))
    crossing = ep.Relation.between([0, 1], [0, 2], shape=(3, 3))
    with pytest.raises(ValueError, match="pairs inside one"):
        ep.SimCLR().loss(Z, crossing + ep.Relation.from_edges([0], [1], n_samples=6))
    with pytest.raises(ValueError, match="self-pairs only"):
        ep.SimCLR().loss(Z, ep.Relation.from_labels([0, 1, 2, 3, 4, 5]))


def test_neighbours_make_it_nnclr():
    """The positives of a row are its nearest neighbours in the embedding itself."""
    Z = np.random.default_rng(0).standard_normal((40, 3))
    G = ep.Relation.from_neighbors(Z, k=1)
    assert float(ep.SimCLR().loss(Z, G)) == pytest.approx(by_definition(ep.SimCLR(), Z, G))


class TestGains:
    def test_values_of_the_three_critics(self):
        rho = np.array([0.9, 0.7, 0.4, -0.3])
        np.testing.assert_allclose(ep.SimCLR(0.5, "dot").gains(rho), 0.5 * np.maximum(rho, 0))
        ratio = ep.SimCLR(0.5, "density-ratio").gains(rho)
        np.testing.assert_allclose(ratio[:3], 0.5 * rho[:3] / (1 - rho[:3] ** 2))
        assert ratio[3] == 0.0

    @pytest.mark.parametrize("temperature", [1e17, 1e8, 5.0, 0.5, 0.1, 0.001])
    def test_cosine_spends_its_budget(self, temperature):
        rho = np.array([0.9, 0.7, 0.4, -0.3])
        best = ep.SimCLR(temperature).optimum(rho)
        assert best.gains.sum() == pytest.approx(1 / temperature)
        on = best.gains > 0
        level = best.gains[on] - rho[on]
        np.testing.assert_allclose(level, level[0], err_msg="live gains are not rho plus one constant")
        assert (rho[~on] + level[0] <= 1e-12).all(), "a mode is dead that would still gain"

    def test_temperature_sets_the_rank(self):
        rho = 0.95 * np.exp(-0.04 * np.arange(64))
        ranks = [ep.SimCLR(tau).optimum(rho).rank for tau in (2.0, 0.5, 0.2, 0.1, 0.01)]
        assert ranks == sorted(ranks) and ranks[0] < 10 and ranks[-1] == 64

    def test_population_value_is_stationary_at_the_gains(self):
        """Never beaten by descent over all maps, where the value is a function of the map alone."""
        rng = np.random.default_rng(0)
        for critic in CRITICS:
            for rho in (np.array([0.9, 0.6, 0.3]), np.array([0.8, 0.5, -0.2]), np.array([0.5, 0.5, 0.1])):
                objective = ep.SimCLR(0.3, critic)
                best = objective.optimum(rho)
                found = min(
                    minimize(lambda a, o=objective, r=rho: o.population_loss(a.reshape(3, 3), r), start).fun
                    for start in rng.standard_normal((4, 9))
                )
                assert best.loss <= found + 1e-7, f"{critic}: descent reached {found} under {best.loss} at {rho}"
                assert best.loss == pytest.approx(found, abs=1e-4)

    def test_divergent_gains_are_capped(self):
        gains = ep.SimCLR(1.0, "density-ratio").gains([1.0, 0.5])
        assert gains[0] == pytest.approx(0.5e6, rel=1e-3) and np.isfinite(gains).all()

    def test_bias_is_that_of_the_gains_whatever_the_rotation(self):
        rho, objective = np.array([0.9, 0.5, 0.2]), ep.SimCLR(0.4, "density-ratio")
        phi, V = (
            np.random.default_rng(0).standard_normal((10, 3)),
            np.linalg.qr(np.random.default_rng(1).random((3, 3)))[0],
        )
        A = objective.optimum(rho).map() @ V
        expected = -np.sum(rho**2 * phi**2 / (2 * (1 - rho**2)), axis=1)
        np.testing.assert_allclose(objective.bias(phi @ A, A.T @ A), expected, rtol=1e-10)


def adam_on_gaussians(objective, rho, n_pairs, steps, rate=0.05):
    """Gains and mean late loss of linear maps trained on fresh Gaussian pairs."""
    torch = require("torch", "deep")
    generator = torch.Generator().manual_seed(0)
    rho = torch.tensor(rho)
    A = torch.nn.Parameter(0.3 * torch.randn(len(rho), len(rho), generator=generator, dtype=torch.float64))
    optimiser = torch.optim.Adam([A], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    G, losses = ep.Relation.between(np.arange(n_pairs), np.arange(n_pairs)), []
    for _ in range(steps):
        x, noise = torch.randn(2, n_pairs, len(rho), generator=generator, dtype=torch.float64)
        loss = objective.loss(torch.cat([x, rho * x + torch.sqrt(1 - rho**2) * noise]) @ A, G)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    A = A.detach().numpy()
    return np.diag(A @ A.T), float(np.mean(losses[-steps // 5 :]))


class TestAgainstTraining:
    def test_gaussian_optima_agree_with_adam_on_sampled_gaussians(self):
        """Dot product: gains near tau rho, loss near log N - sum rho^2 / 2."""
        rho = np.array([0.9, 0.7, 0.4])
        gains, loss = adam_on_gaussians(ep.SimCLR(1.0, "dot"), rho, n_pairs=512, steps=400)
        best = ep.SimCLR(1.0, "dot").optimum(rho)
        np.testing.assert_allclose(gains, best.gains, atol=0.06, err_msg="gains after training")
        assert loss == pytest.approx(np.log(512) + best.loss, abs=0.05)

    def test_density_ratio_reaches_the_information(self):
        rho = np.array([0.9, 0.7, 0.4])
        gains, loss = adam_on_gaussians(ep.SimCLR(1.0, "density-ratio"), rho, n_pairs=512, steps=400)
        best = ep.SimCLR(1.0, "density-ratio").optimum(rho)
        np.testing.assert_allclose(gains, best.gains, rtol=0.1, err_msg="gains after training")
        assert loss == pytest.approx(np.log(512) + best.loss, abs=0.05)
        assert loss > np.log(512) + best.loss - 0.02, "below log N - I, which no critic can be"

    def test_cosine_spends_a_budget(self):
        """Norms concentrate for many modes: D = 64, tau = .5 and .2, N = 512."""
        rho = 0.95 * np.exp(-0.04 * np.arange(64))
        for temperature, within in ((0.5, 0.05), (0.2, 0.1)):
            objective = ep.SimCLR(temperature)
            gains, loss = adam_on_gaussians(objective, rho, n_pairs=512, steps=150)
            best = objective.optimum(rho)
            assert np.corrcoef(gains, best.gains)[0, 1] > 0.97, f"gains at tau = {temperature}"
            assert loss == pytest.approx(np.log(512) + best.loss, abs=within)

    def test_without_the_bias_density_ratio_gains_are_worse_than_chance(self):
        rho, rng = np.array([0.95, 0.9]), np.random.default_rng(0)
        x, noise = rng.standard_normal((2, 512, 2))
        Z = np.concatenate([x, rho * x + np.sqrt(1 - rho**2) * noise])
        Z = Z * np.sqrt(ep.SimCLR(1.0, "density-ratio").gains(rho))
        G = ep.Relation.between(np.arange(512), np.arange(512))
        assert float(ep.SimCLR(1.0, "dot").loss(Z, G)) > np.log(512) > float(ep.SimCLR(1.0, "density-ratio").loss(Z, G))
