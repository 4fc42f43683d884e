"""The page of a training run: its sentences are those of the run, its curves have a value per epoch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="comes with the extra deep")
pytest.importorskip("lightning_fabric", reason="comes with the extra deep")

import eigenpairs as ep  # noqa: E402
from eigenpairs.report.sections import sections_of  # noqa: E402


@pytest.fixture(scope="module", params=["vicreg", "direct-copy"])
def run(request):
    rng = np.random.default_rng(0)
    source = rng.standard_normal((80, 6))
    X = np.concatenate([source + 0.4 * rng.standard_normal((80, 6)) for _ in range(2)])
    return ep.deep.train(
        X, request.param, relation=ep.Relation.from_views(80, 2), labels=np.arange(160) % 3, epochs=3, batch_size=40,
        encoder={"name": "mlp", "hidden": [16], "n_features": 8}, projector={"hidden": [16], "n_outputs": 8},
        certificate_every=2, rows=80, progress=False,
    )  # fmt: skip


def test_the_summary_says_what_was_trained_and_how_far_it_is(run):
    summary, curves = sections_of((run,), None, None)
    assert summary.headline.startswith(f"{run.card['method']['name']} trained a mlp on 160 samples for 3 epochs")
    assert run.history[-1]["certificate"] in summary.values["more"]
    assert summary.verdict == run.history[-1]["verdict"]
    assert {"Loss", "kNN label"} <= set(summary.tiles)
    assert set(summary.figures) == ({"rho", "fixed"} if run.card["method"]["name"] == "direct-set" else {"rho"})
    assert len(curves.figures["curve-0"].data[0]["y"]) == 3, "the loss has not one value per epoch"


def test_a_run_opens_in_a_browser(run, opened):
    page = opened(run)
    assert "samples for 3 epochs" in page.find("body").text, "the page does not say what was trained"
    assert not page.complaints(), "the browser complains about the page"


def test_a_run_without_epochs_has_no_page(run):
    from eigenpairs.deep import Run

    with pytest.raises(ValueError, match="no epoch yet"):
        sections_of((Run(run.network, run.card, [], None),), None, None)
