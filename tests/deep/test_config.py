"""Settings of a run: what is right comes through unchanged, what is wrong is one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("pydantic", reason="comes with the extra deep")

from eigenpairs.deep.methods import METHODS, method_parameters  # noqa: E402
from eigenpairs.deep.settings.config import Evaluation, Training, read_config, settings_of  # noqa: E402

NEEDED = '[data]\npath = "x.npy"\n[output]\nfolder = "run"\n'


def config(tmp_path, text):
    """The settings in a file with this text; [data] and [output] are added where it has none."""
    file = tmp_path / "run.toml"
    file.write_text(text if "[data]" in text else f"{text}\n{NEEDED}")
    return read_config(file)


def line(tmp_path, text):
    with pytest.raises(ValueError) as caught:
        config(tmp_path, text)
    assert "\n" not in str(caught.value), f"more than one line: {caught.value}"
    return str(caught.value)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[training]\nlr = 'fast'", "[training] lr: 'fast' is not a number above 0"),
        ("[training]\nlr = 0", "[training] lr: 0 is not a number above 0"),
        ("[training]\nlr = nan", "[training] lr: nan is not a finite number above 0"),
        ("[training]\nepochs = 1.5", "[training] epochs: 1.5 is not a whole number of at least 1"),
        ("[training]\nepochs = true", "[training] epochs: True is not a whole number of at least 1"),
        ("[training]\nbatch_size = 1", "[training] batch_size: 1 is not a whole number of at least 2"),
        ("[training]\nmomentum = 1.0", "[training] momentum: 1.0 is not a number of at least 0 and below 1"),
        ("[training]\noptimizer = 'adam'", "[training] optimizer: 'adam' is not one of 'sgd', 'adamw', 'lars'"),
        ("[training]\nprecision = 16", "[training] precision: 16 is not one of '32', 'bf16'"),
        ("[training]\ncompile = 'yes'", "[training] compile: 'yes' is not true or false"),
        (
            "[training]\ndevice = 'gpu'",
            "[training] device: 'gpu' is not one of 'auto', 'cpu', 'cuda', 'cuda:0' (or another number), 'mps'",
        ),
        ("[training]\nepoch = 3", "[training] epoch: unknown key; did you mean 'epochs'?"),
        ("[training]\nlr = -1\nepoch = 3\nseed = -1", "[training] lr: -1 is not a number above 0 (and 2 more)"),
        ("[training]\naccumulate = 3", "[training] accumulate: 3 does not divide batch_size = 256"),
        ("[training]\nepochs = 5\nwarmup_epochs = 6", "[training] warmup_epochs: 6 is more than epochs = 5"),
        (
            "[training]\noptimizer = 'adamw'\nmomentum = 0.5",
            "[training] momentum: 0.5 has no place in adamw; leave it out, or use 'sgd' or 'lars'",
        ),
        ("[trainings]\nlr = 1", "[trainings]: unknown section; did you mean '[training]'?"),
        ("training = 3", "[training]: 3 is not a section of settings"),
        ("[projector]\nhidden = [1, '2']", "[projector] hidden[1]: '2' is not a whole number of at least 1"),
        ("[projector]\nhidden = 512", "[projector] hidden: 512 is not a list, each entry a whole number of at least 1"),
        (
            "[projector]\nn_outputs = 0",
            "[projector] n_outputs: 0 means no projector, which needs hidden = []; or give 1 or more outputs",
        ),
        (
            "[views]\npreset = 'none'",
            "[views] preset: 'none' leaves no positives; give [data] pairs or neighbors as well",
        ),
        (
            "[output]\nfolder = 'x'\n[data]\npath = 'x'\nneighbors = 4\n[views]\nn_views = 3",
            "[views] n_views: 3 beside [data] neighbors = 4; a sample and its neighbour are two views, leave n_views "
            "out",
        ),
        (
            "[views]\nn_views = 1",
            "[views] n_views: 1 leaves no positives; give 2 or more, or [data] pairs or neighbors",
        ),
        ("[data]\npath = 3", "[data] path: 3 is not a path (and 1 more)"),
        ("[data]\n[output]\nfolder = 'x'", "[data] path: missing; give a path"),
        ("[data]\npath = 'x'", "[output]: the section is missing; it must give folder"),
        (
            "[output]\nfolder = 'x'\n[data]\npath = 'x'\n[data.labels]\nclass = 3",
            "[data] labels.class: 3 is not a path",
        ),
        (
            "[output]\nfolder = 'x'\n[data]\npath = 'x'\npairs = 'p.csv'\nneighbors = 5",
            "[data] neighbors: 5 beside pairs; positives come from one of them, remove one",
        ),
        (
            "[method]\ninvarance = 1.0",
            "[method] invarance: unknown key of vicreg; did you mean 'invariance' or 'variance'?",
        ),
        (
            "[method]\ninvariance = -1",
            "[method] invariance: -1 is not allowed; give a finite number of at least 0",
        ),
        ("[method]\nname = 'simclr'\ninvariance = 1.0", "[method] invariance: unknown key of simclr; did you mean"),
    ],
)
def test_what_is_wrong_is_one_line_with_key_value_and_what_is_allowed(tmp_path, text, expected):
    found = line(tmp_path, text)
    assert found == expected or (expected.endswith("did you mean") and found.startswith("[method] invariance: unknown"))


@pytest.mark.parametrize("section, key", [("method", "name"), ("encoder", "name"), ("views", "preset")])
def test_unknown_names_are_answered_with_those_known(tmp_path, section, key):
    found = line(tmp_path, f"[{section}]\n{key} = 'resnet19'")
    assert found.startswith(f"[{section}] {key}: 'resnet19' is not one of "), found
    assert {"method": "'barlow-twins'", "encoder": "'resnet18'", "views": "'byol-cifar'"}[section] in found


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from([*Training.model_fields, *Evaluation.model_fields, "lrr", ""]), scalars))
def test_any_settings_are_taken_as_given_or_refused_in_one_line(values):
    try:
        training, evaluation = settings_of(**values)
    except ValueError as error:
        assert "\n" not in str(error) and any(key in str(error) for key in values), f"no line with a key: {error}"
    else:
        held = training.model_dump() | evaluation.model_dump()
        for key, value in values.items():
            assert held[key] == value or (key == "precision" and value == 32), f"{key} = {value!r} became {held[key]!r}"


def test_numbers_of_numpy_are_taken():
    training, evaluation = settings_of(epochs=np.int64(3), lr=np.float64(0.5), channels_last=np.True_, rows=np.uint8(9))
    assert (training.epochs, training.lr, training.channels_last, evaluation.rows) == (3, 0.5, True, 9)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_built_with_its_parameters(tmp_path, name):
    defaults = method_parameters(name)
    assert config(tmp_path, f"[method]\nname = '{name}'").method.build() == METHODS[name]
    for key, value in defaults.items():
        if isinstance(value, float) and 0 < value < 1:
            method = config(tmp_path, f"[method]\nname = '{name}'\n{key} = {value / 2}").method
            assert method.build() != METHODS[name], f"{key} of {name} has no effect"


def test_paths_are_relative_to_the_file(tmp_path):
    text = (
        "[data]\npath = 'x.npy'\nlabels = { class = 'a/y.npy' }\n[views]\npreset = 'simclr-cifar'\n"
        "[encoder]\nname = 'conv-net'\nwidth = 16\n[projector]\nhidden = [64, 32]\n"
        "[method]\nname = 'direct-copy'\neps = 0.2\n"
        "[training]\nlr = 1\nprecision = 32\n[output]\nfolder = '/somewhere/run'\n"
    )
    read = config(tmp_path, text)
    assert read.data.path == tmp_path / "x.npy" and read.data.labels == {"class": tmp_path / "a" / "y.npy"}
    assert str(read.output.folder) == "/somewhere/run" and read.encoder.settings == {"width": 16}


def test_defaults_follow_from_what_is_given():
    assert Training(optimizer="lars", batch_size=4096).learning_rate == pytest.approx(3.2)
    assert (Training().warmup, Training(epochs=20).warmup, Training(schedule="constant").warmup) == (10, 2, 0)
    assert Training(lr=0.5, warmup_epochs=0).learning_rate == 0.5 and Training(epochs=1, warmup_epochs=1).warmup == 1


def test_paths_of_the_command_line_are_relative_to_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "run.toml").write_text(NEEDED)
    here = tmp_path / "here"
    here.mkdir()
    (here / "b").write_text("")
    monkeypatch.chdir(here)
    changes = dict.fromkeys(("data.path", "data.pairs", "data.cache", "encoder.weights"), "../a.x")
    read = read_config(tmp_path / "run.toml", changes | {"data.labels": '{y = "../y.npy", column = "a", file = "b"}'})
    for path in (read.data.path, read.data.pairs, read.data.cache, read.encoder.weights):
        assert path.resolve() == tmp_path / "a.x", f"{path} is relative to another folder"
    assert read.data.labels["y"].resolve() == tmp_path / "y.npy"
    assert str(read.data.labels["column"]) == "a" and read.data.labels["file"] == here / "b"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_config(tmp_path / "none.toml")
    assert "cannot be read" in line(tmp_path, "[data] [data]")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="cannot be read"):
        read_config(tmp_path / "x.toml")


def test_changes_come_before_the_file(tmp_path, monkeypatch):
    file = tmp_path / "run.toml"
    file.write_text(f"[training]\nepochs = 5\nlr = 0.1\n{NEEDED}")
    monkeypatch.chdir("/")
    changes = {
        "training.epochs": "7",
        "training.optimizer": "lars",
        "projector.hidden": "[8, 8]",
        "views.preset": "'rows'",
        "output.folder": "here",
    }
    read = read_config(file, changes)
    assert (read.training.epochs, read.training.lr, read.training.optimizer) == (7, 0.1, "lars")
    assert (read.projector.hidden, read.views.preset) == ((8, 8), "rows")
    assert str(read.output.folder) == "/here", "a path of the command line is not relative to the working folder"
    assert read.data.path == tmp_path / "x.npy"
    for place, value, expected in (
        ("training.lr", "fast", "[training] lr: 'fast' is not a number above 0"),
        ("training.epoch", "3", "[training] epoch: unknown key; did you mean 'epochs'?"),
        ("trainin.lr", "3", "[trainin]: unknown section; did you mean '[training]'?"),
    ):
        with pytest.raises(ValueError) as caught:
            read_config(file, {place: value})
        assert str(caught.value) == expected
