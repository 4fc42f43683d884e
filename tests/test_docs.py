"""Documentation is tested: README and CONTRIBUTING run, and docs/theory.md names files and tests that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenpairs as ep
from eigenpairs.cli import main

ROOT = Path(__file__).resolve().parents[1]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)


def test_readme_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("README.md", "python"):
        exec(compile(block, "README.md", "exec"), space)
    assert "exact" in capsys.readouterr().out
    assert space["Z"].shape == (3594, 16)


def test_readme_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("X.npy", rng.standard_normal((100, 20)))
    np.save("groups.npy", np.tile(np.arange(50), 2))
    np.save("A.npy", rng.standard_normal((100, 10)))
    np.save("B.npy", rng.standard_normal((100, 12)))
    for line in "".join(blocks("README.md", "sh")).splitlines():
        command = shlex.split(line, comments=True)
        assert command[0] == "eigenpairs"
        assert main(command[1:]) == 0, f"{line}: {capsys.readouterr().err}"
    assert np.load("Z.npy").shape == (100, 16)


def test_readme_opens_with_the_two_commands():
    code = [line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    ")]
    assert code[:3] == ["make demo", "make test", "pip install ."]


def test_contributing_example_is_a_working_objective():
    (block,) = blocks("CONTRIBUTING.md", "python")
    space: dict = {"__name__": "contributing"}
    exec(compile(block, "CONTRIBUTING.md", "exec"), space)
    objective = space["Decorrelation"]()
    X = np.random.default_rng(0).standard_normal((60, 4))
    X[30:, :2] = X[:30, :2]
    G = ep.Relation.from_views(30, 2)
    emb = ep.spectrum(X, G).embed(objective, 3)
    assert float(objective.loss(emb.transform(X), G)) == pytest.approx(emb.optimum.loss)
    rng = np.random.default_rng(1)
    for _ in range(200):
        assert objective.population_loss(rng.standard_normal((4, 3)), emb.spectrum.rho) >= emb.optimum.loss


def test_theory_names_files_and_tests_that_exist():
    theory = (ROOT / "docs" / "theory.md").read_text()
    mentioned = re.findall(r"`((?:relation|features|objective|spectrum|diagnose)/[\w./]*?)(?:::(\w+))?`", theory)
    mentioned += [(None, name) for name in re.findall(r"`(test_\w+)`", theory)]
    tests = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(mentioned) > 30
    for file, name in mentioned:
        if file and "test_" in file:
            assert (ROOT / "tests" / file).is_file(), file
        elif file:
            assert (ROOT / "src" / "eigenpairs" / file).exists(), file
        if name:
            assert any(re.search(rf"(def|class) {name}\b", text) for text in tests.values()), f"no test {name}"


def test_every_public_name_is_documented_with_an_example():
    for name in ep.__all__:
        thing = getattr(ep, name)
        assert thing.__doc__ and len(thing.__doc__.split("\n")[0]) > 10, f"{name} has no purpose line"
        if name not in ("Advice", "Certificate", "Embedding", "Spectrum", "Optimum"):  # made by the others, not by hand
            assert ">>>" in thing.__doc__, f"{name} has no example"


def test_import_is_light():
    """Nothing slow or optional is imported before it is used."""
    heavy = (
        "sklearn",
        "torch",
        "pyarrow",
        "matplotlib",
        "pandas",
        "typer",
        "rich",
        "scipy.optimize",
        "scipy.sparse.linalg",
    )
    code = f"import sys, eigenpairs; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_public_text_is_for_users():
    """No machine paths, and no folder that only exists where the project is developed."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")]:
        text = path.read_text()
        for stranger in ("../shared", "/work/", "/root/", "/tmp/"):
            assert stranger not in text, f"{path.name} mentions {stranger}"
