"""Documentation is tested: README, CONTRIBUTING and docs/diagnose.md run, and what they name exists."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import require

import eigenpairs as ep
from eigenpairs.cli import main
from eigenpairs.diagnose import findings
from eigenpairs.diagnose.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)


def test_readme_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("README.md", "python"):
        if "deep" in block:
            require("torch", "deep")
        exec(compile(block, "README.md", "exec"), space)
    assert "exact" in capsys.readouterr().out
    assert space["Z"].shape == (3594, 16)


def test_readme_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("X.npy", rng.standard_normal((100, 20)))
    np.save("groups.npy", np.tile(np.arange(50), 2))
    np.save("A.npy", rng.standard_normal((100, 10)))
    np.savetxt("few.csv", np.where(np.arange(100) < 60, np.arange(100) % 2, -1), fmt="%d")
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
    mentioned = re.findall(r"`((?:relation|features|objective|spectrum|diagnose|advise)/[\w./]*?)(?:::(\w+))?`", theory)
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


MADE_BY_OTHERS = {"Advice", "Audit", "Certificate", "Embedding", "Spectrum", "Optimum"}
"""Results: nobody makes them by hand."""


def test_every_public_name_is_documented_with_an_example():
    for name in ep.__all__:
        thing = getattr(ep, name)
        assert thing.__doc__ and len(thing.__doc__.split("\n")[0]) > 10, f"{name} has no purpose line"
        if name not in MADE_BY_OTHERS:
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


class TestDiagnosePage:
    """docs/diagnose.md: its snippets run, and its words and numbers are those of the code."""

    PAGE = (ROOT / "docs" / "diagnose.md").read_text()

    def test_snippets_run_on_any_encoder(self, capsys):
        torch = require("torch", "deep")
        images = torch.randn(300, 12, generator=torch.Generator().manual_seed(0))
        encoder = torch.nn.Linear(12, 5).eval()
        space = {
            "loader": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=64),
            "encode": lambda batch: encoder(batch[0] + 0.1 * torch.randn_like(batch[0])),
            "X": images.repeat(4, 1),
        }
        for block in blocks("docs/diagnose.md", "python"):
            exec(compile(block, "docs/diagnose.md", "exec"), space)
        assert space["found"].verdict == "healthy" and space["found"].lidar > 4, space["found"]
        assert "linear functions of X (12 columns)" in capsys.readouterr().out

    def test_snippets_of_other_libraries_are_python_and_define_what_the_loop_needs(self):
        found = re.findall(r"^```python needs=(\w+)\n(.*?)^```", self.PAGE, re.MULTILINE | re.DOTALL)
        assert {name for name, _ in found} == {"lightly", "solo", "stable_pretraining"}
        for name, block in found:
            stored = {node.id for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Name)}
            assert "encode" in stored and ".eval()" in block, f"{name}: no encoder in eval mode"

    def test_metrics_are_those_of_the_catalogue(self):
        rows = re.findall(r"^\| `(\w+)` \| (.*) \| (higher|lower|-) \|$", self.PAGE, re.MULTILINE)
        wanted = [(name, each.meaning.replace("|", r"\|"), each.better or "-") for name, each in CATALOGUE.items()]
        assert rows == wanted, "paste: " + "\n".join(f"| `{a}` | {b} | {c} |" for a, b, c in wanted)

    def test_verdicts_follow_the_rules_in_the_code(self):
        rows = re.findall(r"^\| `([\w-]+)` \| (.*) \| ([a-z ]+) \|$", self.PAGE, re.MULTILINE)
        rules = {kind: (rule, verdict) for kind, rule, verdict in rows if verdict in findings.VERDICTS}
        code = Path(findings.__file__).read_text()
        assert {(kind, verdict) for kind, (_, verdict) in rules.items()} == set(
            re.findall(r'Finding\("([\w-]+)", "([\w ]+)"', code)
        ), "kinds and verdicts of findings.py"
        numbers = {
            "constant": [findings.CONSTANT],
            "rank-one": [100 * findings.ONE_DIRECTION],
            "dead": [findings.DEAD],
            "duplicated": [findings.TWINS, findings.MIN_ROWS],
            "low-rank": [findings.LOW_RANK],
            "exploded": [findings.EXPLODED, findings.LARGE],
        }
        for kind, (rule, _) in rules.items():
            said = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", rule)]
            assert said == numbers.get(kind, []), f"the rule of {kind} in findings.py has other numbers"

    def test_commands_and_their_exit_codes(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        Z = np.random.default_rng(0).standard_normal((200, 6))
        np.save("Z.npy", Z)
        np.save("groups.npy", np.tile(np.arange(100), 2))
        np.save("y.npy", np.tile(np.arange(10), 20))
        for line in "".join(blocks("docs/diagnose.md", "sh")).splitlines():
            assert main(shlex.split(line)[1:]) == 0, f"{line}: {capsys.readouterr().err}"
        np.save("collapsed.npy", np.ones((200, 6)))
        np.save("partly.npy", Z * [1, 1, 1, 1, 1, 0])
        codes = {"missing.npy": 2, "collapsed.npy": 3, "partly.npy": 0, "partly.npy --strict": 3}
        for line, code in codes.items():
            assert main(["diagnose", *line.split()]) == code, line

    def test_published_rankme_reads_what_the_page_says(self):
        page = " ".join(self.PAGE.split())
        said = re.findall(r"with ([\d,]+)(?: singular values)? a rank of (\d+) reads ([\d.]*\d)", page)
        assert len(said) == 2
        for size, rank, value in said:
            share = np.zeros(int(size.replace(",", "")))
            share[: int(rank)] = 1 / int(rank)
            share += 1e-5
            assert f"{np.exp(-np.sum(share * np.log(share))):.3g}" == value, f"rank {rank} of {size}"
        Z = np.random.default_rng(0).standard_normal((5000, 512)) + 1
        centred, plain = ep.diagnose(Z).rankme, ep.diagnose(Z, center=False).rankme
        assert f"from {centred:.0f} to {plain:.0f}" in page, (centred, plain)
