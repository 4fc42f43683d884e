"""Numeric optima: never worse than the closed form they start from, and equal to it where that is exact."""

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.spectrum.refine import conjugate_gradients

pytestmark = pytest.mark.usefixtures("torch_is_there")


@pytest.fixture
def torch_is_there():
    require("torch", "deep")


def gaussian_views(rho, n=600, seed=0):
    x, noise = np.random.default_rng(seed).standard_normal((2, n, len(rho)))
    return np.concatenate([x, rho * x + np.sqrt(1 - rho**2) * noise]), ep.Relation.from_views(n, 2)


@pytest.mark.parametrize("critic", ["cosine", "dot", "density-ratio"])
@pytest.mark.parametrize("over", ["gains", "map"])
def test_improves_the_loss_on_its_pairs(critic, over):
    X, G = gaussian_views(np.array([0.95, 0.8, 0.6, 0.3, 0.1]))
    emb = ep.spectrum(X, G).embed(ep.SimCLR(0.3, critic))
    found = emb.refined(G, over=over, n_pairs=200)
    before = float(found.optimum.note.split("; loss there ")[1].split(", ")[1].split()[0])
    assert found.optimum.loss < before and not found.optimum.exact
    assert found.optimum.loss == pytest.approx(
        float(found.optimum.note.split("loss there ")[1].split(",")[0]), rel=1e-4
    )
    np.testing.assert_allclose((found.map**2).sum(axis=1), found.optimum.gains[: len(found.map)])


def test_gaussian_modes_keep_their_gains():
    X, G = gaussian_views(np.array([0.9, 0.7, 0.4]), n=4000)
    emb = ep.spectrum(X, G).embed(ep.SimCLR(1.0, "density-ratio"))
    found = emb.refined(G, n_pairs=1500)
    assert "converged" in found.optimum.note and "not converged" not in found.optimum.note
    np.testing.assert_allclose(found.optimum.gains, emb.optimum.gains, rtol=0.2)


def test_an_exact_optimum_stays_where_it_is():
    """All pairs of a spectrum that is exact on them: nothing is left to gain."""
    X, G = rows_with_correlations([0.9, 0.6, 0.3], n_sources=50)
    objective = ep.VICReg(0.5, 1.0, form="least-squares")
    emb = ep.spectrum(X, G).embed(objective)
    found = conjugate_gradients(_loss_of(objective, X, G, emb), emb.map, False, 50, 1e-8)
    assert found.value == pytest.approx(emb.optimum.loss, abs=1e-9)


def _loss_of(objective, X, G, emb):
    import torch

    phi = torch.tensor(emb.spectrum.transform(X))

    def value(A):
        A = torch.tensor(A, requires_grad=True)
        loss = objective.loss(phi @ A, G)
        return float(loss.detach()), torch.autograd.grad(loss, A)[0].numpy()

    return value


def test_descends_on_the_sphere_to_an_eigenvector():
    rng = np.random.default_rng(0)
    H = rng.standard_normal((6, 6))
    H = H @ H.T

    def value(x):
        return float(x @ H @ x / (x @ x)), 2 * (H @ x - x * (x @ H @ x) / (x @ x)) / (x @ x)

    found = conjugate_gradients(value, 3 * rng.standard_normal(6), True, 500, 1e-6)
    assert found.converged and found.value == pytest.approx(np.linalg.eigvalsh(H)[0])


def test_a_line_search_that_rounding_stops_is_tried_along_the_gradient():
    """Far from the origin of the values a conjugate direction often shows no decrease while the gradient does."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        Q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
        H = Q * np.geomspace(1, 1e4, 8) @ Q.T

        def value(x, H=H):
            return float(1e3 + 0.5 * x @ H @ x + np.sum(x**4)), H @ x + 4 * x**3

        found = conjugate_gradients(value, rng.standard_normal(8), False, 2000, 1e-12)
        assert found.converged and found.value == pytest.approx(1e3, abs=1e-8)


def test_reads_the_rows_of_the_pairs_alone():
    X, G = gaussian_views(np.array([0.9, 0.7, 0.4]), n=5000)
    emb = ep.spectrum(X, G).embed(ep.SimCLR(0.5))
    read = []

    class Spied(np.ndarray):
        def __getitem__(self, rows):
            found = np.asarray(super().__getitem__(rows))
            read.append(len(found))
            return found

    found = emb.refined(G, X=X.view(Spied), n_pairs=50, max_iter=2)
    assert sum(read) == 100, f"{sum(read)} rows were read for 50 pairs"
    np.testing.assert_array_equal(found.map, emb.refined(G, n_pairs=50, max_iter=2).map)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(emb.refined(G, X=torch.tensor(X), n_pairs=50, max_iter=2).map, found.map)


def test_the_free_class_is_refined_on_its_own_rows():
    X = gaussian_views(np.array([0.9, 0.5]), n=30)[0]
    near = ep.Relation.from_neighbors(X, 5)
    emb = ep.spectrum(None, near, features=ep.Free(), n_components=5).embed(ep.SimCLR(0.5))
    assert emb.refined(near, n_pairs=40, max_iter=5).map.shape == (5, 5)


def test_towers_and_repeats():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 3))
    towers = ep.Towers(*(hidden + 0.5 * rng.standard_normal((300, 3)) for _ in range(2)))
    emb = ep.spectrum(towers).embed(ep.SimCLR(0.5))
    first, second = (emb.refined(n_pairs=100) for _ in range(2))
    np.testing.assert_array_equal(first.map, second.map, err_msg="a seed decides everything")
    assert first.optimum.gains.sum() == pytest.approx(emb.optimum.gains.sum()), "the scale is free and stays"


def test_refusals():
    X, G = gaussian_views(np.array([0.9, 0.5]), n=20)
    with pytest.raises(ValueError, match="needs no refining"):
        ep.spectrum(X, G).embed(ep.SpectralContrastive()).refined(G)
    with pytest.raises(ValueError, match=r"DirectSet\(.* has no scalar loss .* refine another objective"):
        ep.spectrum(X, G).embed(ep.DirectCopy()).refined(G)
    with pytest.raises(ValueError, match="no finite loss"):
        ep.spectrum(X, G).embed(ep.SimCLR()).refined(G, X=np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="relation has 6 rows and X has 40"):
        ep.spectrum(X, G).embed(ep.SimCLR()).refined(ep.Relation.from_views(3, 2))
    with pytest.raises(ValueError, match="over = 'rows'"):
        ep.spectrum(X, G).embed(ep.SimCLR()).refined(G, over="rows")
    with pytest.raises(TypeError, match="relation"):
        ep.spectrum(X, G).embed(ep.SimCLR()).refined()
