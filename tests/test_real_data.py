"""Real data from the folder named by EIGENPAIRS_DATA: facts that toys do not show."""

import sys

import numpy as np
import pytest
from support import data_folder, require

import eigenpairs as ep
from eigenpairs.diagnose import knn_accuracy


@pytest.fixture(scope="module")
def datasets():
    folder = data_folder()
    sys.path.insert(0, str(folder))
    import datasets

    yield datasets
    sys.path.remove(str(folder))


def test_citation_graph_splits_off_its_components(datasets):
    """Cora is disconnected: 78 components, so 77 values of exactly 1, then the largest component's own modes."""
    words, edges, *_ = datasets.cora()
    G = ep.Relation.from_edges(edges[:, 0], edges[:, 1], n_samples=words.shape[0])
    n_parts = G.components.max() + 1
    spec = ep.spectrum(None, G, features=ep.Free(), n_components=n_parts + 20)
    assert np.count_nonzero(spec.rho == 1) == n_parts - 1
    assert spec.rho[n_parts - 1] < 1 - 1e-6
    phi = spec.transform()
    energy = np.array([G.dirichlet(phi[:, [k]]) for k in range(phi.shape[1])]) / G.total
    np.testing.assert_allclose(energy, 2 * (1 - spec.rho), atol=1e-7)


def test_same_character_other_drawer_helps_unseen_characters(datasets):
    """Pairs of drawings of one character teach what a drawer changes: kNN on characters that were never seen."""
    require("PIL", "vision")
    drawings, _ = datasets.omniglot()
    ink = drawings.reshape(242, 20, 35, 3, 35, 3).mean(axis=(3, 5)).reshape(242 * 20, -1)
    character = np.repeat(np.arange(242), 20)
    seen, unseen = character < 160, character >= 160
    spec = ep.spectrum(ink[seen], ep.Relation.from_groups(character[seen]), ep.Linear(ridge="auto"), n_components=64)
    assert spec.ridge > 0, "3,200 drawings of 1,225 pixels need a ridge"
    Z, bank = spec.embed(ep.SpectralContrastive(), 65).transform(ink), np.arange(len(ink)) % 20 < 5
    score = {
        name: knn_accuracy(
            rows[unseen & bank], character[unseen & bank], rows[unseen & ~bank], character[unseen & ~bank], 1
        )
        for name, rows in (("raw", ink), ("embedding", Z))
    }
    assert score["embedding"] > score["raw"] + 0.05, score


def test_translations_find_each_other():
    """German captions against English ones: raw vectors .183, whitened .77, density ratio .90, with its bias .92."""
    from eigenpairs.diagnose import recall_at_k

    data = np.load(data_folder() / "multi30k_minilm.npz")
    spec = ep.spectrum(ep.Towers(data["de_train"], data["en_train"]), features=ep.Linear(ridge=1e-3), n_components=384)
    german, english = (data[key].astype(np.float64) for key in ("de_val", "en_val"))
    wanted = np.arange(len(german))
    ratio = spec.embed(ep.SimCLR(critic="density-ratio"))
    Z = [ratio.transform(X, tower=tower) for tower, X in enumerate((german, english))]
    cosine = np.argmax(
        (Z[0] / np.linalg.norm(Z[0], axis=1)[:, None]) @ (Z[1] / np.linalg.norm(Z[1], axis=1)[:, None]).T, 1
    )
    assert np.mean(np.argmax(german @ english.T, axis=1) == wanted) == pytest.approx(0.183, abs=0.01)
    whitened = spec.embed(ep.Whitening()).search(german, english, 1).rows
    assert recall_at_k(whitened, wanted) == pytest.approx(0.77, abs=0.01)
    assert np.mean(cosine == wanted) >= 0.89
    assert recall_at_k(ratio.search(german, english, 1).rows, wanted) >= 0.92
