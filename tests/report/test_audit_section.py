"""The section of an audit: every row is on it, names are shown as they are, and pictures are the pixels."""

import base64
import io

import numpy as np
import pytest
from support import require

from eigenpairs.advise.audit import audit
from eigenpairs.report.audit_section import audit_section
from eigenpairs.report.png import data_address


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    return rng.random((300, 6, 6, 1)) * np.eye(3)[y][:, None, None, :], y


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (4, 6, 3), (3, 3, 4)])
def test_pictures_are_the_pixels(shape):
    image = require("matplotlib.image", "plot")
    pixels = np.random.default_rng(0).integers(0, 256, shape)
    head, _, body = data_address(pixels, 0, 255).partition(",")
    assert head == "data:image/png;base64"
    read = image.imread(io.BytesIO(base64.b64decode(body)), format="png")
    np.testing.assert_array_equal(np.round(255 * read), pixels.reshape(read.shape))


def test_large_pictures_become_small_and_contrast_fills_the_range():
    image = require("matplotlib.image", "plot")
    ramp = np.linspace(-3, 5, 300)[None, :] * np.ones((200, 1))
    read = image.imread(io.BytesIO(base64.b64decode(data_address(ramp, -3, 5).partition(",")[2])), format="png")
    assert max(read.shape) <= 96 and read.min() == 0 and read.max() > 0.98
    assert data_address(np.ones((4, 4)), 1, 1)  # a constant image is no division by zero


def test_every_row_is_told(rows):
    X, y = rows
    found = audit(X, {"hue": [0.1, 1], "<b>mine</b>": lambda X, rng: X[:, ::-1]}, y, n_labels=20)
    section = audit_section(found)
    assert section.headline == section.values["sentence"]
    assert [strip.title for strip in section.values["strips"]] == ["as they are", "hue 0.1", "hue 1", "<b>mine</b>"]
    assert all(len(strip.addresses) == 8 for strip in section.values["strips"])
    assert len(section.values["table"].rows) == 4
    bars = [title for trace in section.figures["errors"].data for title in trace["y"]]
    assert sorted(bars) == sorted(["unchanged", "hue 0.1", "hue 1", "&lt;b&gt;mine&lt;/b&gt;"])
    assert dict(section.values["recommended"])["hue"] == "not at any of these strengths"


def test_without_labels_and_pictures_less_is_told():
    found = audit(np.random.default_rng(0).standard_normal((100, 5)), "noise")
    section = audit_section(found)
    assert "errors" not in section.figures and section.values["strips"] == [] and section.tiles == {}


def test_on_a_page(rows):
    for module in ("plotly", "jinja2"):
        require(module, "report")
    from eigenpairs.report.page import render

    page = render(audit(rows[0], {"<b>mine</b>": lambda X, rng: X[:, ::-1]}, rows[1]))
    assert "Audit of augmentations" in page and "data:image/png;base64," in page
    assert "<b>mine" not in page, "a name is not markup"
