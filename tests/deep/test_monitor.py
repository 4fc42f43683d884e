"""The monitor: the same pairs at every look, no gap at the exact optimum, and an alarm that tells collapse apart."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from torch import nn  # noqa: E402

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.data.samples import Samples  # noqa: E402
from eigenpairs.deep.network import Network, Units  # noqa: E402
from eigenpairs.deep.watching.monitor import Monitor  # noqa: E402

N, D, K = 300, 8, 4


def rows(seed=0, n=N):
    """Two noisy copies of n sources, the first columns cleaner than the last; the label is the sign of the first."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, D))
    X = np.concatenate([source + np.linspace(0.2, 1.5, D) * rng.standard_normal((n, D)) for _ in range(2)])
    return Samples(X.astype(np.float32), "rows", {"sign": np.tile((source[:, 0] > 0).astype(np.int64), 2)})


def noisy(x, generator):
    drawn = 0.3 * torch.randn(x.shape, generator=generator, device=x.device)
    return x + drawn, {"noise": drawn}


def network(seed=0, head=None):
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Linear(D, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.3))
    return Network(Units(torch.zeros(D), torch.ones(D)), body, head or nn.Linear(16, K))


def with_projections_of(transform):
    """A healthy encoder whose projections go wrong."""

    class Broken(nn.Module):
        def forward(self, H):
            return transform(H)

    return Network(nn.Identity(), nn.Identity(), Broken())


def monitor(**options):
    return Monitor(rows(), [noisy, noisy], **{"objective": ep.VICReg(), "rows": N} | options)


def test_a_healthy_network_raises_no_alarm_and_its_record_is_json():
    record = monitor().measure(network(), epoch=0)
    assert record["verdict"] == record["verdict_projection"] == "healthy"
    assert record["alarm"] is False and record["alarm_text"] == ""
    assert set(record["knn"]) == {"sign"} and record["knn"]["sign"] > 0.7
    assert 1 < record["rankme"] <= 16 and 1 < record["rankme_projection"] <= K
    assert len(record["rho"]) == K and record["rho"] == sorted(record["rho"], reverse=True)
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(
    "transform, words",
    [
        (lambda H: 0 * H + 1, "constant"),
        (lambda H: H[:, :1] @ torch.ones(1, K), "one direction"),
        (lambda H: H * float("nan"), "NaN"),
        (lambda H: torch.where(torch.arange(len(H))[:, None] == 3, torch.inf, H), "NaN or inf"),
    ],
    ids=["constant", "rank one", "nan", "one infinite row"],
)
@pytest.mark.parametrize("objective", [None, ep.VICReg(), ep.DirectCopy(), ep.SimCLR()], ids=str)
def test_collapse_and_nan_raise_the_alarm_without_crashing(transform, words, objective):
    record = monitor(objective=objective, rows=60).measure(with_projections_of(transform), epoch=0)
    assert record["alarm"] and words in record["alarm_text"], f"no alarm: {record['alarm_text']!r}"
    assert record["alarm_text"].startswith("projections:") and record["verdict"] == "healthy"
    json.dumps(record, allow_nan=False)


def test_features_of_nan_are_invalid_and_have_no_numbers():
    net = network()
    with torch.no_grad():
        net.encoder[0].weight.fill_(float("nan"))
    record = monitor().measure(net, epoch=0)
    assert record["verdict"] == "invalid" and record["alarm"]
    assert record["knn"] == {"sign": None} and record["sum_rho"] is None and record["rho"] == []
    assert record["gap"] is None and "NaN" in record["certificate"]


@pytest.mark.parametrize("objective, rings", [(None, True), (ep.DirectCopy(), True), (ep.VICReg(), False)], ids=str)
def test_pointing_one_way_is_a_collapse_only_where_directions_are_compared(objective, rings):
    record = monitor(objective=objective).measure(with_projections_of(lambda H: H + 40), epoch=1)
    assert record["alarm"] is rings, record["alarm_text"]
    assert not rings or "same way" in record["alarm_text"]


def test_a_spread_that_stays_small_rings_and_one_that_grows_does_not():
    """Networks begin with projections that point almost the same way, and leave that only if they learn."""
    ours, net = monitor(objective=None), with_projections_of(lambda H: H + 8)
    record = ours.measure(net, epoch=0)
    assert 0.1 < record["spread"] < 0.2 and not record["alarm"], "an untrained network rings"
    assert not ours.measure(net, epoch=1, before=record["spread"] / 2)["alarm"], "a growing spread rings"
    again = ours.measure(net, epoch=1, before=record["spread"])
    assert again["alarm"] and "unless it grows" in again["alarm_text"]


def test_rho_of_fewer_sources_than_columns_is_not_told():
    record = Monitor(rows(), [noisy, noisy], rows=K // 2).measure(network(), epoch=0)
    assert record["rho"] == [] and record["sum_rho"] is None


@pytest.mark.parametrize(
    "objective",
    [
        ep.VICReg(),
        ep.VICReg(form="least-squares"),
        ep.BarlowTwins(),
        ep.SpectralContrastive(),
        ep.Whitening(),
        ep.LogDet(),
    ],
    ids=str,
)
def test_a_linear_head_at_the_exact_optimum_has_no_gap(objective):
    watch = monitor(objective=objective)
    net = network()
    H, _ = watch.watched.embed(net, watch.samples, "cpu", 100)
    exact = ep.spectrum(H.astype(np.float64), watch.watched.relation).embed(objective, n_components=K).to_torch()
    best = watch.measure(network(head=exact), epoch=0)
    other = watch.measure(net, epoch=0)
    size = abs(best["optimum_loss"]) + 1
    assert best["certificate_exact"] and other["optimum_loss"] == pytest.approx(best["optimum_loss"], rel=1e-9)
    assert abs(best["gap"]) < 1e-4 * size, f"the optimum has a gap of {best['gap']}"
    assert other["gap"] > 1e-3 * size, "a random head has no gap"


def test_any_linear_head_has_a_gap_that_is_not_negative():
    watch = monitor(objective=ep.BarlowTwins(), rows=100)
    for seed in range(10):
        record = watch.measure(network(head=nn.Linear(16, K)), epoch=0)
        assert record["gap"] > -1e-6, f"seed {seed}: a head is better than the optimum of its class"


def test_info_nce_is_certified_without_a_bound():
    record = monitor(objective=ep.SimCLR(temperature=0.5), rows=60).measure(network(), epoch=0)
    assert record["gap"] > 0 and record["certificate_exact"] is False and "no bound" in record["certificate"]


def test_the_first_sources_are_pairs_of_their_own():
    watched = monitor(rows=50).watched
    index, pairs = watched.first(20)
    assert index.tolist() == [*range(20), *range(50, 70)] and pairs.n_samples == 40
    whole, relation = watched.first(51)
    assert whole.tolist() == list(range(100)) and relation is watched.relation


def test_certificates_come_as_often_as_asked():
    watch = monitor(certificate_every=3, rows=60)
    found = ["gap" in watch.measure(network(), epoch) for epoch in range(5)]
    assert found == [True, False, False, True, False]
    assert "gap" in watch.measure(network(), 1, certificate=True)
    assert "gap" not in watch.measure(network(), 0, certificate=False)
    assert "gap" not in monitor(certificate_every=0, rows=60).measure(network(), 0)
    assert "gap" not in monitor(objective=None, rows=60).measure(network(), 0)


def test_the_same_network_gives_the_same_record_and_is_left_as_it_was():
    net, watch = network().train(), monitor()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    first = watch.measure(net, epoch=0)
    assert torch.equal(torch.random.get_rng_state(), state), "measuring moved the global random state"
    torch.rand(5)
    assert watch.measure(net, epoch=0) == first, "two looks at one network differ: pairs or views changed"
    assert all(part.training for part in net.modules()), "the network was left in eval mode"
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert monitor().measure(net, epoch=0) == first, "the same seed gives other pairs"
    assert monitor(seed=1).measure(net, epoch=0)["rho"] != first["rho"]


def test_batches_do_not_matter_to_what_is_deterministic():
    net = network()
    one, other = (
        Monitor(rows(), relation=ep.Relation.from_views(N, 2), objective=ep.VICReg(), batch_size=size).measure(net, 0)
        for size in (7, 512)
    )
    assert one["knn"] == other["knn"]
    for name in ("rankme", "sum_rho", "gap", "optimum_loss"):
        assert one[name] == pytest.approx(other[name], rel=1e-4), f"{name} depends on the batch size"


def test_bank_and_test_rows_are_disjoint_and_sources_are_kept_apart():
    watch = Monitor(rows(), relation=ep.Relation.from_views(N, 2), rows=200, test_fraction=0.3)
    bank, test = watch.splits["sign"]
    assert len(bank) + len(test) == 200 and 55 <= len(test) <= 65
    assert not set(bank % N) & set(test % N), "a source is on both sides"


def test_samples_without_label_are_never_neighbours():
    data = rows()
    y = np.where(np.arange(2 * N) % 3 == 0, data.labels["sign"], -1)
    watch = Monitor(Samples(data.inputs, "rows", {"some": y}), [noisy, noisy], rows=150)
    bank, test = watch.splits["some"]
    assert len(bank) + len(test) == 150 and (y[bank] >= 0).all() and (y[test] >= 0).all()
    assert set(watch.measure(network(), 1)["knn"]) == {"some"}


def labels_of_four():
    return ep.Relation.from_labels(np.arange(2 * N) % 4)


@pytest.mark.parametrize(
    "relation, views, shape",
    [
        (None, [noisy] * 3, (3, 50)),
        (ep.Relation.from_views(N, 2), None, (2, 50)),
        (ep.Relation.from_views(N, 2), [noisy] * 2, (2, 50)),
        (labels_of_four(), [noisy] * 2, (2, 50)),
        (labels_of_four(), None, (1, 50)),
        (ep.Relation.from_edges(np.arange(0, 400, 2), np.arange(1, 400, 2), n_samples=2 * N), None, (1, 50)),
    ],
    ids=["views", "relation of views", "both", "labels and views", "labels", "edges"],
)
def test_what_is_watched_are_pairs_as_in_training(relation, views, shape):
    watched = Monitor(rows(), views, relation, rows=50).watched
    assert watched.table.shape[0] == shape[0] and 30 <= watched.table.shape[1] <= shape[1]
    assert watched.relation.n_samples == watched.table.size and watched.relation.total > 0
    pairs = watched.relation.sample(0, 200)
    ends = watched.table.ravel()[pairs]
    if relation is None:
        assert (ends[:, 0] == ends[:, 1]).all(), "two views of a pair are of different samples"
    else:
        G = relation.to_sparse()
        assert all(G[i, j] > 0 for i, j in ends), "a pair that is watched is none of the relation"
    assert Monitor(rows(), views, relation, rows=50).measure(network(), 1)["sum_rho"] is not None


def test_a_set_predictor_has_its_fixed_point_beside_what_is_measured():
    watch = monitor(objective=ep.DirectCopy())
    record = watch.measure(network(), epoch=0)
    found = record["predictor"]
    assert record["gap"] is None and "no scalar loss" in record["certificate"]
    np.testing.assert_allclose(found["predicted"], ep.DirectCopy().gains(found["rho"]), atol=1e-9)
    assert np.sum(found["measured"]) == pytest.approx(np.sum(found["predicted"]))

    _, Z = watch.watched.embed(network(), watch.samples, "cpu", 100)
    modes = ep.spectrum(Z.astype(np.float64), watch.watched.relation).transform(Z.astype(np.float64))
    scaled = modes * np.sqrt(ep.DirectCopy().gains(found["rho"]))
    there = Monitor(Samples(scaled, "rows"), relation=watch.watched.relation, objective=ep.DirectCopy())
    at_end = there.measure(Network(nn.Identity(), nn.Identity(), nn.Identity()), epoch=0)["predictor"]
    np.testing.assert_allclose(at_end["measured"], at_end["predicted"], atol=1e-4)


def test_a_fixed_point_that_does_not_exist_is_said_so():
    nowhere = ep.DirectSet(norm="none", criterion="cosine")
    record = monitor(objective=nowhere).measure(network(), epoch=0)
    assert record["gap"] is None and "no isolated non-zero fixed point" in record["certificate"]


def test_what_cannot_be_watched_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="leave no positives"):
        Monitor(rows(), [noisy])
    with pytest.raises(ValueError, match="relation has 10 rows and the data 600"):
        Monitor(rows(), None, ep.Relation.from_views(5, 2))
    with pytest.raises(ValueError, match="'class' is no set of labels of the data; it has 'sign'"):
        Monitor(rows(), [noisy, noisy], labels=["class"])
    with pytest.raises(TypeError, match=r"give for instance ep\.VICReg"):
        Monitor(rows(), [noisy, noisy], objective="vicreg")
