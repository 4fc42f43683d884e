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
