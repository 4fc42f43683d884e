"""`eigenpairs train`: from a configuration file to a run that transforms, resumes and is reported on."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from support import require

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

from eigenpairs.cli import main  # noqa: E402

CONFIG = """
[data]
path = "X.npy"
pairs = "pairs.csv"
labels = { third = "y.csv" }
[projector]
hidden = [16]
n_outputs = 4
[encoder]
name = "mlp"
hidden = [16]
n_features = 8
[method]
name = "vicreg"
[training]
epochs = 2
batch_size = 30
threads = 1
[evaluation]
rows = 60
certificate_every = 1
[output]
folder = "run"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    source = rng.standard_normal((60, 5))
    np.save("X.npy", np.concatenate([source + 0.3 * rng.standard_normal((60, 5)) for _ in range(2)]))
    np.savetxt("pairs.csv", np.tile(np.arange(60), 2), fmt="%d", header="group", comments="")
    np.savetxt("y.csv", np.arange(120) % 3, fmt="%d", header="label", comments="")
    np.savetxt("two.csv", np.arange(240).reshape(120, 2), fmt="%d", delimiter=",", header="id,label", comments="")
    (tmp_path / "run.toml").write_text(CONFIG)
    return tmp_path


def test_a_configuration_becomes_a_run(folder, capsys):
    assert main(["train", "run.toml", "--json", "--report", "run.html"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["epochs"] == 2 and 0 <= found["knn"]["third"] <= 1
    assert "linear heads of the 8 features" in found["certificate"]
    assert (folder / "run" / "last" / "weights.safetensors").is_file(), "there is no checkpoint"
    page = (folder / "run.html").read_text()
    assert "vicreg trained a mlp on 120 samples for 2 epochs" in page, "the page does not show the run"
    assert main(["transform", "run", "X.npy", "--out", "H.npy"]) == 0
    assert np.load("H.npy").shape == (120, 8)
    assert main(["inspect", "run"]) == 0
    assert "mlp" in capsys.readouterr().out


def test_a_column_of_the_table_is_watched_and_no_input(folder, capsys):
    rows = (f"{x:.3f},{y:.3f},{'abc'[k % 3]}" for k, (x, y) in enumerate(np.load("X.npy")[:, :2]))
    (folder / "table.csv").write_text("\n".join(["x,y,species", *rows]))
    changes = ["data.path=table.csv", 'data.labels={kind = "species"}']
    assert main(["train", "run.toml", "--json", *[word for change in changes for word in ("--set", change)]]) == 0
    assert list(json.loads(capsys.readouterr().out)["knn"]) == ["kind"]
    assert json.loads((folder / "run" / "run.json").read_text())["shape"] == [2], "the labels are an input"


def test_settings_can_be_changed_and_a_run_goes_on(folder, capsys):
    assert main(["train", "run.toml", "--set", "method.name=simclr", "--set", "method.temperature=0.5"]) == 0
    assert "Run(simclr, 2 epochs" in capsys.readouterr().out
    assert json.loads((folder / "run" / "run.json").read_text())["method"]["temperature"] == 0.5
    assert main(["train", "run.toml"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["train", "run.toml", "--force"]) == 0
    assert main(["train", "run.toml", "--resume"]) == 0
    assert capsys.readouterr().out.count("Run(vicreg, 2 epochs") == 2, "a finished run does not load again"


def test_the_example_is_a_configuration(folder, capsys):
    assert main(["train", "--example"]) == 0
    text = capsys.readouterr().out
    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    np.save("images.npy", images)
    (folder / "example.toml").write_text(text)
    changes = ["training.epochs=1", "training.batch_size=32", "training.threads=1", "evaluation.rows=32"]
    assert main(["train", "example.toml", *[word for change in changes for word in ("--set", change)]]) == 0
    assert main(["transform", "run", "images.npy", "--out", "H.npy"]) == 0
    assert np.load("H.npy").shape[0] == 64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("training.lr=fast", "[training] lr: 'fast' is not a number above 0"),
        ("training.epoch=3", "[training] epoch: unknown key; did you mean 'epochs'"),
        ("trainin.epochs=3", "trainin"),
        ("method.name=vicre", "is not one of 'vicreg'"),
        ("method.invarianse=3", "did you mean 'invariance'"),
        ("encoder.name=resnet", "resnet18"),
        ("encoder.width=3", "width"),
        ("training.accumulate=7", "does not divide batch_size"),
        ("data.path=nowhere.npy", "nowhere.npy"),
        ("data.neighbors=5", "positives come from one of them"),
        ("output.folder=no/such/place", "create it first"),
        ("output.folder=X.npy", "is a file"),
        (
            "views.preset=simclr-cifar",
            "views: the preset 'simclr-cifar' takes images, not rows; for rows choose from 'rows'",
        ),
        ("encoder.weights=nope", "nope is no folder of a run; give the folder of a run, or of one of its checkpoints"),
        ("data.layout=channels-last", "layout = 'channels-last' says where images have their channels"),
        ('data.labels={third="nowhere.csv"}', "nowhere.csv' is neither a column of the data nor a file"),
        ('data.labels={third="two.csv"}', "has 2 columns; give a table with one"),
    ],
)
def test_a_bad_setting_is_one_line(folder, capsys, change, words):
    assert main(["train", "run.toml", "--set", change]) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("eigenpairs train: ") and words in lines[0], captured.err
    assert not captured.out and not (folder / "run").exists(), "something was written all the same"


def test_a_run_transforms_the_table_it_was_trained_on(folder, capsys):
    rows = [f"{x:.3f},{y:.3f},{'abc'[k % 3]}" for k, (x, y) in enumerate(np.load("X.npy")[:, :2])]
    (folder / "table.csv").write_text("\n".join(["x,y,species", *rows]))
    (folder / "bare.csv").write_text("\n".join(["x,y", *(row.rpartition(",")[0] for row in rows)]))
    changes = ["data.path=table.csv", 'data.labels={kind = "species"}']
    assert main(["train", "run.toml", *[word for change in changes for word in ("--set", change)]]) == 0
    for name in ("table", "bare"):
        assert main(["transform", "run", f"{name}.csv", "--out", f"{name}.npy"]) == 0, capsys.readouterr().err
    np.testing.assert_array_equal(np.load("table.npy"), np.load("bare.npy"), err_msg="the label column is an input")


def test_a_run_transforms_the_images_it_was_trained_on(folder, capsys, monkeypatch):
    image = require("PIL.Image", "vision")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 3)):
        for k in range(count):
            (folder / "photos" / part).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (9 + k, 10, 3), dtype=np.uint8)
            image.fromarray(pixels).save(folder / "photos" / part / f"{k}.png")
    (folder / "images.toml").write_text(
        '[data]\npath = "photos"\nsize = 8\n[encoder]\nname = "linear"\nn_features = 4\n[training]\nepochs = 1\n'
        'batch_size = 6\nthreads = 1\n[evaluation]\nrows = 12\n[output]\nfolder = "run"\n'
    )
    assert main(["train", "images.toml"]) == 0
    for rows, options in ((12, []), (3, ["--split", "test"])):
        assert main(["transform", "run", "photos", "--out", "H.npy", "--force", *options]) == 0, capsys.readouterr().err
        assert np.load("H.npy").shape == (rows, 4)
    assert main(["transform", "run", "X.npy", "--out", "H.npy", "--force", "--split", "test"]) == 2
    assert "needs a folder with parts" in capsys.readouterr().err


def test_a_run_of_a_module_of_ones_own_is_shown(folder, capsys):
    import eigenpairs as ep

    encoder = torch.nn.Sequential(torch.nn.Linear(5, 4))
    ep.deep.train(np.load("X.npy"), encoder=encoder, epochs=2, batch_size=60, out="run", rows=60, progress=False)
    assert main(["inspect", "run"]) == 0
    shown = capsys.readouterr()
    assert "Run(vicreg, 2 epochs" in shown.out and "module=Sequential" in shown.out, shown.err
    assert main(["inspect", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["last"]["epoch"] == 1
    require("plotly", "report")
    assert main(["report", "run", "-o", "run.html"]) == 0, capsys.readouterr().err
    assert "trained a Sequential on 120 samples" in (folder / "run.html").read_text()
    assert main(["transform", "run", "X.npy", "--out", "H.npy"]) == 2
    assert "load_run(folder, encoder=...)" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no interrupt for one process")
@pytest.mark.parametrize(
    ("save_every", "words"),
    [(1, "go on with --resume: {folder}/run holds the last checkpoint"), (10**6, "no checkpoint was written yet")],
)
def test_an_interrupted_run_says_one_thing(folder, save_every, words):
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from eigenpairs.cli import main; sys.exit(main())"
    changes = ["training.epochs=1000000", f"output.save_every={save_every}"]
    arguments = ["train", "run.toml", *[word for change in changes for word in ("--set", change)]]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    lines = []
    for line in process.stderr:
        lines.append(line.strip())
        if line.startswith("epoch 3/"):  # the checkpoint of an epoch comes before the next one's line
            process.send_signal(signal.SIGINT)
    assert process.wait() == 130, lines[-3:]
    said = [line for line in lines if "interrupted" in line]
    assert said == [f"eigenpairs train: interrupted; {words.format(folder=folder)}"]


def test_usage_errors_are_one_line(folder, capsys):
    assert main(["train"]) == 2
    assert "--example" in capsys.readouterr().err
    assert main(["train", "nowhere.toml"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["train", "run.toml", "--set", "epochs"]) == 2
    assert "SECTION.KEY=VALUE" in capsys.readouterr().err


def test_a_run_that_diverges_has_an_exit_code_of_its_own(folder, capsys):
    changes = ["method.form=least-squares", "training.lr=10.0", "training.epochs=30", "training.schedule=constant"]
    changes.append("training.optimizer=sgd")
    assert main(["train", "run.toml", *[word for change in changes for word in ("--set", change)]]) == 3
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "not finite" in last and "lower it" in last, last
