"""The log of a run: what is written can be read, and resuming repeats no step."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="comes with the extra deep")
from support import require  # noqa: E402

from eigenpairs.deep.watching.logs import Logs, read_log  # noqa: E402

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.text(max_size=4), values, max_size=4)


def finite(value):
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@settings(deadline=None)
@given(st.lists(records, max_size=5))
def test_records_come_back_with_null_for_what_is_not_finite(tmp_path_factory, given_records):
    folder = tmp_path_factory.mktemp("log")
    with Logs(folder) as logs:
        for step, record in enumerate(given_records):
            logs.write(record | {"step": step})
    assert read_log(folder) == [finite(record) | {"step": step} for step, record in enumerate(given_records)]


def test_each_record_is_one_line_and_there_at_once(tmp_path):
    logs = Logs(tmp_path)
    for step in range(3):
        logs.write({"step": step, "text": "two\nlines"})
        lines = (tmp_path / "log.jsonl").read_text().splitlines()
        assert len(lines) == step + 1 and json.loads(lines[-1])["step"] == step, "a record waits in a buffer"
    logs.close()


def test_tensors_and_arrays_are_written_as_numbers(tmp_path):
    with Logs(tmp_path) as logs:
        logs.write(
            {"step": 1, "loss": torch.tensor(0.5), "eigenvalues": np.arange(2.0), "nan": torch.tensor([math.nan])}
        )
    assert read_log(tmp_path) == [{"step": 1, "loss": 0.5, "eigenvalues": [0.0, 1.0], "nan": [None]}]


@settings(deadline=None)
@given(st.integers(1, 20), st.data())
def test_a_resumed_log_is_that_of_one_run(tmp_path_factory, n_steps, data):
    checkpoint = data.draw(st.integers(0, n_steps), label="step of the checkpoint")
    cut = data.draw(st.integers(0, 10), label="bytes lost from the last line")
    folder = tmp_path_factory.mktemp("log")
    with Logs(folder) as logs:
        for step in range(1, n_steps + 1):
            logs.write({"step": step, "run": 1})
    whole = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(whole + b'{"step": 99, "run'[:cut])  # killed while writing
    with Logs(folder, resume_step=checkpoint) as logs:
        for step in range(checkpoint + 1, n_steps + 1):
            logs.write({"step": step, "run": 2})
    found = read_log(folder)
    assert [record["step"] for record in found] == list(range(1, n_steps + 1)), "a step is missing or appears twice"
    assert [record["run"] for record in found] == [1] * checkpoint + [2] * (n_steps - checkpoint)


def test_a_log_is_never_overwritten_unasked(tmp_path):
    Logs(tmp_path).close()
    with pytest.raises(FileExistsError, match="resume it, or choose another folder"):
        Logs(tmp_path)


def test_what_is_no_log_is_refused_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_log(tmp_path)
    file = tmp_path / "log.jsonl"
    for foreign in (b'{"step": 1}\nhello\n', b'{"step": 1}\n[1]\n', b'{"step": 1}\n\xff\xfe\n'):
        file.write_bytes(foreign)
        with pytest.raises(ValueError, match=r"line 2: .* is no JSON object") as caught:
            read_log(file)
        assert "\n" not in str(caught.value)


def test_tensorboard_gets_every_number_once_after_a_resume(tmp_path):
    require("tensorboard", "tb")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Logs(tmp_path, tensorboard=True) as logs:
        for step in range(1, 5):
            logs.write({"step": step, "loss": 1.0, "terms": {"invariance": step}, "text": "no number", "bad": math.nan})
    with Logs(tmp_path, tensorboard=True, resume_step=2) as logs:
        for step in range(3, 7):
            logs.write({"step": step, "loss": 2.0, "terms": {"invariance": step}})
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert sorted(board.Tags()["scalars"]) == ["loss", "terms/invariance"]
    assert [(event.step, event.value) for event in board.Scalars("loss")] == [
        (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0), (6, 2.0)
    ], "TensorBoard shows steps of the interrupted run"  # fmt: skip
