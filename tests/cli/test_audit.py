"""audit on the command line: the library's numbers, one line on bad input, a page."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from support import require

from eigenpairs.advise.audit import audit
from eigenpairs.cli import main

X, Y = load_digits(return_X_y=True)
X, Y = X[:400], Y[:400]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", X)
    np.savetxt("y.csv", Y, fmt="%d")


def run(capsys, *arguments):
    code = main(["audit", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_equals_the_library(capsys):
    code, out, err = run(
        capsys, "X.npy", "--views", "shift=1:2,noise", "--labels", "y.csv", "--image-shape", "8x8", "--json"
    )
    assert code == 0 and err == ""
    assert json.loads(out) == json.loads(
        json.dumps(audit(X.reshape(-1, 8, 8), {"shift": [1, 2], "noise": None}, Y).to_dict())
    )


def test_words_and_table(capsys):
    code, out, _ = run(capsys, "X.npy", "--views", "noise,masking=0.5", "--labels", "y.csv", "--n-labels", "30")
    assert code == 0 and "masking 0.5" in out and "predicted error" in out and "on 30 labels" in out
    code, out, _ = run(capsys, "X.npy", "--views", "noise")
    assert code == 0 and out.startswith("No labels, no recommendation") and "predicted error" not in out


def test_report(capsys):
    for module in ("plotly", "jinja2"):
        require(module, "report")
    code, _, err = run(capsys, "X.npy", "--views", "flip", "--image-shape", "8x8", "--report", "page.html")
    assert code == 0, err
    with open("page.html", encoding="utf-8") as page:
        assert "data:image/png;base64," in page.read()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("X.npy", "--views", "jitter"), "--views: 'jitter' is unknown; choose from noise"),
        (("X.npy", "--views", "shift=far"), "--views: 'shift=far' has strengths that are no numbers"),
        (("X.npy", "--views", ","), "--views: names no view"),
        (("X.npy", "--views", "shift"), "it changes images"),
        (("X.npy", "--image-shape", "8by8"), "--image-shape: '8by8' is no shape"),
        (("X.npy", "--image-shape", "9x8"), "--image-shape: 9x8 has 72 entries, and rows of DATA 64"),
        (("nothing.npy",), "nothing.npy does not exist"),
        (("X.npy", "--n-labels", "no"), "--n-labels: 'no' is not an integer"),
    ],
)
def test_one_line_on_bad_input(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("eigenpairs audit: ") and message in err
