"""diagnose, certify and report on the command line: the library's numbers, exit codes, one line on bad input."""

import json

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, G = rows_with_correlations([0.95, 0.8, 0.5, 0.2], n_sources=100)
    np.save("Z.npy", X)
    np.save("other.npy", X[:, :2] @ [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    np.save("constant.npy", np.ones((200, 3)))
    np.save("nan.npy", np.where(np.arange(800).reshape(200, 4) == 5, np.nan, X))
    np.save("half.npy", X * [1, 1, 0, 0])
    np.save("groups.npy", np.tile(np.arange(100), 2))
    np.savetxt("labels.csv", np.tile(np.where(X[:100, 0] > 0, 7, 3), 2), fmt="%d")
    return X, G


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


class TestDiagnose:
    def test_equals_the_library(self, files, capsys):
        X, G = files
        code, out, err = run(capsys, "diagnose", "Z.npy", "--pairs", "groups.npy", "--json")
        assert code == 0 and err == ""
        assert json.loads(out)["metrics"]["lidar"]["value"] == pytest.approx(ep.diagnose(X, G).lidar)

    def test_text_shows_verdict_references_and_probes(self, files, capsys):
        code, out, _ = run(capsys, "diagnose", "Z.npy", "--pairs", "groups.npy", "--labels", "labels.csv")
        assert code == 0 and out.startswith("healthy: 200 rows x 4 columns")
        assert "random rows" in out and "LiDAR" in out and "logistic" in out

    @pytest.mark.parametrize(
        "file, strict, expected",
        [("Z", True, 0), ("constant", False, 3), ("nan", False, 3), ("half", False, 0), ("half", True, 3)],
    )
    def test_exit_codes_for_pipelines(self, files, capsys, file, strict, expected):
        code, out, _ = run(capsys, "diagnose", f"{file}.npy", *(["--strict"] if strict else []))
        assert code == expected, out

    def test_several_are_ordered_and_compared(self, files, capsys):
        code, out, _ = run(capsys, "diagnose", "other.npy", "Z.npy", "constant.npy", "--pairs", "groups.npy", "--json")
        facts = json.loads(out)
        assert code == 3 and facts["ranking"] == ["Z.npy", "other.npy", "constant.npy"]
        assert [pair["between"] for pair in facts["similarities"]] == [["other.npy", "Z.npy"]]
        assert run(capsys, "diagnose", "other.npy", "Z.npy")[1].startswith("Best first, by rankme")

    @pytest.mark.parametrize(
        "arguments, named",
        [
            (["missing.npy"], "missing.npy does not exist"),
            (["Z.npy", "Z.npy"], "Z.npy is given twice"),
            (["Z.npy", "--pairs", "labels.csv", "--labels", "views.csv"], "views.csv does not exist"),
            (["Z.npy", "--objective", "nothing"], "'nothing' is unknown"),
            (["Z.npy", "--report", "page.txt"], "end it with .html"),
        ],
    )
    def test_bad_input_is_one_line(self, files, capsys, arguments, named):
        code, out, err = run(capsys, "diagnose", *arguments)
        assert code == 2 and out == "" and named in err and err.count("\n") == 1, err


class TestCertify:
    def test_equals_the_library(self, files, capsys):
        X, G = files
        code, out, _ = run(
            capsys, "certify", "Z.npy", "--pairs", "groups.npy", "--data", "Z.npy", "--objective", "whitening", "--json"
        )
        facts, found = json.loads(out), ep.certify(X, ep.Whitening(), G, X)
        assert code == 0 and facts["loss"] == pytest.approx(found.loss) and facts["exact"]
        assert abs(facts["gap"]) < 1e-6, "whitened rows of full width are the optimum"

    def test_says_what_it_is_relative_to(self, files, capsys):
        code, out, _ = run(capsys, "certify", "Z.npy", "--pairs", "groups.npy", "--data", "Z.npy")
        assert code == 0 and "linear functions of X (4 columns)" in out
        assert "any function of the samples" in run(capsys, "certify", "Z.npy", "--pairs", "groups.npy")[1]

    def test_two_towers(self, files, capsys):
        X, _ = files
        np.save("a.npy", X[:100])
        np.save("b.npy", X[100:])
        ep.save(ep.spectrum(ep.Towers(X[:100], X[100:])).embed(ep.Whitening(), 2), "towers")
        for tower, name in enumerate("ab"):
            run(capsys, "transform", "towers", f"{name}.npy", "--tower", tower, "--out", f"z{name}.npy")
        both = ("--data", "a.npy", "--data-b", "b.npy", "--objective", "whitening", "--json")
        code, out, err = run(capsys, "certify", "za.npy", "zb.npy", *both)
        assert code == 0 and abs(json.loads(out)["gap"]) < 1e-6, err

    @pytest.mark.parametrize(
        "arguments, named",
        [
            (["Z.npy"], "--pairs: is missing"),
            (["Z.npy", "--pairs", "groups.npy", "--data-b", "Z.npy"], "Z_B"),
            (["Z.npy", "Z.npy", "--data", "Z.npy"], "go together"),
            (["nan.npy", "--pairs", "groups.npy"], "NaN"),
        ],
    )
    def test_bad_input_is_one_line(self, files, capsys, arguments, named):
        code, out, err = run(capsys, "certify", *arguments)
        assert code == 2 and out == "" and named in err and err.count("\n") == 1, err


class TestReport:
    @pytest.fixture(autouse=True)
    def extras(self):
        require("plotly", "report")
        require("jinja2", "report")

    def test_of_a_model_and_of_an_embedding(self, files, capsys, tmp_path):
        fit = ("fit", "Z.npy", "--pairs", "groups.npy", "--dim", 2, "--out", "model", "--report", "fit.html")
        assert run(capsys, *fit)[0] == 0
        rows = ("--data", "Z.npy", "--pairs", "groups.npy", "--labels", "labels.csv")
        assert run(capsys, "report", "model", *rows, "-o", "model.html")[1] == "wrote model.html\n"
        assert run(capsys, "report", "Z.npy", "-o", "rows.html")[0] == 0
        assert run(capsys, "diagnose", "Z.npy", "half.npy", "--report", "two.html")[0] == 0
        assert run(capsys, "certify", "Z.npy", "--pairs", "groups.npy", "--report", "gap.html")[0] == 0
        for page in ("fit", "model", "rows", "two", "gap"):
            text = (tmp_path / f"{page}.html").read_text()
            assert text.lower().startswith("<!doctype html>"), page
            assert len(text) < 6.5e6, f"{page}.html is too large"

    def test_an_existing_page_is_kept_and_nothing_is_computed(self, files, capsys, tmp_path):
        (tmp_path / "page.html").write_text("mine")
        code, _, err = run(capsys, "report", "Z.npy", "-o", "page.html")
        assert code == 2 and "--force" in err and (tmp_path / "page.html").read_text() == "mine"
        fit = ("fit", "Z.npy", "--pairs", "groups.npy", "--dim", 2, "--out", "model", "--report", "page.html")
        assert run(capsys, *fit)[0] == 2 and not (tmp_path / "model").exists()

    def test_labels_without_rows(self, files, capsys):
        run(capsys, "fit", "Z.npy", "--pairs", "groups.npy", "--dim", 2, "--out", "model")
        code, _, err = run(capsys, "report", "model", "--labels", "labels.csv", "-o", "page.html")
        assert code == 2 and "--data: is missing" in err


class TestAdvise:
    def test_equals_the_library(self, files, capsys):
        X, G = files
        y = np.loadtxt("labels.csv", dtype=int)
        options = ("--labels", "labels.csv", "--n-labels", 20, "--ridge", 0, "--json")
        code, out, err = run(capsys, "advise", "Z.npy", "--pairs", "groups.npy", *options)
        expected = ep.advise(ep.spectrum(X, G), X, y, 20, groups=np.load("groups.npy"))
        facts = json.loads(out)
        assert code == 0, err
        assert facts["best"]["objective"] == type(expected.table[0].objective).__name__
        assert facts["best"]["predicted"] == pytest.approx(expected.table[0].predicted)

    def test_text_and_no_labels(self, files, capsys):
        code, out, _ = run(capsys, "advise", "Z.npy", "--pairs", "groups.npy", "--labels", "labels.csv")
        assert code == 0 and "alignment" in out and "predicted error" in out and "raw columns" in out
        code, out, _ = run(capsys, "advise", "Z.npy", "--pairs", "groups.npy")
        assert code == 0 and out.startswith("no labels, no ranking")

    @pytest.mark.parametrize(
        "arguments, named",
        [
            (["Z.npy"], "--pairs"),
            (["Z.npy", "--pairs", "groups.npy", "--n-labels", "many"], "not an integer"),
            (["Z.npy", "--pairs", "groups.npy", "--labels", "half.npy"], "one column"),
        ],
    )
    def test_bad_input_is_one_line(self, files, capsys, arguments, named):
        code, out, err = run(capsys, "advise", *arguments)
        assert code == 2 and out == "" and named in err and err.count("\n") == 1, err
