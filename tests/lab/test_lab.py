"""The lab's rules: verdicts follow from numbers, experiments need no registration, every face shows the same."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import require

from eigenpairs import lab, report
from eigenpairs.cli import main
from eigenpairs.report.sections import sections_of

QUICK = {"draws": 100}


@pytest.mark.parametrize(
    ("measured", "expected", "tolerance", "kind", "holds"),
    [
        (1.0, 1.0, 0.0, "equal", True),
        (1.1, 1.0, 0.05, "equal", False),
        (0.9, 1.0, 0.1, "equal", True),
        (0.9, 1.0, 0.0, "at least", False),
        (1.5, 1.0, 0.0, "at least", True),
        (0.95, 1.0, 0.1, "at least", True),
        (1.5, 1.0, 0.0, "at most", False),
        (0.5, 1.0, 0.0, "at most", True),
        (math.nan, 1.0, 9.0, "equal", False),
        (math.inf, 1.0, 9.0, "at least", False),
    ],
)
def test_a_check_is_a_comparison(measured, expected, tolerance, kind, holds):
    check = lab.Check("it", measured, expected, tolerance, kind)
    assert check.holds is holds, check.sentence


def test_a_verdict_follows_from_the_checks_alone():
    good, bad = lab.Check("a", 1.0, 1.0), lab.Check("b", 2.0, 1.0)
    assert lab.Result([good, good]).verdict == "holds"
    assert lab.Result([good, bad]).verdict == "fails"
    assert lab.Result([good, bad]).headline is bad, "the headline is the check that fails"
    assert lab.Result([]).verdict == "not testable here"
    assert lab.Result([]).to_dict()["measured"] is None


@pytest.mark.parametrize("name", lab.experiments())
def test_every_experiment_says_what_it_is(name):
    kind = lab.experiment_called(name)
    for word in ("Claim", "Source", "Setting", "Expected"):
        assert len(kind.paragraph(word)) > 20, f"{name} says next to nothing under {word}"
    assert kind.paper in ("A", "B", "C", "D", "ours")
    assert set(kind.fast) <= set(kind.parameter_types()), f"{name}: `fast` has a parameter that does not exist"
    kind(**kind.fast)


def test_runs_repeat_for_a_seed():
    one, two = (lab.run("sample-complexity", **QUICK).to_dict() for _ in range(2))
    assert one | {"seconds": 0} == two | {"seconds": 0}


def test_a_broken_formula_fails(monkeypatch):
    from eigenpairs.lab.experiments.sample_complexity import SampleComplexity

    right = SampleComplexity.formula
    monkeypatch.setattr(SampleComplexity, "formula", lambda self, size, n: right(self, size, n) * (n - size - 1) / n)
    assert lab.run("sample-complexity", draws=1000).verdict == "fails"


def test_directions_learned_from_few_pairs_are_not_those_of_the_claim():
    """So the claim is about what was learned: sixty pairs of fifty numbers do not tell which directions stay."""
    found = lab.run("sample-complexity", draws=50, sources=60).result
    failed = [check.what for check in found.checks if not check.holds]
    assert "directions kept" in failed and any("learned features" in what for what in failed), failed
    assert not any("on 50 inputs" in what for what in failed), "inputs need no directions"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draws": 0}, "draws = 0 is too small; give an integer of at least 50"),
        ({"noise": math.nan}, "noise = nan is not allowed; give a finite number"),
        ({"noise": math.inf}, "noise = inf"),
        ({"noise": -1.0}, "noise = -1.0"),
        ({"noise": 0.0}, "noise = 0.0"),
        ({"sources": 50}, "sources = 50"),
        ({"kept_variance": 3.0}, "kept_variance = 3.0"),
    ],
)
def test_an_experiment_refuses_parameters_that_make_no_sense(given, said):
    with pytest.raises(ValueError, match=said) as refused:
        lab.run("sample-complexity", **given)
    assert "\n" not in str(refused.value), refused.value


def test_unknown_names_and_parameters_are_named():
    with pytest.raises(ValueError, match="did you mean 'sample-complexity'"):
        lab.run("sample-complexit")
    with pytest.raises(ValueError, match="has no parameter 'draw'; it has d, r"):
        lab.run("sample-complexity", draw=3)


def test_what_is_not_installed_is_not_testable(monkeypatch):
    from eigenpairs.lab.experiments.sample_complexity import SampleComplexity

    monkeypatch.setattr(SampleComplexity, "needs", ("no_such_module",))
    outcome = lab.run("sample-complexity")
    assert outcome.verdict == "not testable here" and "no_such_module" in outcome.result.notes[0]


def test_figures_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="two vectors"):
        lab.Series("a", [1, 2], [1])
    with pytest.raises(ValueError, match="ask for"):
        lab.Grid([1, 2], [1, 2, 3], np.zeros((2, 3)))


def test_bars_over_names_are_drawn_and_told(tmp_path):
    matplotlib = require("matplotlib", "plot")
    require("plotly", "report")
    require("jinja2", "report")
    matplotlib.use("Agg")
    bars = lab.Series("accuracy", ["with <EMA>", "without"], [0.9, 0.4], "bars")
    with pytest.raises(ValueError, match="only bars have"):
        lab.Series("accuracy", ["with", "without"], [0.9, 0.4])
    outcome = lab.run("sample-complexity", **QUICK)
    result = lab.Result(outcome.result.checks, [lab.Panel("methods", "method", "share right", [bars])])
    (ax,) = np.ravel(result.plot())
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == list(bars.x), "the figure has lost its names"
    (section,) = sections_of((replace(outcome, result=result),), None, None)
    (figure,) = section.figures.values()
    assert len(figure.data[0]["x"]) == 2 and figure.data[0]["y"] == [0.9, 0.4]
    assert [row[2] for row in figure.table.rows] == ["0.9", "0.4"], "the table beside the figure lacks a value"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": -1}, "seed = -1 is too small"),
        ({"draws": 1.5}, "draws = 1.5 is not a whole number"),
        ({"noise": float("nan")}, "noise = nan is not allowed; give a finite number"),
        ({"noise": "x"}, "noise = 'x' is not a number"),
        ({"correlations": "0.9"}, "correlations = '0.9' is not an object of the right kind; give for instance a tuple"),
        ({"correlations": ()}, r"correlations = \(\) is empty"),
        ({"correlations": (0.9, "x")}, r"correlations\[1\] = 'x' is not a number"),
    ],
)
def test_parameters_are_of_the_kind_they_say(change, said):
    with pytest.raises((ValueError, TypeError), match=said):
        lab.run("barlow-is-cca" if "correlations" in change else "sample-complexity", **change)


def test_the_command_line_prints_json_with_the_agreed_keys(capsys):
    assert main(["lab", "run", "sample-complexity", "--json", "--set", "draws=100"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {"name", "verdict", "measured", "expected", "tolerance", "checks", "claim", "seconds"} <= set(found)
    assert found["parameters"]["draws"] == 100
    assert main(["lab", "list"]) == 0
    assert "sample-complexity" in capsys.readouterr().out
    assert main(["lab", "show", "sample-complexity"]) == 0
    assert "Claim:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lab", "walk"], "none of list, show, run"),
        (["lab", "run"], "give an experiment's name"),
        (["lab", "run", "nothing"], "is no experiment"),
        (["lab", "run", "sample-complexity", "--set", "draw=3"], "it has: d, r"),
        (["lab", "run", "all", "--set", "d=3"], "one experiment"),
        (["lab", "run", "sample-complexity", "--set", "d=2"], "need r <= d"),
    ],
)
def test_bad_input_is_one_line(capsys, words, said):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and said in captured.err and not captured.out, captured.err


def test_a_page_shows_claim_checks_and_figures(tmp_path):
    require("plotly", "report")
    require("jinja2", "report")
    outcome = lab.run("sample-complexity", **QUICK)
    (section,) = sections_of((outcome,), None, None)
    assert section.headline.startswith(outcome.verdict) and len(section.figures) == len(outcome.result.figures)
    report.write(tmp_path / "page.html", outcome)
    page = (tmp_path / "page.html").read_text()
    assert all(check.what in page for check in outcome.result.checks), "a check is missing from the page"


def test_figures_draw_in_matplotlib():
    require("matplotlib", "plot").use("Agg")
    result = lab.run("sample-complexity", **QUICK).result
    grid = lab.Panel("colours", "x", "y", [lab.Series("a", [1, 2], [1, 2])], lab.Grid([1, 2], [1, 2], np.eye(2)))
    axes = lab.Result(result.checks, [*result.figures, grid]).plot()
    assert axes.size == len(result.figures) + 1


def test_the_page_has_a_line_for_every_experiment():
    docs = Path(__file__).resolve().parents[2] / "docs"
    page, numbers = (docs / "lab.md").read_text(), json.loads((docs / "lab" / "results.json").read_text())
    for name, kind in lab.experiments().items():
        assert f"| `{name}` |" in page, f"docs/lab.md lacks {name}: python tools/build_lab_page.py {name}"
        assert kind.paragraph("Claim") in page, f"docs/lab.md has another claim of {name}: build it again"
        assert numbers[name]["verdict"] in page and (docs / "lab" / f"{name}.svg").is_file(), f"{name} has no figure"
    assert set(numbers) == set(lab.experiments()), "the page has experiments that are no more"
