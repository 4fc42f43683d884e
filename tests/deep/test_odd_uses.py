"""`train` with what users give it by mistake or seldom: it works, or one sentence says what to do."""

import json
import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

import eigenpairs as ep  # noqa: E402
from eigenpairs.deep.methods import Direct  # noqa: E402
from eigenpairs.deep.run import Run, read_run, weights_folder  # noqa: E402
from eigenpairs.deep.training.accumulate import backward_in_parts, parts_of  # noqa: E402
from eigenpairs.deep.training.diverged import Diverged  # noqa: E402

ROWS = np.random.default_rng(0).standard_normal((60, 6))
SMALL = {
    "encoder": {"name": "mlp", "hidden": [8], "n_features": 4}, "projector": {"hidden": [], "n_outputs": 3},
    "epochs": 1, "batch_size": 20, "rows": 40, "progress": False,
}  # fmt: skip


def noisy(x, generator):
    return x + 0.1 * torch.randn(x.shape, generator=generator), {}


def train(X=ROWS, objective="vicreg", **more):
    return ep.deep.train(X, objective, **(SMALL | more))


def counting_inputs():
    """A module whose attribute of that name is something else."""
    module = torch.nn.Linear(6, 4)
    module.n_features = 6
    return module


# ------------------------------------------------------------- spoilt weights


def test_weights_spoilt_by_an_epochs_last_step_are_not_kept(tmp_path):
    given = {"out": tmp_path / "run", "batch_size": 60, "epochs": 2, "warmup_epochs": 0.0, "optimizer": "sgd"}
    with pytest.raises(Diverged, match=r"weights are not finite at epoch 0, after step 1; .*no checkpoint was written"):
        train(lr=3e38, **given)
    assert not (tmp_path / "run" / "last").exists(), "a checkpoint of spoilt weights was written"


# -------------------------------------------------------------- the run folder


def test_a_run_cut_off_before_its_first_checkpoint_can_be_resumed(tmp_path):
    class Interrupting:
        on = True

        def __call__(self, x, generator):
            if self.on and len(x) == 20:  # a batch; what comes before training looks at other numbers of rows
                raise KeyboardInterrupt
            return noisy(x, generator)

        def __repr__(self):
            return "noise"

    with pytest.raises(KeyboardInterrupt):
        train(views=Interrupting(), out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"was made with training = \{batch_size: 20\}, now 30"):
        train(views=Interrupting(), out=tmp_path / "run", resume=True, batch_size=30)
    view = Interrupting()
    view.on = False
    resumed, whole = train(views=view, out=tmp_path / "run", resume=True), train(views=noisy)
    np.testing.assert_array_equal(
        resumed.transform(ROWS), whole.transform(ROWS), err_msg="another run than a whole one"
    )


def test_a_view_of_ones_own_does_not_stop_a_run_from_being_resumed(tmp_path):
    def made():
        return lambda x, generator: noisy(x, generator)

    first, second = made(), made()
    train(views=first, out=tmp_path / "run")
    assert first is not second and "0x" not in json.loads((tmp_path / "run" / "run.json").read_text())["views"][0]
    assert len(train(views=second, out=tmp_path / "run", resume=True).history) == 1


def test_numpy_numbers_in_an_objective_are_written(tmp_path):
    run = train(objective=ep.VICReg(invariance=np.float32(10)), out=tmp_path / "run")
    assert run.card["method"]["invariance"] == 10 and ep.deep.load_run(tmp_path / "run").method == run.method


def test_the_card_names_the_encoder_that_auto_stands_for():
    assert train(encoder="auto").card["encoder"] == {"name": "mlp"}


def test_beginning_again_forgets_the_old_curves(tmp_path):
    pytest.importorskip("tensorboard", reason="comes with the extra tb")
    for overwrite in (False, True):
        train(out=tmp_path / "run", tensorboard=True, overwrite=overwrite)
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1, "events of the overwritten run are left"


def test_errors_come_before_anything_is_written(tmp_path):
    out = tmp_path / "run"
    (tmp_path / "file").write_text("")
    cases = {
        "save_every = 0 is too small": {"save_every": 0},
        "tensorboard = True needs out": {"tensorboard": True, "out": None},
        "file is a file; choose a new folder": {"out": tmp_path / "file"},
        r"called as view\(x, generator\) and returns .*; this one returned a Tensor": {"views": lambda x, g: x},
        "called as view.*; it raised: .*positional": {"views": lambda x: x},
        "views: the preset 'simclr-cifar' takes images, not rows; for rows choose from 'rows'": {
            "views": "simclr-cifar"
        },
        "no folder of a run; give the folder of a run, or of one of its checkpoints": {"weights": "nope"},
        "attribute n_features is 6, but it gives 4 features": {"encoder": counting_inputs()},
        "n_views = 3 beside neighbors": {"n_views": 3, "neighbors": 4},
        "nothing to train": {"encoder": torch.nn.Flatten(), "projector": None},
        "do not take samples of shape": {"projector": torch.nn.Linear(9, 2)},
        "must have the same dtype": {"encoder": torch.nn.Linear(6, 4).double()},
        "projector gives the shape": {"projector": torch.nn.Unflatten(1, (2, 2))},
        r"projector = \[16\] is not allowed": {"projector": [16]},
        "kind: belongs to the data; give ep.deep.samples": {"kind": "rows"},
    }
    for words, wrong in cases.items():
        with pytest.raises((ValueError, TypeError, OSError), match=words):
            train(**({"out": out} | wrong))
        assert not out.exists(), f"{words}: a folder was made before the error"


def test_a_best_epoch_that_was_never_measured_is_said_to_be_missing(tmp_path):
    train(out=tmp_path / "run", every=0)
    with pytest.raises(FileNotFoundError, match=r"no best epoch.*load 'last'"):
        ep.deep.load_run(tmp_path / "run", "best")


def test_a_run_of_modules_of_ones_own_is_loaded_with_fresh_ones(tmp_path):
    def parts():
        return {"encoder": torch.nn.Linear(6, 4), "projector": torch.nn.Linear(4, 3)}

    run = train(out=tmp_path / "run", **parts())
    for given, missing in (({}, "encoder"), ({"encoder": parts()["encoder"]}, "projector")):
        with pytest.raises(ValueError, match=rf"run's {missing} is a Linear of your own.*load_run\(folder, {missing}="):
            ep.deep.load_run(tmp_path / "run", **given)
    again = ep.deep.load_run(tmp_path / "run", **parts())
    np.testing.assert_array_equal(again.transform(ROWS), run.transform(ROWS), err_msg="loaded features differ")
    np.testing.assert_array_equal(again.project(ROWS), run.project(ROWS), err_msg="loaded projections differ")
    shown = read_run(tmp_path / "run")
    assert repr(shown) == repr(run) and shown.curves == again.curves
    with pytest.raises(ValueError, match="was read without its network"):
        shown.transform(ROWS)


def test_weights_are_those_of_a_run_or_of_one_of_its_checkpoints(tmp_path):
    train(out=tmp_path / "run")
    assert weights_folder(tmp_path / "run") == tmp_path / "run" / "last"
    assert weights_folder(tmp_path / "run" / "best") == tmp_path / "run" / "best"
    begun, best = train(weights=tmp_path / "run" / "best", lr=1e-30), ep.deep.load_run(tmp_path / "run", "best")
    for own, kept in zip(begun.network.parameters(), best.network.parameters(), strict=True):
        torch.testing.assert_close(own, kept, msg="training began from other weights")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="begun is a run without a checkpoint; give the folder of a run"):
        weights_folder(tmp_path / "begun")


def test_a_run_reads_data_as_its_training_data_was_read(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 8, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    data = ep.deep.samples(tmp_path / "images.npy", layout="channels-last", labels=np.arange(20) % 2)
    run = train(data, views=noisy, out=tmp_path / "run")
    expected = run.transform(data)
    again = ep.deep.load_run(tmp_path / "run")
    for given in (tmp_path / "images.npy", images):
        np.testing.assert_array_equal(again.transform(given), expected, err_msg="read in another layout")
    older = {key: value for key, value in again.card.items() if key != "reading"}
    with pytest.raises(ValueError, match="say layout = 'channels-first'"):
        Run(again.network, older, [], None).transform(images)


def test_a_collapsed_run_shows_it():
    assert repr(train(np.ones((60, 6)))).endswith("collapsed)") and "collapsed" not in repr(train(epochs=2))


# ------------------------------------------------------------------- the data


def test_labels_of_too_few_rows_do_not_stop_training():
    few = np.where(np.arange(60) < 9, np.arange(60) % 3, -1)
    with pytest.warns(UserWarning, match="'few' label 9 rows, too few to be watched"):
        run = train(labels={"few": few, "all": np.arange(60) % 3})
    assert list(run.history[-1]["knn"]) == ["all"]


def test_tensors_with_gradient_and_long_floats_are_data():
    plain = train().transform(ROWS)
    for odd in (torch.tensor(ROWS, requires_grad=True), ROWS.astype(np.longdouble)):
        np.testing.assert_allclose(train(odd).transform(ROWS), plain, atol=1e-5, err_msg=f"{odd.dtype} is other data")


def test_sparse_matrices_are_refused_in_a_sentence():
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"sparse matrix; give data.toarray\(\)"):
        train(csr_array(ROWS))


# --------------------------------------------------------- settings and state


def test_certificates_come_between_measurements():
    history = train(every=4, certificate_every=3, epochs=7).history
    assert [r["epoch"] for r in history if "gap" in r] == [2, 5, 6], (
        "certificates are due every 3 epochs and at the end"
    )
    assert [r["epoch"] for r in history if "knn" in r] == [2, 3, 5, 6]
    assert not any("knn" in r for r in train(every=0, certificate_every=1, epochs=2).history), (
        "every=0 measures nothing"
    )


def test_what_torch_is_set_to_is_left_as_it_was():
    def state():
        return (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.get_rng_state().tolist(),
            torch.is_grad_enabled(),
        )

    before = state()
    train(threads=before[0] + 1, epochs=2)
    assert state() == before, "training left a trace in global state"


def test_half_precision_is_silent(capfd):
    logger = logging.getLogger("lightning_fabric.utilities.rank_zero")
    before = logger.level
    train(precision="bf16")
    assert capfd.readouterr().err == "" and logger.level == before


def test_labels_and_measurements_change_nothing_that_is_trained():
    plain = train(epochs=2).transform(ROWS)
    watched = train(epochs=2, labels=np.arange(60) % 3, every=1, certificate_every=1).transform(ROWS)
    blind = train(epochs=2, every=0).transform(ROWS)
    np.testing.assert_array_equal(watched, plain, err_msg="labels leaked into training")
    np.testing.assert_array_equal(blind, plain, err_msg="measuring changed training")


# ------------------------------------------------------------------- numerics


@pytest.mark.parametrize("alpha", [1.0, 2.0, 0.5])
def test_centred_projections_have_a_normalised_predictor(alpha):
    Z = torch.tensor([[1.0, -1, 0, 0], [2, -2, 0, 0], [0, 0, 3, -3]])  # each row is orthogonal to the vector of ones
    head = Direct(ep.DirectSet(alpha=alpha, eps=0.3, norm="spectral")).head(4)
    head.after_step(Z)
    s, vectors = torch.linalg.eigh((Z.T @ Z / 3).double())
    expected = (vectors * (s.clamp_min(0) / s.max()) ** alpha) @ vectors.T + 0.3 * torch.eye(4)
    torch.testing.assert_close(head.predictor.double(), expected, atol=1e-5, rtol=0, check_dtype=False)


def test_more_parts_than_sources_are_as_many_as_sources():
    assert [len(part) for part in parts_of(6, 2, 5)] == [2, 2, 2]
    with pytest.warns(UserWarning, match="reduced to the 10 sources"):
        assert np.isfinite(train(ROWS[:10], accumulate=20).transform(ROWS)).all()


def test_a_norm_that_averages_all_batches_counts_each_once():
    norm = torch.nn.BatchNorm1d(6, momentum=None)
    network = torch.nn.ModuleList([norm])
    network.forward = lambda x: (x, norm(x))
    x = torch.as_tensor(ROWS, dtype=torch.float32)

    def backward(tensor, gradient=None):
        tensor.backward(gradient=gradient)

    backward_in_parts(network, x, parts_of(60, 2, 3), lambda Z: Z.pow(3).sum(), backward)
    assert norm.num_batches_tracked == 3, "batches were counted in both passes"
    torch.testing.assert_close(norm.running_mean, x.mean(0), msg="not the average over the batches")
