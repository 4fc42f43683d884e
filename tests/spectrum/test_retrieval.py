"""Search: the k best rows by brute force, by each objective's critic."""

import subprocess
import sys

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs.spectrum.retrieval import best_matches

OBJECTIVES = {
    "cosine of the embedding": ep.VICReg(1.0, 1.0, form="least-squares"),
    "constant left out": ep.SpectralContrastive(),
    "density ratio": ep.SimCLR(temperature=0.3, critic="density-ratio"),
}


def towers(n=80, seed=0):
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 3))
    return ep.Towers(*(hidden @ rng.standard_normal((3, D)) + 0.3 * rng.standard_normal((n, D)) for D in (5, 6)))


def critic(emb, A, B, sides=(0, 1)):
    """The scores, from the formulas."""
    phi, psi = emb.spectrum.transform(A, tower=sides[0]), emb.spectrum.transform(B, tower=sides[1])
    rho, gains = emb.spectrum.rho[: emb.n_components], emb.optimum.gains
    phi, psi = phi[:, : len(rho)], psi[:, : len(rho)]
    if isinstance(emb.objective, ep.SimCLR):
        dots = (phi * rho / (1 - rho**2)) @ psi.T
        bias = -0.5 * psi**2 @ (rho**2 / (1 - rho**2))
        return emb.objective.temperature * (dots + bias)
    z, w = phi * np.sqrt(gains[: len(rho)]), psi * np.sqrt(gains[: len(rho)])
    return (z / np.linalg.norm(z, axis=1, keepdims=True)) @ (w / np.linalg.norm(w, axis=1, keepdims=True)).T


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (0, 0)])
def test_scores_are_the_critic_and_search_is_brute_force(objective, sides):
    data = towers()
    emb = ep.spectrum(data).embed(objective)
    queries, bank = data.sides[sides[0]][:20], data.sides[sides[1]]
    scores = emb.similarity(queries, bank, towers=sides)
    if objective.centred:
        np.testing.assert_allclose(scores, critic(emb, queries, bank, sides), atol=1e-8)
    found = emb.search(queries, bank, k=7, towers=sides)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(found.rows, order)
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, order, axis=1), atol=1e-10)


def test_bias_orders_what_cosines_cannot():
    """The density ratio prefers a bank row near the query's conditional mean, not merely in its direction."""
    data = towers(400)
    emb = ep.spectrum(data).embed(ep.SimCLR(critic="density-ratio"))
    scores = emb.similarity(data.X_a, data.X_b)
    without = emb.transform(data.X_a, tower=0) @ emb.transform(data.X_b, tower=1).T
    wanted = np.arange(400)
    assert (scores.argmax(1) == wanted).mean() > (without.argmax(1) == wanted).mean() + 0.1


def uneven(n=60, seed=0):
    """Rows in groups of 1 to 4, so that degrees differ, and the columns' mean with them."""
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, n, (2, 3 * n))
    G = ep.Relation.from_edges(i[i != j], j[i != j], n_samples=n + 2)
    X = rng.standard_normal((n + 2, 4)) * [3, 1, 1, 0.5] + 0.05 * G.degrees[:, None] * [1, -2, 0, 1]
    X[:n] += G[:n] @ X[:n] / 10
    X[-1] = np.nan  # without a partner
    return X, G


def moments_of_rows(Z, weight):
    Z, weight = Z[weight > 0], weight[weight > 0] / weight.sum()
    mean = weight @ Z
    return mean, (Z - mean).T @ (weight[:, None] * (Z - mean))


@pytest.mark.parametrize("weighting", ["pairs", "samples"])
@pytest.mark.parametrize("features", [ep.Linear(), ep.Linear(0.3), ep.Free()])
def test_the_bias_knows_the_rows_it_was_made_on(weighting, features, tmp_path):
    """Under a ridge or another weighting E[phi phi^T] is not I; the loss takes moments of the rows themselves."""
    X, G = uneven()
    rows = None if isinstance(features, ep.Free) else X
    objective = ep.SimCLR(temperature=0.3, critic="density-ratio")
    emb = ep.spectrum(rows, G, features, weighting=weighting).embed(objective, 4)
    Z = emb.transform(rows)[:-2]
    mean, covariance = moments_of_rows(Z, G.degrees[:-2])
    centred = Z - mean
    wanted = centred @ centred.T + 0.3 * objective.bias(centred, covariance)
    ep.save(emb, tmp_path / "model")
    for model in (emb, ep.load(tmp_path / "model")) if rows is not None else (emb,):
        given = None if rows is None else X[:-2]
        found = model.similarity(given, given)[: len(Z), : len(Z)]
        difference = found - wanted
        np.testing.assert_allclose(difference, difference[:, :1] + 0 * difference, atol=1e-8, err_msg="ranks differ")


def test_the_bias_is_that_of_the_banks_tower():
    data = towers(200)
    objective = ep.SimCLR(temperature=0.3, critic="density-ratio")
    emb = ep.spectrum(data, features=(ep.Linear(0.2), ep.Linear(2.0))).embed(objective)
    for sides in ((0, 1), (1, 0), (0, 0)):
        Z, W = (emb.transform(data.sides[side], tower=side) for side in sides)
        wanted = Z @ W.T + 0.3 * objective.bias(W, np.cov(W.T, bias=True))
        found = emb.similarity(data.sides[sides[0]], data.sides[sides[1]], towers=sides)
        np.testing.assert_allclose(found, wanted, atol=1e-8, err_msg=f"towers {sides}")


def test_one_tower_and_free_class():
    X, G = rows_with_correlations([0.99, 0.98, 0.97], n_sources=30)
    emb = ep.spectrum(X, G).embed(ep.SpectralContrastive(), 4)
    found = emb.search(X[:30], X[30:], k=1)
    assert (found.rows[:, 0] == np.arange(30)).mean() > 0.3
    graph = ep.Relation.from_neighbors(X, k=5)
    free = ep.spectrum(None, graph, features=ep.Free(), n_components=6).embed(ep.Whitening())
    np.testing.assert_allclose(free.search(None, None, k=1).scores, 1.0, err_msg="no row is nearer than itself")


def test_ties_go_to_the_smaller_row_number():
    found = best_matches(np.ones((2, 3)), np.ones((50, 3)), None, 4)
    np.testing.assert_array_equal(found.rows, [[0, 1, 2, 3]] * 2)


def test_many_copies_in_the_bank_do_not_hide_each_other(monkeypatch):
    """More equal rows than faiss has spare candidates, and equal rows whose products differ by rounding."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 6))
    bank, queries = np.tile(rows, (60, 1)), rng.standard_normal((20, 6))
    exact = np.einsum("qk,bk->qb", queries, bank)
    expected = np.argsort(-exact, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(best_matches(queries, bank, None, 5).rows, expected)
    monkeypatch.setitem(sys.modules, "faiss", None)
    np.testing.assert_array_equal(best_matches(queries, bank, None, 5).rows, expected)


def test_rows_with_nan_are_refused():
    data = towers()
    emb = ep.spectrum(data).embed(ep.Whitening())
    spoilt = data.X_b.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3 of the second rows given holds NaN"):
        emb.search(data.X_a, spoilt, k=2)
    with pytest.raises(ValueError, match="is not a pair"):
        emb.search(data.X_a, data.X_b, towers=(0,))


def test_half_precision_rows_are_scored_in_double():
    data = towers()
    emb = ep.spectrum(data).embed(ep.SimCLR(critic="density-ratio"))
    half = [X.astype(np.float16) for X in data.sides]
    np.testing.assert_array_equal(emb.similarity(*half), emb.similarity(*(X.astype(np.float64) for X in half)))


def test_the_same_rows_with_and_without_faiss():
    """In a process of its own, in which faiss cannot be imported."""
    code = (
        "import sys; sys.modules['faiss'] = None\n"
        "import numpy as np\nfrom eigenpairs.spectrum.retrieval import best_matches\n"
        "q, b, c = (np.random.default_rng(s).standard_normal(n) for s, n in ((0, (40, 8)), (1, (900, 8)), (2, 900)))\n"
        "print(best_matches(q, b, c, 9).rows.tolist())"
    )
    without = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    q, b, c = (np.random.default_rng(s).standard_normal(n) for s, n in ((0, (40, 8)), (1, (900, 8)), (2, 900)))
    assert without.strip() == str(best_matches(q, b, c, 9).rows.tolist())


def test_errors():
    data = towers()
    emb = ep.spectrum(data).embed(ep.Whitening())
    with pytest.raises(ValueError, match="k = 81 is more than the 80 rows"):
        emb.search(data.X_a, data.X_b, k=81)
    with pytest.raises(ValueError, match="fitted on 5"):
        emb.search(data.X_b, data.X_b)
    with pytest.raises(ValueError, match="k = 0"):
        emb.search(data.X_a, data.X_b, k=0)
