"""Evaluation: frozen features that depend on nothing but the network, and probes that agree with scikit-learn."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from torch import nn  # noqa: E402

from eigenpairs import Relation  # noqa: E402
from eigenpairs.deep.data.samples import Samples  # noqa: E402
from eigenpairs.deep.evaluate import evaluate, features  # noqa: E402
from eigenpairs.deep.network import Network, Units  # noqa: E402


def digits(rows=slice(None)):
    X, y = load_digits(return_X_y=True)
    return Samples(X[rows].astype(np.float32), "rows", {"digit": y[rows], "odd": y[rows] % 2})


def encoder(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 16))


def images(n=40, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)
    return Samples(pixels, "images")


def test_features_do_not_depend_on_the_batch_size():
    found = [features(encoder(), digits(), batch_size=size) for size in (1, 7, 5000)]
    assert found[0].dtype == np.float32 and found[0].shape == (1797, 16)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5, err_msg="features depend on the batch size")


def test_every_part_is_put_back_into_its_own_mode():
    net = encoder().train()
    net[1].eval()  # a frozen batch norm
    features(net, digits(slice(50)))
    assert [part.training for part in net] == [True, False, True, True, True]
    net[4] = nn.Linear(32, 3).requires_grad_(False)
    net[0] = nn.Linear(64, 31)
    with pytest.raises(RuntimeError):
        features(net, digits(slice(50)))
    assert net[3].training and not net[1].training, "an error left the network in eval mode"


def test_features_leave_weights_statistics_and_random_state_alone():
    net = encoder().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    features(net, digits(slice(100)))
    assert torch.equal(torch.random.get_rng_state(), state), "the global random state moved"
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} changed"


def test_images_of_bytes_are_floats_in_the_unit_interval():
    x = features(nn.Flatten(), images())
    assert x.min() >= 0 and x.max() <= 1
    np.testing.assert_allclose(x.reshape(40, 3, 8, 8), images().inputs / 255, rtol=1e-6)


def test_a_view_comes_before_the_encoder():
    def halved(x, generator):
        assert generator is None
        return x.float() / 255 - 0.5, {}

    plain, seen = features(nn.Flatten(), images()), features(nn.Flatten(), images(), view=halved)
    np.testing.assert_allclose(seen, plain - 0.5, atol=1e-6)


def test_a_network_of_features_and_projections_gives_its_features():
    data = digits(slice(60))
    net = Network(Units.of(data), encoder(), nn.Linear(16, 4)).train()
    assert features(net, data).shape == (60, 16)
    assert net.projector.training


@pytest.mark.parametrize("wrong", [lambda x: [x], lambda x: x[:, :, None], lambda x: x[:1]])
def test_outputs_that_are_no_features_are_refused(wrong):
    class Wrong(nn.Module):
        def forward(self, x):
            return wrong(x)

    with pytest.raises((TypeError, ValueError), match="encoder returns"):
        features(Wrong(), digits(slice(10)))


def test_probes_agree_with_sklearn():
    train, test = digits(slice(0, 1200)), digits(slice(1200, None))
    net = encoder()
    found = evaluate(net, train, test, k=7)["digit"]
    A, B = features(net, train), features(net, test)
    y, y_test = train.labels["digit"], test.labels["digit"]
    assert found["knn"] == KNeighborsClassifier(7, metric="cosine").fit(A, y).score(B, y_test)
    scaler = StandardScaler().fit(A)
    logistic = LogisticRegression(max_iter=5000, tol=1e-8).fit(scaler.transform(A), y)
    expected = logistic.score(scaler.transform(B), y_test)
    assert abs(found["logistic"] - expected) < 0.01, f"logistic probe {found['logistic']} against {expected}"
    assert (found["n_train"], found["n_test"], found["n_classes"]) == (1200, 597, 10)
    assert found["knn"] > 0.5 > found["baseline"]


def test_several_sets_of_labels_are_probed_at_once_and_alone_alike():
    data = digits()
    both = evaluate(nn.Identity(), data)
    assert set(both) == {"digit", "odd"}
    assert evaluate(nn.Identity(), data, labels="odd") == {"odd": both["odd"]}
    assert both["odd"]["n_classes"] == 2 and both["odd"]["knn"] > both["digit"]["knn"] - 0.01
    json.dumps(both, allow_nan=False)


def test_rows_without_label_have_no_say():
    data = digits(slice(0, 800))
    y = np.where(np.arange(800) % 4 == 0, -1, data.labels["digit"])
    kept = np.flatnonzero(y >= 0)
    test = digits(slice(800, 1200))
    noise = data.inputs.copy()
    noise[y < 0] = np.nan
    partly = evaluate(nn.Identity(), Samples(noise, "rows", {"digit": y}), test, labels=["digit"])
    whole = evaluate(nn.Identity(), data.subset(kept), test, labels=["digit"])
    assert partly == whole, "rows labelled -1 changed the probes"


def test_knn_does_not_depend_on_the_order_of_rows():
    train, test = digits(slice(0, 600)), digits(slice(600, 900))
    order = np.random.default_rng(0).permutation(600)
    found = [
        evaluate(nn.Identity(), data, test, labels=["digit"])["digit"]["knn"] for data in (train, train.subset(order))
    ]
    assert found[0] == found[1]


def test_without_a_test_set_sources_stay_on_one_side():
    rng = np.random.default_rng(0)
    once = rng.standard_normal((200, 5)).astype(np.float32)
    y = rng.integers(0, 2, 200)  # labels of noise: only a copy on the other side can tell
    data = Samples(np.concatenate([once, once]), "rows", {"noise": np.tile(y, 2)})
    leaking = evaluate(nn.Identity(), data, k=1)["noise"]
    apart = evaluate(nn.Identity(), data, k=1, relation=Relation.from_views(200, 2))["noise"]
    assert leaking["knn"] > 0.8 and apart["knn"] < 0.75
    assert "held-out sources" in apart["rule"]


def test_the_rule_is_stated():
    rule = evaluate(nn.Identity(), digits(slice(300)), k=9, labels=["odd"])["odd"]["rule"]
    for part in ("held-out rows", "k = 9", "cosine", "C = 1", "standardised by the training rows", "test rows"):
        assert part in rule


def test_what_cannot_be_evaluated_is_said_in_a_sentence():
    data = digits(slice(100))
    with pytest.raises(ValueError, match="'digits' is no set of labels of train; it has 'digit', 'odd'"):
        evaluate(nn.Identity(), data, labels=["digits"])
    with pytest.raises(ValueError, match="no set of labels of test; it has none"):
        evaluate(nn.Identity(), data, Samples(data.inputs, "rows"))
    with pytest.raises(TypeError, match=r"give the classes with the data: ep\.deep\.samples"):
        evaluate(nn.Identity(), data, labels=data.labels["digit"])
    with pytest.raises(ValueError, match="no set of labels to evaluate with"):
        evaluate(nn.Identity(), Samples(data.inputs, "rows"))
    few = Samples(data.inputs, "rows", {"few": np.where(np.arange(100) < 4, 0, -1)})
    with pytest.raises(ValueError, match=r"labels\['few'\] label 4 rows"):
        evaluate(nn.Identity(), few)
    none = Samples(data.inputs, "rows", {"digit": np.full(100, -1)})
    with pytest.raises(ValueError, match="label no row of test"):
        evaluate(nn.Identity(), data, none, labels=["digit"])
    broken = Samples(np.full((100, 3), np.nan, np.float32), "rows", data.labels)
    with pytest.raises(ValueError, match="100 of 100 rows hold NaN"):
        evaluate(nn.Identity(), broken)


@pytest.mark.parametrize("names", [np.array(["ant", "bee", "cat"]), np.array([3, 5, 8])])
def test_classes_are_matched_by_name_where_the_test_set_lacks_one(names):
    from eigenpairs.deep.data import samples

    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = 5 * np.eye(3)[y] + 0.3 * rng.standard_normal((300, 3))
    train = samples(X[:200], labels=names[y[:200]])
    later = 200 + np.flatnonzero(y[200:] > 0)
    found = evaluate(nn.Identity(), train, samples(X[later], labels=names[y[later]]))["label"]
    assert found["knn"] == found["ridge"] == found["logistic"] == 1, "codes of two sets were taken for the same"
    unseen = evaluate(nn.Identity(), samples(X[later], labels=names[y[later]]), train)["label"]
    assert 0.6 < unseen["knn"] < 0.7, "rows of a class that the bank lacks can only be wrong"
