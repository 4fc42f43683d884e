"""The live view: one plain line per epoch where stderr is no terminal, nothing when nobody wants it."""

import io
import sys

import pytest

pytest.importorskip("torch", reason="comes with the extra deep")

from eigenpairs.deep.watching.live import Live, epoch_line, start_line, step_line

CARD = {
    "format": "eigenpairs run",
    "method": {"name": "vicreg", "invariance": 25.0},
    "encoder": {"name": "conv-net"},
    "n_samples": 50_000,
    "training": {"epochs": 3, "batch_size": 256, "device": "auto"},
}
STEP = {
    "epoch": 0,
    "step": 10,
    "loss": 12.5,
    "terms": {"invariance": 2.5, "variance": 10.0},
    "images_per_second": 1234.5,
}
EPOCH = STEP | {
    "seconds": 8.25,
    "knn": {"class": 0.8125, "colour": None},
    "rankme": 51.23456,
    "sum_rho": 20.0,
    "verdict": "healthy",
    "alarm": False,
    "alarm_text": "",
    "gap": 0.125,
    "certificate": "VICReg() loses 12.5; ... [exact]",
}
COLLAPSE = {"epoch": 1, "loss": float("nan"), "alarm": True, "alarm_text": "projections: the embedding is constant"}


def run(progress=True):
    live = Live(progress, 3, 20)
    live.on_start(CARD)
    live.on_step(STEP)
    live.on_epoch(EPOCH)
    live.on_epoch(COLLAPSE)
    live.on_stop({"message": "stopped"})
    live.on_stop()


def test_a_file_gets_one_plain_line_per_epoch_on_stderr(capsys):
    run()
    out, err = capsys.readouterr()
    assert out == "", "stdout belongs to results"
    assert err.splitlines() == [
        "method vicreg  encoder conv-net  samples 50,000  epochs 3  batch 256  device auto",
        "epoch 1/3  loss 12.5 (invariance 2.5, variance 10)  kNN class .812  kNN colour -  RankMe 51.23  gap 0.125  "
        "1,234/s  8.2 s",
        "  VICReg() loses 12.5; ... [exact]",
        "epoch 2/3  loss nan",
        "  collapse alarm: projections: the embedding is constant",
        "stopped",
    ]
    assert "\x1b" not in err, "control characters in a file"


def test_without_progress_nothing_is_shown(capsys):
    run(progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_and_the_alarm_in_red(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    run()
    shown = sys.stderr.getvalue()
    assert "\x1b[1;31m  collapse alarm: projections: the embedding is constant" in shown
    assert "kNN class .812" in shown and "━" in shown


def test_lines_leave_out_what_a_record_lacks():
    assert epoch_line({"epoch": 0}, 5) == "epoch 1/5"
    assert epoch_line({"epoch": 0, "loss": 1.0, "terms": {"loss": 1.0}}, 5) == "epoch 1/5  loss 1"
    assert (
        epoch_line({"epoch": 4, "knn": {}, "sum_rho": 12.345, "rankme": None, "gap": None}, 5)
        == "epoch 5/5  sum rho 12.35"
    )
    assert epoch_line({"epoch": 0, "verdict": "partially collapsed"}, 5) == "epoch 1/5  partially collapsed"
    assert step_line(STEP, 3) == "epoch 1/3  loss 12.5 (invariance 2.5, variance 10)  1,234/s"
    assert start_line({}) == ""


def test_a_perfect_accuracy_keeps_its_digit():
    assert epoch_line({"epoch": 0, "knn": {"y": 1.0}}, 1) == "epoch 1/1  kNN y 1.000"
