"""Checkpoints: exact to the bit, complete or refused, never damaged by an interruption."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("pydantic", reason="comes with the extra deep")
from support import require  # noqa: E402
from torch import nn  # noqa: E402

from eigenpairs.deep.checkpoints.checkpoint import has_checkpoint, load_checkpoint, load_weights, save_checkpoint  # noqa: E402
from eigenpairs.deep.settings.config import Training  # noqa: E402
from eigenpairs.deep.training.optimizers import build_optimizer  # noqa: E402

FILES = ("weights.safetensors", "state.safetensors", "state.json")


def network(seed=0):
    torch.manual_seed(seed)
    layers = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(48, 2)
    return nn.Sequential(*layers)


def train(module, optimizer, steps):
    """Steps whose random numbers, those of dropout among them, follow from their number."""
    for step in steps:
        torch.manual_seed(step)
        x = torch.randn(4, 2, 6, 6)
        optimizer.zero_grad()
        module(x).square().sum().backward()
        optimizer.step()


def bits(module):
    return {name: value.contiguous().numpy().tobytes() for name, value in module.state_dict().items()}


def trained(optimizer="sgd", layout=torch.contiguous_format):
    module = network().to(memory_format=layout)
    made = build_optimizer(module, Training(optimizer=optimizer, lr=0.01))
    train(module, made, range(3))
    return module, made


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels-last"])
@pytest.mark.parametrize("name", ["sgd", "adamw", "lars"])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, name, layout):
    def fresh(seed):
        module = network(seed).to(memory_format=layout)
        return module, build_optimizer(module, Training(optimizer=name, lr=0.01))

    module, optimizer = fresh(0)
    train(module, optimizer, range(4))
    save_checkpoint(tmp_path / "last", module, optimizer, {"step": 4})
    train(module, optimizer, range(4, 8))
    expected = bits(module)

    module, optimizer = fresh(1)
    assert load_checkpoint(tmp_path / "last", module, optimizer) == {"step": 4}
    train(module, optimizer, range(4, 8))
    assert bits(module) == expected, f"{name}: the resumed run differs from the uninterrupted one"


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.just("$") | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(), trees, max_size=3))
def test_extra_comes_back_equal_in_value_and_type(tmp_path_factory, extra):
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder / "c", nn.Linear(1, 1), extra=extra)
    assert repr(load_checkpoint(folder / "c")) == repr(extra)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool])
def test_tensors_and_arrays_in_extra_keep_type_shape_and_bits(tmp_path, dtype):
    value = (torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 9).to(dtype).T
    extra = {"a": {"b": value}, "a.b": [value[0, 0]], "array": np.arange(6, dtype=np.uint64).reshape(2, 3)}
    save_checkpoint(tmp_path / "c", nn.Linear(1, 1), extra=extra)
    found = load_checkpoint(tmp_path / "c")
    assert found["a"]["b"].dtype == dtype and torch.equal(found["a"]["b"], value)
    assert torch.equal(found["a.b"][0], value[0, 0]), "two tensors were kept under one name"
    assert found["array"].dtype == np.uint64 and (found["array"] == extra["array"]).all()


def test_tied_weights_and_several_modules(tmp_path):
    one, two = nn.Linear(3, 3), nn.Linear(3, 3)
    two.weight = one.weight
    save_checkpoint(tmp_path / "c", {"one": one, "two": two})
    other = nn.Linear(3, 3)
    load_weights(tmp_path / "c", {"two": other})
    assert torch.equal(other.weight, one.weight) and torch.equal(other.bias, two.bias)


def test_weights_are_plain_safetensors_under_their_names(tmp_path):
    from safetensors.numpy import load_file

    module, _ = trained()
    save_checkpoint(tmp_path / "c", module)
    held = load_file(tmp_path / "c" / "weights.safetensors")
    assert held.keys() == module.state_dict().keys()
    assert all((held[name] == value.numpy()).all() for name, value in module.state_dict().items())
    assert b"pickle" not in b"".join((tmp_path / "c" / file).read_bytes() for file in FILES)


def test_wrapped_by_fabric_and_by_compile(tmp_path):
    fabric = require("lightning_fabric", "deep").Fabric(accelerator="cpu", devices=1)
    module, optimizer = trained("adamw")
    save_checkpoint(tmp_path / "plain", module, optimizer)
    expected = bits(module)
    inner = network(3)
    wrapped, wrapped_optimizer = fabric.setup(
        torch.compile(inner), build_optimizer(inner, Training(optimizer="adamw", lr=0.01))
    )
    load_checkpoint(tmp_path / "plain", wrapped, wrapped_optimizer)
    assert bits(inner) == expected, "a checkpoint of a plain module does not load into a wrapped one"
    save_checkpoint(tmp_path / "wrapped", wrapped, wrapped_optimizer)
    plain = network(4)
    load_checkpoint(tmp_path / "wrapped", plain, build_optimizer(plain, Training(optimizer="adamw", lr=0.01)))
    assert bits(plain) == expected, "a checkpoint of a wrapped module does not load into a plain one"


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FILES), st.data())
def test_damage_is_one_line_and_changes_nothing(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder / "c", *trained(), extra={"epoch": 3})
    file = folder / "c" / name
    blob = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(blob) - 1), label="byte")
    if data.draw(st.booleans(), label="cut off there"):
        del blob[at:]
    else:
        blob[at] ^= data.draw(st.integers(1, 255), label="flip")
    file.write_bytes(blob)
    module = network(7)
    optimizer, before = build_optimizer(module, Training(optimizer="sgd", lr=0.5)), bits(module)
    try:
        extra = load_checkpoint(folder / "c", module, optimizer)
    except ValueError as error:
        assert "\n" not in str(error) and str(folder / "c") in str(error), f"not one line with the file: {error}"
        assert bits(module) == before and not optimizer.state, "a refused checkpoint changed the network"
    else:  # white space between entries of the JSON may change without a change of what it says
        assert name == "state.json" and extra == {"epoch": 3}, f"damage in {name} went unnoticed"


def test_what_is_foreign_newer_or_incomplete_is_refused_in_a_sentence(tmp_path):
    module, _ = trained()
    with pytest.raises(FileNotFoundError, match=r"nowhere holds no state\.json"):
        load_checkpoint(tmp_path / "nowhere", module)
    save_checkpoint(tmp_path / "c", module)
    file = tmp_path / "c" / "state.json"
    card = json.loads(file.read_text())
    for changed, words in (
        (card | {"format_version": "2.0"}, r"has format version 2\.0, .* install a newer eigenpairs"),
        (card | {"format": "other"}, "is not of an eigenpairs checkpoint"),
        ([1], "is not of an eigenpairs checkpoint"),
        (card | {"sha256": {}}, "does not match its own checksum"),
    ):
        file.write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=words):
            load_checkpoint(tmp_path / "c", module)
    file.write_text(json.dumps(card))
    (tmp_path / "c" / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match="is missing: the checkpoint is incomplete"):
        load_checkpoint(tmp_path / "c", module)


def test_another_network_or_optimizer_is_refused(tmp_path):
    module, optimizer = trained()
    save_checkpoint(tmp_path / "c", module, optimizer)
    wider = network()
    wider[5] = nn.Linear(48, 3)
    for other, words in (
        (wider, r"'5\.weight' is float32 \(2, 48\), in this network float32 \(3, 48\)"),
        (network().double(), r"is float32 \(3, 2, 3, 3\), in this network float64"),
        (network()[:5], r"holds '5\.(weight|bias)', which this network lacks"),
        (nn.Sequential(*network(), nn.Linear(2, 2)), r"lacks '6\.weight', which this network has"),
    ):
        with pytest.raises(ValueError, match=words):
            load_checkpoint(tmp_path / "c", other)
    with pytest.raises(ValueError, match="is of the optimizer SGD, not AdamW"):
        load_checkpoint(tmp_path / "c", module, build_optimizer(module, Training(optimizer="adamw")))
    with pytest.raises(ValueError, match=r"groups of \[2, 4\] parameters, this one \[2\]"):
        part = [pair for pair in module.named_parameters() if pair[1].ndim > 1]
        load_checkpoint(tmp_path / "c", module, build_optimizer(part, Training(optimizer="sgd")))
    save_checkpoint(tmp_path / "c", module)
    with pytest.raises(ValueError, match="keeps no optimizer"):
        load_checkpoint(tmp_path / "c", module, optimizer)


def test_a_write_that_fails_leaves_the_previous_checkpoint(tmp_path):
    module, optimizer = trained()
    save_checkpoint(tmp_path / "c", module, optimizer, extra={"epoch": 1})
    with pytest.raises(TypeError, match=r"state\.extra\.what is a function, which has no place in a checkpoint"):
        save_checkpoint(tmp_path / "c", network(9), extra={"what": test_tied_weights_and_several_modules})
    assert load_checkpoint(tmp_path / "c", module, optimizer) == {"epoch": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"], "something temporary remains"
    (tmp_path / "c" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        save_checkpoint(tmp_path / "c", module)


def test_the_previous_one_is_found_between_the_two_renames(tmp_path):
    module, _ = trained()
    save_checkpoint(tmp_path / "c", module, extra={"epoch": 1})
    (tmp_path / ".c-old-x").mkdir()
    (tmp_path / "c").rename(tmp_path / ".c-old-x" / "old")  # as a process leaves it that is killed just then
    assert has_checkpoint(tmp_path / "c") and load_checkpoint(tmp_path / "c", module) == {"epoch": 1}
    save_checkpoint(tmp_path / "c", module, extra={"epoch": 2})
    assert load_checkpoint(tmp_path / "c") == {"epoch": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"], "the copy that was moved aside remains"


FOREVER = """
import itertools, sys, torch
from eigenpairs.deep.checkpoints.checkpoint import save_checkpoint
module = torch.nn.Linear(300, 300)
for epoch in itertools.count():
    with torch.no_grad():
        module.weight.fill_(epoch)
    save_checkpoint(sys.argv[1], module, extra={"epoch": epoch})
    print(epoch, flush=True)
"""


@pytest.mark.parametrize("saved", [1, 7, 23])
def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path, saved):
    source = str(Path(__file__).resolve().parents[2] / "src")
    command = [sys.executable, "-c", FOREVER, str(tmp_path / "c")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": source}) as process:
        seen = [int(process.stdout.readline()) for _ in range(saved)]
        process.kill()
    module = nn.Linear(300, 300)
    epoch = load_checkpoint(tmp_path / "c", module)["epoch"]
    assert epoch >= seen[-1], "a checkpoint that stood was lost"
    assert (module.weight == epoch).all(), "weights and state are of different epochs"
