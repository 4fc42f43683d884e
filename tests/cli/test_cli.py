"""The command line: what it prints equals the library, bad input is one line and exit code 2."""

import json

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    """views.npy, groups.npy, labels.csv in the working folder."""
    monkeypatch.chdir(tmp_path)
    X, _ = rows_with_correlations([0.95, 0.8, 0.5, 0.2], n_sources=60)
    np.save("views.npy", X)
    np.save("groups.npy", np.tile(np.arange(60), 2))
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join("even" if k % 2 else "odd" for k in range(120)) + "\n")
    return X, ep.Relation.from_views(60, 2)


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


FIT = ("fit", "views.npy", "--pairs", "groups.npy", "--dim", 3, "--out", "model")


class TestFit:
    def test_equals_the_library(self, files, capsys):
        X, G = files
        code, out, err = run(capsys, *FIT, "--json")
        facts = json.loads(out)
        assert code == 0 and err == ""
        expected = ep.spectrum(X, G).embed(ep.VICReg(), 3)
        assert facts["loss"] == pytest.approx(expected.optimum.loss) and facts["exact"]
        np.testing.assert_allclose(ep.load("model").transform(X), expected.transform(X), atol=1e-9)

    def test_settings_labels_and_text(self, files, capsys):
        code, out, _ = run(
            capsys,
            *FIT,
            "--objective",
            "barlow-twins",
            "--set",
            "redundancy=0.5",
            "--labels",
            "labels.csv",
            "--ridge",
            0.01,
        )
        assert code == 0
        assert "BarlowTwins(redundancy=0.5)" in out and "kNN" in out and "saved  model" in out
        assert ep.load("model").spectrum.features == ep.Linear(ridge=0.01)

    def test_never_overwrites_without_force(self, files, capsys):
        assert run(capsys, *FIT)[0] == 0
        code, _, err = run(capsys, *FIT)
        assert code == 2 and "model exists" in err
        assert run(capsys, *FIT, "--force", "--dim", 2)[0] == 0
        assert ep.load("model").n_components == 2

    def test_an_overfit_is_noted(self, files, capsys):
        np.save("wide.npy", np.random.default_rng(0).standard_normal((20, 50)))
        np.save("ids.npy", np.tile(np.arange(10), 2))
        code, _, err = run(capsys, "fit", "wide.npy", "--pairs", "ids.npy", "--dim", 2, "--out", "m")
        assert code == 0 and "10 independent groups of partners for 19 directions" in err and "--ridge auto" in err
        code, out, err = run(
            capsys, "fit", "wide.npy", "--pairs", "ids.npy", "--dim", 2, "--ridge", "auto", "--out", "m2", "--json"
        )
        assert code == 0 and err == "" and json.loads(out)["ridge"] > 0

    def test_a_reduced_width_is_a_note(self, files, capsys):
        code, _, err = run(capsys, *FIT, "--dim", 9)
        assert code == 0 and err.startswith("note: n_components = 9 exceeds the rank 4") and err.count("\n") == 1


def test_transform_writes_what_the_model_gives(files, capsys):
    X, _ = files
    run(capsys, *FIT)
    for name in ("Z.npy", "Z.csv", "Z.npz"):
        code, out, _ = run(capsys, "transform", "model", "views.npy", "--out", name)
        assert code == 0 and "120 rows x 3 columns" in out
    np.testing.assert_allclose(np.load("Z.npy"), ep.load("model").transform(X))
    code, _, err = run(capsys, "transform", "model", "views.npy", "--out", "Z.npy")
    assert code == 2 and "Z.npy exists" in err
    assert run(capsys, "transform", "model", "views.npy", "--out", "Z.npy", "--force", "--json")[0] == 0


def test_transform_notes_rows_that_are_not_finite(files, capsys):
    X, _ = files
    run(capsys, *FIT)
    X[3, 1] = np.nan
    np.save("holes.npy", X)
    code, _, err = run(capsys, "transform", "model", "holes.npy", "--out", "Z.npy")
    assert code == 0 and "1 row(s) of holes.npy hold NaN" in err


def test_inspect_shows_every_objective(files, capsys):
    run(capsys, *FIT)
    code, out, _ = run(capsys, "inspect", "model")
    assert code == 0
    for text in ("Embedding of 120 rows", "VICReg(", "BarlowTwins", "SpectralContrastive", "Whitening", "█", "rho"):
        assert text in out
    code, out, _ = run(capsys, "inspect", "model", "--json")
    row = json.loads(out)["objectives"][0]
    assert row["loss"] == pytest.approx(ep.VICReg().optimum([0.95, 0.8, 0.5], 3).loss)


class TestDemo:
    def test_digits(self, capsys):
        code, out, _ = run(capsys, "demo", "--json")
        rows = {row["method"]: row for row in json.loads(out)["rows"]}
        assert code == 0 and len(rows) == 10
        for row in rows.values():
            if row["predicted"] is not None:
                assert row["actual"] == pytest.approx(row["predicted"], rel=1e-9), (
                    f"{row['method']} misses its prediction"
                )
            assert 0.3 < row["knn"] <= 1 and 0.3 < row["probe"] <= 1
        assert run(capsys, "demo", "--json")[1].split('"rows"')[1] == out.split('"rows"')[1], "two runs differ"

    def test_own_data(self, files, capsys):
        code, out, _ = run(
            capsys, "demo", "--data", "views.npy", "--pairs", "groups.npy", "--labels", "labels.csv", "--dim", 2
        )
        assert code == 0 and "LDA (supervised)" in out and "Next:" in out
        code, out, _ = run(capsys, "demo", "--data", "views.npy", "--pairs", "groups.npy")
        assert code == 0 and "LDA" not in out


BAD = {
    "no verb": (["nonsense"], "No such command 'nonsense'"),
    "missing option": (["fit", "views.npy", "--out", "m"], "--pairs:"),
    "missing argument": (["fit", "--pairs", "groups.npy", "--out", "m"], "DATA:"),
    "not a number": ([*FIT, "--dim", "abc"], "--dim: 'abc' is not an integer"),
    "too small": ([*FIT, "--dim", "0"], "--dim: 0 is too small"),
    "unknown option": ([*FIT, "--dims", "3"], "No such option"),
    "missing file": (["fit", "nope.npy", "--pairs", "groups.npy", "--out", "m"], "DATA nope.npy does not exist"),
    "wrong length": (["fit", "views.npy", "--pairs", "short.npy", "--out", "m"], "3 entries for 120 rows"),
    "unknown objective": (
        [*FIT, "--objective", "simclear"],
        "--objective: 'simclear' is unknown; choose from barlow-twins",
    ),
    "unknown setting": ([*FIT, "--set", "lambda=1"], "--set: 'lambda=1' is not NAME=VALUE with a parameter of vicreg"),
    "bad setting": ([*FIT, "--set", "invariance=lots"], "--set: invariance='lots' is not a number"),
    "bad value": ([*FIT, "--set", "invariance=-1"], "invariance = -1.0 is not allowed"),
    "unknown features": ([*FIT, "--features", "magic"], "--features: 'magic' is unknown"),
    "unknown weighting": ([*FIT, "--weighting", "rows"], "weighting = 'rows' is unknown"),
    "no model": (["inspect", "nowhere"], "nowhere holds no model.json"),
    "bad output": (["transform", "model", "views.npy", "--out", "Z.doc"], "suffix '.doc'"),
    "half a demo": (["demo", "--data", "views.npy"], "--data and --pairs go together"),
    "labels of another length": ([*FIT, "--labels", "short.npy"], "LABELS short.npy has 1 column(s) of 3 entries"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_two(case, files, capsys, tmp_path):
    np.save("short.npy", np.zeros(3, dtype=int))
    before = sorted(p.name for p in tmp_path.iterdir())
    arguments, message = BAD[case]
    code, out, err = run(capsys, *arguments)
    assert code == 2, out
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err, err
    assert err.startswith("eigenpairs") and message in err, err
    assert sorted(p.name for p in tmp_path.iterdir()) == before, "a failed command left files behind"


def test_help_has_an_example_for_every_verb(capsys):
    for verb in ("demo", "fit", "transform", "inspect"):
        code, out, _ = run(capsys, verb, "--help")
        assert code == 0 and f"Example: eigenpairs {verb}" in out
    assert run(capsys, "--version")[1].strip() == ep.__version__


def test_interrupting_is_quiet(files, capsys, monkeypatch):
    import sys

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["eigenpairs.spectrum.solve"], "pair_sums", interrupted)
    code, out, err = run(capsys, *FIT)
    assert code == 130 and "interrupted; nothing was written" in err and out == ""


class TestTwoTowers:
    @pytest.fixture
    def tables(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        hidden = rng.standard_normal((80, 3))
        A, B = (hidden @ rng.standard_normal((3, D)) + 0.2 * rng.standard_normal((80, D)) for D in (4, 5))
        np.save("a.npy", A)
        np.save("b.npy", B)
        return A, B

    FIT = ("fit", "a.npy", "b.npy", "--objective", "simclr", "--set", "critic=density-ratio", "--out", "model")

    def test_fit_transform_search_inspect(self, tables, capsys):
        A, B = tables
        code, out, err = run(capsys, *self.FIT, "--dim", 4)
        assert code == 0 and "80 rows x 4 columns and 80 rows x 5 columns" in out, err
        emb = ep.load("model")
        expected = ep.spectrum(ep.Towers(A, B)).embed(ep.SimCLR(critic="density-ratio"), 4)
        np.testing.assert_allclose(emb.transform(A, tower=0), expected.transform(A, tower=0), atol=1e-9)
        assert run(capsys, "transform", "model", "b.npy", "--tower", 1, "--out", "Z.npy")[0] == 0
        np.testing.assert_allclose(np.load("Z.npy"), emb.transform(B, tower=1))
        search = ("search", "model", "a.npy", "b.npy", "-k", 3, "--wanted", "same")
        code, out, _ = run(capsys, *search, "--out", "hits.csv", "--json")
        facts, found = json.loads(out), emb.search(A, B, 3)
        np.testing.assert_array_equal(facts["rows"], found.rows)
        assert code == 0 and facts["recall_at_1"] == np.mean(found.rows[:, 0] == np.arange(80))
        table = np.loadtxt("hits.csv", delimiter=",", skiprows=1)
        np.testing.assert_array_equal(table[:, 2].reshape(80, 3), found.rows)
        np.testing.assert_array_equal(table[:3, 1], [1, 2, 3])
        code, out, _ = run(capsys, "search", "model", "b.npy", "a.npy", "--towers", "1,0", "-k", 2)
        assert code == 0 and "80 queries, 80 rows in the bank" in out
        assert "two towers" in run(capsys, "inspect", "model")[1]

    def test_pairs_between_the_tables(self, tables, capsys):
        A, B = tables
        np.savetxt("pairs.csv", [[0, 1, 1.0], [5, 6, 2.0], [7, 7, 1.0], [9, 8, 0.5]], delimiter=",")
        code, *_ = run(capsys, *self.FIT, "--pairs", "pairs.csv", "--dim", 2, "--ridge", 0.1)
        assert code == 0
        G = ep.Relation.between([0, 5, 7, 9], [1, 6, 7, 8], [1, 2, 1, 0.5], shape=(80, 80))
        expected = ep.spectrum(ep.Towers(A, B), G, features=ep.Linear(ridge=0.1)).rho
        np.testing.assert_allclose(ep.load("model").spectrum.rho, expected)

    @pytest.mark.parametrize("dim", ["auto", "0.9"])
    def test_widths_by_gains(self, tables, capsys, dim):
        A, B = tables
        assert (
            run(capsys, *self.FIT, "--dim", dim, "--features", "kernel:n_landmarks=10,gamma=0.1", "--ridge", 0.1)[0]
            == 0
        )
        spec = ep.spectrum(ep.Towers(A, B), features=ep.Kernel(n_landmarks=10, gamma=0.1, ridge=0.1))
        wanted = spec.embed(ep.SimCLR(critic="density-ratio"), dim if dim == "auto" else float(dim))
        assert ep.load("model").n_components == wanted.n_components

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("fit", "a.npy", "--out", "m"), "--pairs: is missing"),
            (("fit", "a.npy", "b.npy", "--labels", "a.npy", "--out", "m"), "--labels goes with one table"),
            (("fit", "a.npy", "b.npy", "--out", "m", "--dim", "some"), "--dim: 'some' is not an integer"),
            (
                ("fit", "a.npy", "b.npy", "--out", "m", "--features", "kernel:n=3"),
                "--features: 'n=3' is not NAME=VALUE",
            ),
            (("fit", "a.npy", "b.npy", "--out", "m", "--features", "deep"), "--features: 'deep' is unknown"),
            (("transform", "model", "a.npy", "--out", "Z.npy"), "tower=0 or tower=1"),
            (("search", "model", "a.npy", "b.npy", "-k", "500"), "k = 500 is more than the 80 rows"),
            (("search", "model", "a.npy", "b.npy", "--towers", "2"), "--towers: '2' is not a pair"),
            (("search", "model", "a.npy", "b.npy", "--wanted", "nowhere.csv"), "nowhere.csv does not exist"),
        ],
    )
    def test_bad_input_is_one_line(self, tables, capsys, arguments, message):
        run(capsys, *self.FIT, "--dim", 2)
        code, _, err = run(capsys, *arguments)
        assert code == 2 and message in err and err.count("\n") == 1, err
