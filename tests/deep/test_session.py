"""Runs on disk: stops and going on, folders, and networks of the user's own."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

from deep_cases import SMALL, two_views  # noqa: E402

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.training.diverged import Diverged  # noqa: E402
from eigenpairs.deep.watching.logs import read_log  # noqa: E402


class _Interrupted(torch.nn.Module):
    """An encoder during whose n-th training step the user presses Ctrl-C."""

    def __init__(self, at):
        super().__init__()
        self.layers, self.at, self.calls = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU()), at, 0

    def forward(self, x):
        self.calls += self.training
        if self.training and self.calls == self.at:
            raise KeyboardInterrupt
        return self.layers(x)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lars"])
@pytest.mark.parametrize("method", ["vicreg", "byol", "direct-copy"])
def test_two_halves_are_one_run_to_the_bit(tmp_path, method, optimizer):
    X, G = two_views(120)
    given = {
        "projector": {"hidden": [16], "n_outputs": 4}, "relation": G, "epochs": 4, "batch_size": 40,
        "optimizer": optimizer, "labels": np.arange(240) % 3,
    } | SMALL  # fmt: skip

    def train(out, stop, **more):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = _Interrupted(stop)
        return ep.deep.train(X, method, encoder=encoder, out=tmp_path / out, **more, **given)

    whole = train("whole", stop=0)
    with pytest.raises(KeyboardInterrupt):
        train("halves", stop=8)  # in the third of four epochs of three steps
    resumed = train("halves", stop=0, resume=True)
    np.testing.assert_array_equal(whole.transform(X), resumed.transform(X), err_msg="a resumed run is another run")
    assert [r["loss"] for r in whole.history] == [r["loss"] for r in resumed.history], "the history differs"
    assert len(read_log(tmp_path / "halves")) == 4, "an epoch is missing from the log, or there twice"


def test_a_saved_run_gives_the_same_features(tmp_path):
    X, G = two_views(60)
    run = ep.deep.train(X, "vicreg", relation=G, epochs=2, batch_size=30, out=tmp_path / "run", **SMALL)
    again = ep.deep.load_run(tmp_path / "run")
    np.testing.assert_array_equal(run.transform(X), again.transform(X), err_msg="loaded features differ")
    np.testing.assert_array_equal(run.project(X), again.project(X), err_msg="loaded projections differ")
    assert again.method == run.method and len(again.history) == 2
    assert ep.deep.load_run(tmp_path / "run", "best").transform(X).shape == (120, run.n_features)
    with pytest.raises(ValueError, match="takes"):
        again.transform(X[:, :3])


def test_a_folder_with_a_run_is_kept_unless_asked_otherwise(tmp_path):
    X, G = two_views(60)
    given = {"relation": G, "epochs": 1, "batch_size": 30, "out": tmp_path / "run"} | SMALL
    ep.deep.train(X, "vicreg", **given)
    with pytest.raises(FileExistsError, match="go on with it"):
        ep.deep.train(X, "vicreg", **given)
    with pytest.raises(ValueError, match="was made with method"):
        ep.deep.train(X, "simclr", resume=True, **given)
    with pytest.raises(ValueError, match="batch_size: 30"):
        ep.deep.train(X, "vicreg", resume=True, **(given | {"batch_size": 20}))
    ep.deep.train(X, "simclr", overwrite=True, **given)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["method"]["name"] == "simclr"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="other files"):
        ep.deep.train(X, "vicreg", **(given | {"out": tmp_path / "other"}), overwrite=True)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path):
    X, G = two_views(60)
    given = {"encoder": "linear", "projector": None, "relation": G, "batch_size": 60, "epochs": 60} | SMALL
    with pytest.raises(Diverged, match=r"not finite at epoch \d+.*lower it.*checkpoint of epoch \d+ is kept"):
        ep.deep.train(
            X,
            ep.VICReg(form="least-squares"),
            lr=0.1,
            schedule="constant",
            optimizer="sgd",
            out=tmp_path / "run",
            **given,
        )
    assert np.isfinite(ep.deep.load_run(tmp_path / "run").transform(X)).all(), "the kept weights are spoilt"
    assert [r["event"] for r in read_log(tmp_path / "run")][-1] == "diverged"


def test_features_that_are_not_finite_never_replace_a_good_checkpoint(tmp_path):
    """Weights grow too large for the features before the loss is not finite."""
    X = np.random.default_rng(0).standard_normal((320, 6))
    with pytest.raises(Diverged, match=r"features are not finite after epoch 5.*checkpoint of epoch 4 is kept"):
        ep.deep.train(
            X, "log-det", encoder="mlp", projector={"hidden": [], "n_outputs": 16}, batch_size=64, epochs=10,
            warmup_epochs=10, optimizer="sgd", lr=0.05, out=tmp_path / "run", certificate_every=0, **SMALL,
        )  # fmt: skip
    for which in ("last", "best"):
        assert np.isfinite(ep.deep.load_run(tmp_path / "run", which).transform(X)).all(), f"{which} is spoilt"


def test_an_error_before_the_first_checkpoint_leaves_no_run(tmp_path):
    X, calls = np.random.default_rng(0).standard_normal((320, 6)), []

    def breaks(x, generator):
        calls.append(len(x))
        if len(calls) > 5:  # two looks at each view come before the first epoch
            raise RuntimeError("no such file")
        return x + 0.1, {}

    with pytest.raises(RuntimeError, match="no such file"):
        ep.deep.train(X, views=breaks, out=tmp_path / "run", epochs=1, **SMALL)
    assert not (tmp_path / "run").exists(), "the next attempt is refused: there is a run"
    ep.deep.train(X, epochs=1, views=lambda x, generator: (x + 0.1, {}), out=tmp_path / "run", **SMALL)
    calls.clear()
    with pytest.raises(RuntimeError, match="no such file"):
        ep.deep.train(X, views=breaks, out=tmp_path / "run", epochs=1, overwrite=True, **SMALL)
    assert not (tmp_path / "run").exists(), "what was begun in place of another run blocks its folder"
    with pytest.raises(ValueError, match=r"changes the shape of rows \(\(6,\) becomes \(3,\)\)"):
        ep.deep.train(X, views=lambda x, generator: (x[:, :3], {}), **SMALL)


def test_other_pairs_and_labels_are_noticed(tmp_path):
    X, _ = two_views(60)
    given = {"epochs": 1, "batch_size": 30, "out": tmp_path / "run", "labels": np.arange(120) % 3} | SMALL
    ep.deep.train(X, "vicreg", relation=ep.Relation.from_groups(np.arange(120) // 2), **given)
    with pytest.raises(ValueError, match="was made with relation"):
        ep.deep.train(X, "vicreg", relation=ep.Relation.from_groups(np.arange(120) % 60), resume=True, **given)
    with pytest.raises(ValueError, match="was made with fingerprint"):
        ep.deep.train(X, "vicreg", relation=ep.Relation.from_groups(np.arange(120) // 2), resume=True,
                      **(given | {"labels": np.arange(120) % 2}))  # fmt: skip


def test_other_data_of_the_same_shape_are_noticed(tmp_path):
    X, G = two_views(60)
    given = {"relation": G, "epochs": 1, "batch_size": 30, "out": tmp_path / "run"} | SMALL
    ep.deep.train(X, "vicreg", **given)
    with pytest.raises(ValueError, match="fingerprint"):
        ep.deep.train(X + 1, "vicreg", resume=True, **given)


def test_a_run_begins_from_the_weights_of_another(tmp_path):
    X, G = two_views(60)
    given = {"relation": G, "batch_size": 30} | SMALL
    first = ep.deep.train(X, "vicreg", epochs=2, out=tmp_path / "first", **given)
    second = ep.deep.train(X, "simclr", epochs=1, lr=1e-12, weights=tmp_path / "first", **given)
    np.testing.assert_allclose(second.project(X), first.project(X), atol=0.2, err_msg="the weights are not those given")
    with pytest.raises(ValueError, match="of another network"):
        ep.deep.train(X, "vicreg", encoder="linear", weights=tmp_path / "first", epochs=1, **given)


def test_neighbours_are_positives(tmp_path):
    rng = np.random.default_rng(0)
    centre = np.repeat(rng.standard_normal((8, 10)) * 3, 30, axis=0)
    X = centre + rng.standard_normal((240, 10))
    run = ep.deep.train(X, "simclr", neighbors=3, epochs=5, batch_size=80, labels=np.repeat(np.arange(8), 30),
                        **(SMALL | {"rows": 240, "n_neighbors": 5}))  # fmt: skip
    assert run.history[-1]["knn"]["label"] > 0.5, "neighbours as positives lost the clusters"


def test_a_users_module_is_an_encoder(tmp_path):
    X, G = two_views(60)
    encoder = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh())
    run = ep.deep.train(
        X, "vicreg", encoder=encoder, relation=G, epochs=1, batch_size=30, out=tmp_path / "run", **SMALL
    )
    assert run.transform(X).shape == (120, 5)
    with pytest.raises(ValueError, match="Sequential of your own"):
        ep.deep.load_run(tmp_path / "run")
    fresh = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh())
    again = ep.deep.load_run(tmp_path / "run", encoder=fresh)
    np.testing.assert_array_equal(again.transform(X), run.transform(X), err_msg="loaded features differ")


def test_parts_of_a_users_module_stay_in_eval_mode():
    X, G = two_views(60)
    for whole in (True, False):
        encoder = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5))
        (encoder if whole else encoder[1]).eval()
        ep.deep.train(X, "vicreg", encoder=encoder, relation=G, epochs=2, batch_size=30, accumulate=2, **SMALL)
        moved = bool(encoder[1].running_mean.any())
        assert moved == whole, "fixed statistics moved" if moved else "a module in use was not put into training mode"


def test_half_precision_and_clipping_train(tmp_path):
    X, G = two_views(60)
    run = ep.deep.train(
        X, "barlow-twins", relation=G, epochs=2, batch_size=30, precision="bf16", gradient_clip=1.0, **SMALL
    )
    assert np.isfinite(run.transform(X)).all() and run.transform(X).dtype == np.float32
