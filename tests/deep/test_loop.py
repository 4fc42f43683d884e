"""The training loop: batches, parts of a batch, targets, what collapses and what does not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

from deep_cases import SMALL, two_views  # noqa: E402

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.data import samples  # noqa: E402
from eigenpairs.deep.methods import BYOL, METHODS, Direct, Joint, SimSiam  # noqa: E402
from eigenpairs.deep.training.accumulate import backward_in_parts, parts_of  # noqa: E402
from eigenpairs.deep.training.batches import Batches  # noqa: E402

# ---------------------------------------------------------------- batches


def test_every_source_comes_once_an_epoch_with_all_its_views():
    X = np.arange(60.0)[:, None]
    batches = Batches(samples(X), None, ep.Relation.from_views(30, 2), 10, 0, "cpu")
    seen = [batch.views[:, 0].reshape(2, -1) for batch in batches.epoch(0)]
    assert len(seen) == batches.steps == 3
    first = torch.cat([views[0] for views in seen])
    assert sorted(first.tolist()) == list(range(30)), "not every source came once"
    assert all(torch.equal(views[0] + 30, views[1]) for views in seen), "views of different sources were paired"


def test_pairs_are_drawn_from_a_relation():
    X = np.arange(40.0)[:, None]
    G = ep.Relation.from_edges([0, 2, 4], [1, 3, 5], n_samples=40)
    batches = Batches(samples(X), None, G, 4, 0, "cpu")
    assert batches.n_sources == 6, "an epoch has as many pairs as rows with a partner"
    for batch in batches.epoch(3):
        a, b = batch.views[:, 0].reshape(2, -1)
        assert all(abs(x - y) == 1 and min(x, y) % 2 == 0 for x, y in zip(a.tolist(), b.tolist())), "not a pair of G"


def test_epochs_differ_and_repeat_for_a_seed():
    X = np.arange(64.0)[:, None]

    def order(seed, epoch):
        batches = Batches(samples(X), [_noise, _noise], None, 16, seed, "cpu")
        return torch.cat([batch.views for batch in batches.epoch(epoch)])

    assert torch.equal(order(0, 1), order(0, 1)), "an epoch is not the same for the same seed"
    assert not torch.equal(order(0, 1), order(0, 2)), "epochs are equal"
    assert not torch.equal(order(0, 1), order(1, 1)), "seeds are equal"


def _noise(x, generator):
    return x + torch.randn(x.shape, generator=generator), {}


def test_batches_refuse_what_gives_no_pairs():
    X, G = two_views(20)
    with pytest.raises(ValueError, match="needs a relation"):
        Batches(samples(X), None, None, 4, 0, "cpu")
    with pytest.raises(ValueError, match="one per sample"):
        Batches(samples(X[:10]), None, G, 4, 0, "cpu")
    with pytest.warns(UserWarning, match="reduced to the 20 sources"):
        Batches(samples(X), None, G, 64, 0, "cpu")


# ---------------------------------------------------------- parts of a batch


class _Two(torch.nn.Module):
    """Features and projections, with dropout."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.first, self.dropout, self.last = torch.nn.Linear(6, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 4)

    def forward(self, x):
        H = self.dropout(torch.relu(self.first(x)))
        return H, self.last(H)


@pytest.mark.parametrize("objective", [ep.VICReg(), ep.BarlowTwins(), ep.SimCLR(), ep.SpectralContrastive()])
@pytest.mark.parametrize("n_parts", [2, 3, 5])
def test_a_batch_in_parts_has_the_gradient_of_the_whole_batch(objective, n_parts):
    torch.manual_seed(0)
    network = _Two().double()
    X, G = two_views(30)
    x = torch.as_tensor(X)
    objective.loss(network(x)[1], G).backward()
    whole = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()

    def backward(tensor, gradient=None):
        tensor.backward(gradient=gradient)

    backward_in_parts(network, x, parts_of(len(x), 2, n_parts), lambda Z: objective.loss(Z, G), backward)
    for parameter, expected in zip(network.parameters(), whole):
        torch.testing.assert_close(parameter.grad, expected, msg=f"{n_parts} parts change the gradient")


def test_dropout_is_the_same_in_both_passes_over_a_part():
    torch.manual_seed(0)
    network = _Two(dropout=0.5).double()
    X, G = two_views(30)
    seen = []
    network.dropout.register_forward_hook(lambda module, given, out: seen.append(out.detach().clone()))
    backward_in_parts(
        network, torch.as_tensor(X), parts_of(60, 2, 2), lambda Z: ep.VICReg().loss(Z, G),
        lambda tensor, gradient=None: tensor.backward(gradient=gradient),
    )  # fmt: skip
    assert torch.equal(seen[0], seen[2]) and torch.equal(seen[1], seen[3]), "the second pass drew another dropout"
    assert not torch.equal(seen[0] == 0, seen[1] == 0), "both parts drew the same dropout"


def test_running_statistics_move_once_a_step():
    norm = torch.nn.BatchNorm1d(6)
    network = torch.nn.ModuleList([norm])
    network.forward = lambda x: (norm(x), norm.weight * x)
    X, G = two_views(30)
    x = torch.as_tensor(X, dtype=torch.float32)
    backward_in_parts(
        network, x, parts_of(60, 2, 1), lambda Z: ep.VICReg().loss(Z, G),
        lambda tensor, gradient=None: tensor.backward(gradient=gradient),
    )  # fmt: skip
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean(0), msg="running statistics moved twice")


def test_training_in_parts_is_training_on_the_whole_batch():
    X, G = two_views()
    whole, parts = (
        ep.deep.train(X, "vicreg", encoder="linear", projector=None, relation=G, epochs=3, batch_size=120, lr=0.01,
                      optimizer="sgd", accumulate=accumulate, **SMALL).transform(X)
        for accumulate in (1, 4)
    )  # fmt: skip
    np.testing.assert_allclose(whole, parts, atol=1e-4, err_msg="accumulation changed what is trained")


# ------------------------------------------------- where the two halves meet


@pytest.mark.parametrize(
    "objective",
    [ep.VICReg(), ep.BarlowTwins(redundancy=0.05), ep.VICReg(form="least-squares"), ep.SpectralContrastive()],
    ids=repr,
)
def test_a_linear_encoder_converges_to_the_exact_optimum(objective):
    X, G = two_views(400, 8)
    run = ep.deep.train(
        X, objective, encoder={"name": "linear", "n_features": 8}, projector=None, relation=G, epochs=400,
        batch_size=400, optimizer="adamw", lr=0.03, weight_decay=0.0, every=0, **SMALL,
    )  # fmt: skip
    optimum = objective.optimum(ep.spectrum(X, G).rho, 8)
    loss = float(objective.loss(run.project(X).astype(np.float64), G))
    scale = sum(abs(float(term)) for term in objective.terms(run.project(X).astype(np.float64), G).values())
    assert optimum.exact
    assert -1e-6 * scale < loss - optimum.loss < 0.01 * abs(optimum.loss), f"trained {loss}, exact {optimum.loss}"


def test_the_certificate_of_a_converged_head_closes():
    X, G = two_views(400, 8)
    run = ep.deep.train(
        X, ep.VICReg(), encoder={"name": "linear", "n_features": 8}, projector=None, relation=G, epochs=300,
        batch_size=400, optimizer="adamw", lr=0.03, weight_decay=0.0, every=100, certificate_every=100, rows=400,
        progress=False,
    )  # fmt: skip
    gaps = [record["gap"] for record in run.history if record.get("gap") is not None]
    assert len(gaps) == 3 and gaps[-1] < 0.01 * run.history[-1]["optimum_loss"], f"gaps {gaps}"
    assert run.history[-1]["certificate_exact"]


@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
def test_a_linear_network_under_directcopy_stays_at_the_predicted_fixed_point(norm):
    X, G = two_views(400, 24, noise=0.6)
    spec = ep.spectrum(X, G)
    white, objective = spec.transform(X), ep.DirectSet(alpha=1.0, eps=0.3, norm=norm, weight_decay=1e-3)
    gains = objective.gains(spec.rho)
    encoder = torch.nn.Linear(24, 24, bias=False)
    shape = {"spectral": lambda b: b / b.max(), "frobenius": lambda b: b / np.linalg.norm(b)}[norm]
    # Ten times the energies that theory predicts, up to a disturbance of the small ones: it is the shape that returns.
    with torch.no_grad():
        encoder.weight.copy_(torch.diag(torch.as_tensor(np.sqrt(10 * np.maximum(gains, 0.02 * gains.max())))))
    run = ep.deep.train(
        white, Direct(objective, averaging=0.0, momentum=None), encoder=encoder, projector=None, relation=G, epochs=400,
        batch_size=400, optimizer="sgd", lr=0.02, schedule="constant", every=0, **SMALL,
    )  # fmt: skip
    Z = run.project(white).astype(np.float64)
    found = shape(np.sort(np.linalg.eigvalsh(Z.T @ Z))[::-1])
    np.testing.assert_allclose(found, gains, atol=0.06, err_msg="the fixed point of the cosine law is none of training")


# ------------------------------------------------------ targets and collapse


def test_the_target_network_is_a_moving_average():
    from eigenpairs.deep.network import Network, Units
    from eigenpairs.deep.settings.config import Training
    from eigenpairs.deep.train import _fabric
    from eigenpairs.deep.training.loop import Loop

    X, G = two_views(64)
    data, training = samples(X), Training(epochs=1, batch_size=64, lr=0.1)
    network = Network(Units.of(data), torch.nn.Linear(6, 4), torch.nn.Identity())
    loop = Loop(
        network, BYOL(momentum=0.9, ramp=False), 4, Batches(data, None, G, 64, 0, "cpu"), training, _fabric(training)
    )
    before = loop.network.encoder.weight.detach().clone()
    loop.epoch(0, lambda record: None)
    expected = 0.9 * before + 0.1 * loop.network.encoder.weight.detach()
    torch.testing.assert_close(loop.target.encoder.weight, expected, msg="target is not .9 target + .1 network")
    assert not loop.target.encoder.weight.requires_grad


COLLAPSING = {
    "no stop-gradient": SimSiam(hidden=32, stop_gradient=False),
    "no predictor": SimSiam(predictor=False),
    "a target network and no predictor": BYOL(predictor=False, momentum=0.5, ramp=False),
}


@pytest.mark.parametrize("method", COLLAPSING.values(), ids=COLLAPSING)
def test_without_predictor_or_stop_gradient_the_alarm_fires(method):
    run = _spoken(method)
    assert run.history[-1]["alarm"], f"{method}: no alarm, RankMe {run.history[-1]['rankme_projection']}"


@pytest.mark.parametrize(
    "method", [SimSiam(hidden=8), Joint(ep.VICReg()), Direct()], ids=["simsiam", "vicreg", "direct"]
)
def test_with_them_it_does_not(method):
    run = _spoken(method)
    assert not run.history[-1]["alarm"], run.history[-1]["alarm_text"]


def _spoken(method):
    X, G = two_views(400, 16, noise=0.3)
    lr = 0.02 if isinstance(method, Joint) else 0.2
    return ep.deep.train(
        X, method, encoder={"name": "mlp", "hidden": [64], "n_features": 32}, projector={"hidden": [], "n_outputs": 16},
        relation=G, epochs=60, batch_size=100, lr=lr, every=60, certificate_every=0, **(SMALL | {"rows": 200}),
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_with_its_defaults(method):
    X, G = two_views(240, 16)
    run = ep.deep.train(
        X, method, relation=G, projector={"hidden": [64], "n_outputs": 24}, epochs=6, batch_size=60,
        certificate_every=0, **(SMALL | {"rows": 240}),
    )  # fmt: skip
    assert run.history[-1]["loss"] < run.history[0]["loss"], f"{method}: {[r['loss'] for r in run.history]}"
    assert not run.history[-1]["alarm"], run.history[-1]["alarm_text"]


def test_whitening_of_more_columns_than_a_batch_has_sources_is_said_to_fit_it_exactly():
    X, G = two_views(60)
    with pytest.warns(UserWarning, match="30 sources.*128 columns"):
        ep.deep.train(X, "whitening", relation=G, epochs=1, batch_size=30, certificate_every=0, **SMALL)
