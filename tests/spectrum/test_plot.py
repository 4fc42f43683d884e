"""Plots draw the numbers, on the axes given or on a new figure."""

import sys

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep

RHO = [0.9, 0.7, 0.5, 0.2, -0.1]


@pytest.fixture
def spec():
    X, G = rows_with_correlations(RHO)
    return ep.spectrum(X, G)


@pytest.fixture
def plt(monkeypatch):
    require("matplotlib", "plot")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


def drawn(ax):
    return [line.get_xydata() for line in ax.get_lines()]


def test_a_spectrum_draws_rho_and_held_out_rho(spec, plt):
    ax = spec.plot()
    (line,) = drawn(ax)
    np.testing.assert_allclose(line, np.column_stack([[1, 2, 3, 4, 5], spec.rho]))
    assert "rho" in ax.get_ylabel() and "mode" in ax.get_xlabel() and ax.get_legend() is None
    ax = spec.plot(heldout=spec.rho - 0.1)
    first, second = drawn(ax)
    np.testing.assert_allclose(first[:, 1], spec.rho)
    np.testing.assert_allclose(second[:, 1], spec.rho - 0.1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["pairs of the fit", "held-out pairs"]
    looks = [(line.get_color(), line.get_marker()) for line in ax.get_lines()]
    assert looks[0][0] != looks[1][0] and looks[0][1] != looks[1][1], "told apart by colour alone, or not at all"
    with pytest.raises(ValueError, match=r"heldout has shape \(2,\); give one correlation per mode, shape \(5,\)"):
        spec.plot(heldout=[0.1, 0.2])


def test_an_optimum_draws_its_gains_over_modes_or_over_rho(spec, plt):
    best = ep.VICReg().optimum(spec.rho, n_components=7)
    (line,) = drawn(best.plot())
    np.testing.assert_allclose(line, np.column_stack([np.arange(1, 8), best.gains]))
    ax = best.plot(spec.rho)
    (line,) = drawn(ax)
    np.testing.assert_allclose(line, np.column_stack([spec.rho, best.gains[:5]]), err_msg="two columns have no mode")
    assert "rho" in ax.get_xlabel() and "gain" in ax.get_ylabel()
    with pytest.raises(TypeError, match=r"give an array of correlations such as spectrum.rho"):
        best.plot(spec)


def test_an_embedding_draws_its_gain_curve(spec, plt):
    emb = spec.embed(ep.SpectralContrastive(), 4)
    (line,) = drawn(emb.plot())
    np.testing.assert_allclose(line, np.column_stack([spec.rho[:4], emb.optimum.gains]), atol=1e-12)


def test_given_axes_are_used_and_nothing_else_is_touched(spec, plt):
    import matplotlib as mpl

    figure, (left, right) = plt.subplots(1, 2)
    settings, figures = dict(mpl.rcParams), plt.get_fignums()
    assert spec.plot(left) is left and spec.embed(ep.Whitening(), 2).plot(right) is right
    assert dict(mpl.rcParams) == settings and plt.get_fignums() == figures and mpl.get_backend().lower() == "agg"
    figure.canvas.draw()


def test_missing_matplotlib_says_which_extra(spec, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (spec.plot, spec.embed(ep.VICReg(), 2).plot, ep.VICReg().optimum(spec.rho).plot):
        with pytest.raises(ModuleNotFoundError, match=r"plot needs matplotlib.*pip install 'eigenpairs\[plot\]'"):
            draw()
