"""The examples run, and say what their first lines promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import data_folder, require

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(name, *arguments, data=True):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    if not data:
        environment.pop("EIGENPAIRS_DATA", None)
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def first_number(out, row):
    """The first decimal number on the first line that begins with `row`."""
    found = re.search(rf"^{re.escape(row)}\D*(\d\.\d{{3}})", out, re.MULTILINE)
    assert found, f"no line begins with {row!r} and holds a number:\n{out}"
    return float(found[1])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_without_data_one_sentence_and_exit_code_two(path):
    if "EIGENPAIRS_DATA" not in path.read_text():
        pytest.skip("this example brings its own data")
    done = run(path.name, data=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_translations_are_found_far_better_than_by_raw_vectors():
    data_folder()
    done = run("cross_lingual_search.py")
    assert done.returncode == 0, done.stderr
    raw, best = (first_number(done.stdout, row) for row in ("raw vectors", "density ratio, search"))
    assert raw < 0.2 and best > 0.92


def test_spoken_digits_of_other_speakers():
    data_folder()
    done = run("spoken_digits.py")
    assert done.returncode == 0, done.stderr
    assert first_number(done.stdout, "solved, SpectralContrastive") > first_number(done.stdout, "raw  ") + 0.03


def test_pairs_that_cannot_help_do_not():
    done = run("when_pairs_cannot_help.py", "--splits", "2")
    assert done.returncode == 0, done.stderr
    assert first_number(done.stdout, "raw pixels") > first_number(done.stdout, "spectral contrastive") + 0.01


def test_the_audit_catches_hue_on_a_task_of_colours():
    done = run("audit_of_augmentations.py")
    assert done.returncode == 0, done.stderr
    assert "hue" in done.stdout


def test_an_encoder_is_trained_on_images(tmp_path):
    require("lightning_fabric", "deep")
    done = run("train_on_images.py", "--epochs", "1", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert first_number(done.stdout, "  trained encoder") > 0.5, "a trained encoder is no better than guessing"
    assert (tmp_path / "run" / "last").is_dir()


def test_an_encoder_is_trained_on_a_table():
    require("lightning_fabric", "deep")
    done = run("train_on_a_table.py", "--epochs", "5")
    assert done.returncode == 0, done.stderr
    assert first_number(done.stdout, "trained with simclr") > 0.8, "a trained encoder is hardly better than guessing"


def test_a_deep_encoder_and_the_exact_optimum_of_vectors_in_pairs():
    data_folder()
    require("lightning_fabric", "deep")
    done = run("train_on_pairs_of_vectors.py", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    raw, exact = (first_number(done.stdout, row) for row in ("vectors as they are", "exact linear optimum"))
    assert exact > raw + 0.5, f"the exact optimum finds {exact}, raw vectors {raw}"
