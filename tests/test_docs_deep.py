"""docs/deep.md: its snippets run, and what it names exists."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

from eigenpairs.cli import main  # noqa: E402
from eigenpairs.deep.methods import METHODS  # noqa: E402
from eigenpairs.deep.views import PRESETS  # noqa: E402

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "deep.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the page's first snippet leaves behind, run in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        space = {}
        for block in blocks("python"):
            exec(compile(block, "deep.md", "exec"), space)
        yield space


def test_the_snippet_trains_and_loads(page):
    assert page["H"].shape == (397, 256), "the loaded run gives other features than the page says"


def test_every_record_of_the_table_is_in_the_log(page):
    named = set(
        re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\|([^|]*)\|", section("What you see while it trains"), re.M)))
    )
    named -= {"predictor"}  # of methods with a predictor only
    missing = named - set(page["run"].history[-1])
    assert not missing, f"the page names {sorted(missing)}, which no record has"
    assert set(page["run"].history[-1]["terms"]) == {"invariance", "variance", "covariance"}


def test_the_table_of_methods_is_complete():
    named = set(re.findall(r"`([a-z-]+)`", "\n".join(re.findall(r"^\|([^|]*)\|", section("What to train for"), re.M))))
    assert named == set(METHODS), "the table and the methods differ"


def test_presets_exist():
    named = set(re.findall(r'"([a-z-]+)"', section("Who is a positive of whom").split("Chain")[0]))
    assert named <= set(PRESETS), f"{named - set(PRESETS)} is no preset"


def test_the_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3), dtype=np.uint8))
    (block,) = blocks("sh")
    for line in block.splitlines():
        line, _, target = line.partition(" > ")
        command = shlex.split(line)[1:]
        if command[:2] == ["train", "run.toml"]:
            command += ["--set", "training.batch_size=32", "--set", "training.threads=1"]
        assert main(command) == 0, f"{line}: {capsys.readouterr().err}"
        out = capsys.readouterr().out
        if target:
            Path(target).write_text(out)
    assert np.load("H.npy").shape == (64, 256)
    assert json.loads(Path("run/run.json").read_text())["training"]["epochs"] == 2
