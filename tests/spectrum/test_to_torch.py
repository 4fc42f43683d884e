"""`Embedding.to_torch`: a layer with the numbers of `transform`."""

import sys

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.features import Kernel


@pytest.fixture
def torch():
    return require("torch", "deep")


@pytest.mark.parametrize("objective", [ep.VICReg(), ep.SpectralContrastive(), ep.BarlowTwins()])
def test_the_layer_computes_transform(torch, objective):
    X, G = rows_with_correlations([0.9, 0.7, 0.4])
    X = X @ np.random.default_rng(0).standard_normal((3, 3)) + [3, -2, 0]
    emb = ep.spectrum(X, G).embed(objective, 3)
    exact = emb.to_torch(dtype=torch.float64)
    assert isinstance(exact, torch.nn.Linear)
    np.testing.assert_allclose(exact(torch.from_numpy(X)).detach().numpy(), emb.transform(X), atol=1e-12)
    layer = emb.to_torch()
    assert layer.weight.dtype == layer.bias.dtype == torch.float32
    np.testing.assert_allclose(layer(torch.tensor(X, dtype=torch.float32)).detach(), emb.transform(X), atol=1e-5)
    assert emb.to_torch(device="meta").weight.device.type == "meta"


def test_training_goes_on_from_the_optimum(torch):
    """Gradients reach the layer, and vanish there: it is the optimum of the loss."""
    X, G = rows_with_correlations([0.9, 0.7, 0.4])
    emb = ep.spectrum(X, G).embed(ep.SpectralContrastive(), 3)
    layer, rows = emb.to_torch(dtype=torch.float64), torch.from_numpy(X)
    loss = emb.objective.loss(layer(rows), G)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(emb.optimum.loss)
    assert layer.weight.grad.abs().max() < 1e-8, "the gradient of the loss is not zero at its optimum"
    layer.zero_grad()
    (layer(rows) ** 2).sum().backward()
    assert layer.weight.grad.abs().max() > 1 and layer.bias.grad is not None


def test_state_dict_round_trip(torch):
    X, G = rows_with_correlations([0.9, 0.7])
    emb = ep.spectrum(X, G).embed(ep.SpectralContrastive())
    other = torch.nn.Linear(2, 3)
    other.load_state_dict(emb.to_torch().state_dict())
    rows = torch.tensor(X, dtype=torch.float32)
    torch.testing.assert_close(other(rows), emb.to_torch()(rows))


def test_each_tower_has_its_layer(torch):
    rng = np.random.default_rng(0)
    X_a = rng.standard_normal((80, 4))
    towers = ep.Towers(X_a, np.column_stack([X_a[:, :2], rng.standard_normal((80, 3))]))
    emb = ep.spectrum(towers).embed(ep.VICReg(), 2)
    for tower, X in enumerate(towers.sides):
        layer = emb.to_torch(tower, dtype=torch.float64)
        np.testing.assert_allclose(layer(torch.from_numpy(X)).detach(), emb.transform(X, tower=tower), atol=1e-12)
    with pytest.raises(ValueError, match="two towers; say which: tower=0 or tower=1"):
        emb.to_torch()
    mixed = ep.spectrum(towers, features=(ep.Linear(), Kernel(n_landmarks=10))).embed(ep.VICReg(), 2)
    assert mixed.to_torch(0).weight.shape == (2, 4)
    with pytest.raises(TypeError, match="Kernel features are no linear function of x"):
        mixed.to_torch(1)


def test_what_is_not_linear_is_refused():
    X, G = rows_with_correlations([0.9, 0.7])
    with pytest.raises(TypeError, match=r"Kernel features are no linear function of x; fit ep.Linear\(\)"):
        ep.spectrum(X, G, Kernel(n_landmarks=5)).embed(ep.VICReg(), 2).to_torch()
    with pytest.raises(ValueError, match="Free has no feature columns"):
        ep.spectrum(None, G, ep.Free()).embed(ep.VICReg(), 2).to_torch()


def test_missing_torch_says_which_extra(monkeypatch):
    X, G = rows_with_correlations([0.9, 0.7])
    emb = ep.spectrum(X, G).embed(ep.VICReg(), 2)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"to_torch needs torch.*pip install 'eigenpairs\[deep\]'"):
        emb.to_torch()
