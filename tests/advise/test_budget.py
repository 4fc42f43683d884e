"""Pair budgets against fits on fresh pairs, whose true modes are known."""

import json

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

import eigenpairs as ep
from eigenpairs.advise.budget import pair_budget
from eigenpairs.advise.eigenspace import Law, error_of_one, shared_cosines
from eigenpairs.advise.observation import Coherence, Observation, recht_bound
from eigenpairs.advise.subsamples import cut_terms, folds_of_groups
from eigenpairs.report.budget_section import budget_section
from eigenpairs.report.page import render
from eigenpairs.report.sections import KINDS

RHO = np.r_[0.9, 0.8, 0.7, 0.4 * 0.8 ** np.arange(13)]


def gaussian_pairs(n, rng, rho=RHO):
    """Two views of n sources whose true modes are the columns, with correlations rho."""
    source = rng.standard_normal((n, len(rho))) * np.sqrt(rho)
    views = [source + np.sqrt(1 - rho) * rng.standard_normal(source.shape) for _ in range(2)]
    return np.concatenate(views), ep.Relation.from_views(n, 2)


def true_error(n, K, rng, rho=RHO):
    """Of a fresh fit on n sources: root mean squared sine to the first K columns."""
    weights = ep.spectrum(*gaussian_pairs(n, rng, rho), n_components=K).weights
    angles = scipy.linalg.subspace_angles(weights, np.eye(len(rho))[:, :K])
    return float(np.sqrt(np.mean(np.sin(angles) ** 2)))


class TestEigenspace:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10**6), st.integers(2, 8))
    def test_cosines_of_every_leading_space_at_once(self, seed, K):
        rng = np.random.default_rng(seed)
        A, B, root = rng.standard_normal((12, K)), rng.standard_normal((12, K)), rng.standard_normal((12, 12))
        S = root @ root.T
        found = shared_cosines(A, B, S, K)
        for k in range(1, K + 1):
            angles = scipy.linalg.subspace_angles(root.T @ A[:, :k], root.T @ B[:, :k])
            assert found[k - 1] == pytest.approx(np.mean(np.cos(angles) ** 2), abs=1e-8), f"first {k}"
        weights = rng.uniform(0.1, 1, 12)
        np.testing.assert_allclose(shared_cosines(A, B, weights, K), shared_cosines(A, B, np.diag(weights), K))

    def test_directions_that_are_missing_are_not_shared(self):
        A = np.eye(6)[:, :4]
        np.testing.assert_allclose(shared_cosines(A, A[:, :2], np.eye(6), 4), [1, 1, 2 / 3, 1 / 2])

    @given(st.floats(0, 1), st.integers(1, 20), st.integers(1, 50))
    def test_the_correction_inverts_the_model(self, cosine, K, more):
        D = K + more
        cosine = K / D + (1 - K / D) * cosine
        shared = cosine**2 + (1 - cosine) ** 2 * K / (D - K)
        expected = (1 - cosine) / (1 - K / D)
        assert error_of_one(np.array(shared), K, D) == pytest.approx(expected, abs=1e-5)

    def test_a_class_that_is_kept_whole_has_no_error(self):
        assert not error_of_one(np.array([0.3]), 5, 5).any()

    @pytest.mark.parametrize(("scale", "exponent"), [(50.0, 1.0), (300.0, 0.6), (5.0, 1.0)])
    def test_a_curve_that_follows_the_law_is_recovered(self, scale, exponent):
        K, D, counts = 4, 40, np.array([25.0, 50, 100, 200, 400])
        u = 1 / (1 + (counts / scale) ** exponent)
        cosine = 1 - (1 - K / D) * u
        shared = cosine**2 + (1 - cosine) ** 2 * K / (D - K)
        law = Law(counts, np.tile(shared, (3, 1)), K, D, 800.0)
        assert law.exponent == pytest.approx(exponent, abs=1e-4)
        expected = np.sqrt((1 - K / D) / (1 + (3200 / scale) ** exponent))
        assert law.error(3200.0)[0] == pytest.approx(expected, rel=1e-3)
        size, low, high = law.size_for(float(expected))
        assert size == pytest.approx(3200, rel=0.02) and low < size < high


class TestPrediction:
    @pytest.mark.parametrize("K", [3, 5])
    def test_error_of_fresh_fits_now_and_with_four_times_the_pairs(self, K):
        """On average right within a third; the 90 % interval holds most single fits."""
        rng, ratios, held = np.random.default_rng(K), [], []
        for _ in range(12):
            budget = pair_budget(*gaussian_pairs(500, rng), n_components=K, n_repeats=4)
            for times in (1, 4):
                point, truth = budget.error_at(500 * times), true_error(500 * times, K, rng)
                ratios.append(np.log(point.error / truth))
                held.append(point.low <= truth <= point.high)
        assert abs(np.mean(ratios)) < np.log(4 / 3), f"off by a factor {np.exp(np.mean(ratios)):.2f} on average"
        assert np.mean(held) > 0.75, f"the interval held {np.mean(held):.0%} of {len(held)} fits"

    def test_modes_that_are_equal_are_never_told_apart(self):
        rng, rho = np.random.default_rng(0), np.r_[0.9, 0.8, np.full(8, 0.5), np.full(6, 0.1)]
        X, G = gaussian_pairs(2000, rng, rho)
        split, clear = pair_budget(X, G, n_components=6), pair_budget(X, G, n_components=10)
        assert split.law.exponent < 0.4 < 0.9 < clear.law.exponent
        assert split.gap < 0.1 < clear.gap
        assert any("hardly told apart" in sentence for sentence in split.sentences), split.sentences
        assert (split.by_dimension[:2] < 0.1).all() and (split.by_dimension[2:] > 0.3).all()

    def test_nothing_to_learn_is_said(self):
        X = np.random.default_rng(0).standard_normal((400, 20))
        budget = pair_budget(X, ep.Relation.from_views(200, 2), n_components=3)
        assert "hardly told from chance" in budget.sentences[0]
        assert budget.error_at(200).error > 0.8

    def test_heldout_rho_rises_and_fitted_rho_falls_with_pairs(self):
        budget = pair_budget(*gaussian_pairs(800, np.random.default_rng(3)), n_components=3)
        measured = [point for point in budget.table if point.measured]
        rho, heldout = np.array([(point.rho, point.heldout) for point in measured]).T
        assert (rho > heldout).all() and (np.diff(heldout) > 0).all() and (np.diff(rho) < 0).all()
        truth = RHO[:3].mean()
        assert heldout[-1] < truth + 0.02 and rho[-1] > truth - 0.02, "the truth lies between"

    @settings(max_examples=5, deadline=None)
    @given(st.integers(0, 1000))
    def test_units_of_the_columns_do_not_count(self, seed):
        rng = np.random.default_rng(seed)
        X, G = gaussian_pairs(150, rng, RHO[:8])
        turned = X @ rng.standard_normal((8, 8)) * 1e3 + 7
        plain, other = (
            pair_budget(rows, G, shares=(1 / 4, 1 / 2), n_components=2, n_repeats=2).law for rows in (X, turned)
        )
        np.testing.assert_allclose(plain.measured, other.measured, rtol=1e-5)

    def test_repeats_with_the_seed(self):
        X, G = gaussian_pairs(200, np.random.default_rng(0))
        first, again, other = (pair_budget(X, G, random_state=seed, n_repeats=2) for seed in (1, 1, 2))
        assert first.table == again.table
        assert first.table != other.table


class TestSubsamples:
    def test_views_of_one_source_stay_together(self):
        rng = np.random.default_rng(0)
        ids = rng.permutation(np.repeat(np.arange(200), rng.integers(1, 5, 200)))
        G = ep.Relation.from_groups(ids)
        fold = folds_of_groups(G, 32, rng)
        for group in np.unique(ids):
            assert len(np.unique(fold[(ids == group) & (G.degrees > 0)])) <= 1
        assert folds_of_groups(ep.Relation.from_labels(np.arange(200) % 10), 32, rng) is None, "classes are no units"
        assert folds_of_groups(ep.Relation.from_sequence(200), 32, rng) is None, "one recording is no unit"

    def test_a_relation_is_cut_into_parts_that_add_up(self):
        rng = np.random.default_rng(1)
        edges = ep.Relation.from_edges(rng.integers(0, 50, 300), rng.integers(50, 100, 300), rng.random(300), 100)
        G = 2.0 * edges + ep.Relation.from_groups(np.arange(100) // 1 % 45)
        parts, n_units, unit = cut_terms(G, 8, rng)
        total = sum(part.to_sparse().toarray() for part in parts)
        np.testing.assert_allclose(total, G.to_sparse().toarray())
        assert unit == "parts" and n_units == len(edges.terms[0][1].weight) + 45
        assert cut_terms(edges, 8, rng)[2] == "pairs"

    def test_rows_of_a_few_large_classes_are_the_units(self):
        G = ep.Relation.from_labels(np.arange(300) % 3)
        parts, n_units, unit = cut_terms(G, 10, np.random.default_rng(0))
        assert (n_units, unit) == (300, "rows")
        degrees = np.array([part.degrees > 0 for part in parts])
        assert (degrees.sum(axis=0) == 1).all(), "every row in one part"

    def test_isolated_rows_have_no_say(self):
        X, _ = gaussian_pairs(150, np.random.default_rng(0))
        ids = np.r_[np.tile(np.arange(150), 2), np.full(40, -1)]
        more = np.concatenate([X, np.random.default_rng(1).standard_normal((40, X.shape[1])) * 100])
        plain = pair_budget(X, ep.Relation.from_groups(ids[:300]), n_repeats=2)
        found = pair_budget(more, ep.Relation.from_groups(ids), n_repeats=2)
        np.testing.assert_allclose(found.law.measured, plain.law.measured, rtol=1e-6)
        assert found.observation.n_isolated == 40 and found.n_units == 150

    def test_fewer_rows_than_columns_and_constant_columns(self):
        rng = np.random.default_rng(0)
        X, G = gaussian_pairs(70, rng, 0.9 * 0.97 ** np.arange(100))
        X[:, 3] = 5.0
        found = pair_budget(X, G, ep.Linear(ridge=0.1), n_components=2, n_repeats=2)
        assert np.isfinite(found.law.measured).all()
        assert np.isfinite(pair_budget(X, G, n_components=2, n_repeats=2).law.measured).all()

    def test_other_classes_and_a_ridge_to_be_chosen(self):
        X, G = gaussian_pairs(200, np.random.default_rng(0))
        for features in (ep.Kernel(n_landmarks=40, ridge=1e-2), ep.Linear(ridge="auto")):
            assert pair_budget(X, G, features, n_components=3, n_repeats=2).law.measured[-1] < 0.9


class TestGraphs:
    def graph(self, n_edges, rng, n=300, blocks=3):
        """Edges within blocks nine times of ten."""
        y = np.arange(n) % blocks
        i = rng.integers(0, n, 4 * n_edges)
        j = rng.integers(0, n, 4 * n_edges)
        kept = (i != j) & ((y[i] == y[j]) | (rng.random(len(i)) < 0.05))
        return ep.Relation.from_edges(i[kept][:n_edges], j[kept][:n_edges], n_samples=n)

    def test_error_falls_with_the_edges(self):
        rng = np.random.default_rng(0)
        few, many = (pair_budget(None, self.graph(n, rng), ep.Free(), n_components=2) for n in (1500, 6000))
        assert few.unit == "pairs"
        assert few.error_at(few.n_units).error > many.error_at(many.n_units).error
        assert many.law.measured[0] > many.law.measured[-1]

    def test_views_alone_complete_nothing_for_the_free_class(self):
        budget = pair_budget(None, ep.Relation.from_views(50, 2), ep.Free())
        assert budget.laws == () and budget.table == ()
        assert budget.observation.n_components == 50 and not budget.observation.connected
        assert budget.observation.reachable == pytest.approx(1 / 50)
        assert "disconnected" in repr(budget) and "complete nothing" in repr(budget)
        assert np.isnan(budget.to_dict()["size_for"]["count"])
        with pytest.raises(ValueError, match="disconnected"):
            budget.error_at(10)

    def test_a_span_of_columns_completes_across_parts(self):
        budget = pair_budget(*gaussian_pairs(100, np.random.default_rng(0)), n_repeats=2)
        assert any("class of functions that completes" in sentence for sentence in budget.sentences)

    def test_the_largest_part_of_a_graph_is_looked_at(self):
        rng = np.random.default_rng(0)
        whole = self.graph(3000, rng)
        i, j = whole.terms[0][1].i, whole.terms[0][1].j
        G = ep.Relation.from_edges(np.r_[i, 300, 302], np.r_[j, 301, 303], n_samples=305)
        found, alone = (pair_budget(None, relation, ep.Free(), n_components=2) for relation in (G, whole))
        assert found.n_units == alone.n_units and found.observation.n_components == 3
        assert found.law.measured[-1] == pytest.approx(alone.law.measured[-1], rel=0.2)

    def test_a_small_problem_has_a_completion_beside_the_bound(self):
        budget = pair_budget(None, self.graph(500, np.random.default_rng(0), n=60), ep.Free(), n_components=2)
        assert budget.coherence.vacuous and budget.completion.n_rows == 60
        assert any("vacuous" in sentence for sentence in budget.sentences)
        assert any("Soft-impute" in sentence for sentence in budget.sentences)


class TestObservation:
    def test_counts(self):
        G = ep.Relation.from_groups([0, 0, 0, 1, 1, -1]) + ep.Relation.from_edges([3], [4], n_samples=6)
        found = Observation.of(G)
        assert (found.n_rows, found.n_isolated, found.n_components) == (5, 1, 2)
        assert found.n_entries == 6 + 2 + 2
        assert found.reachable == pytest.approx((9 + 4) / 25) and found.largest == pytest.approx(3 / 5)
        assert Observation.of(ep.Relation.from_labels([0, 0, 1])).n_entries == 5, "self-pairs count"

    @pytest.mark.filterwarnings("ignore:the graph has")
    @pytest.mark.parametrize("sizes", [[20, 20, 20], [5, 30, 25], [50, 10]])
    def test_coherence_of_the_ideal_class_graph(self, sizes):
        y = np.repeat(np.arange(len(sizes)), sizes)
        spec = ep.spectrum(None, ep.Relation.from_labels(y), ep.Free(), n_components=len(sizes) - 1)
        found = Coherence.of(spec.values)
        assert found.rank == len(sizes)
        assert found.mu == pytest.approx(len(y) / (len(sizes) * min(sizes)))

    def test_rank_is_numerical(self):
        phi = np.random.default_rng(0).standard_normal((50, 2))
        assert Coherence.of(np.column_stack([phi, phi @ [1.0, 2.0], np.ones(50)])).rank == 3

    def test_recht_s_bound_is_vacuous_for_small_problems(self):
        assert recht_bound(1000, 1, 1.0) == pytest.approx(32 * 2 * 1000 * 2 * np.log(2000) ** 2)
        assert recht_bound(10_000, 1, 1.0) > 10_000**2 and recht_bound(20_000, 1, 1.0) < 20_000**2
        assert recht_bound(200_000, 10, 1.0) > 200_000**2


@pytest.fixture(scope="module")
def budget():
    return pair_budget(*gaussian_pairs(400, np.random.default_rng(0)), n_components=3, n_repeats=3)


class TestResult:
    def test_the_answer_is_a_sentence_with_numbers(self, budget):
        assert budget.sentences[0].startswith("With 400 groups of partners the first 3 modes err by 0.")
        assert repr(budget).startswith("Budget(With 400")
        assert "<svg" in budget._repr_html_()

    def test_sizes_and_errors_agree(self, budget):
        need, low, high = budget.size_for(0.2)
        assert budget.error_at(need).error == pytest.approx(0.2, rel=0.02)
        assert low < need < high
        assert budget.error_at(10 * need).error < 0.2
        with pytest.raises(ValueError, match="between 0 and 1"):
            budget.size_for(2.0)

    def test_json(self, budget):
        assert json.loads(json.dumps(budget.to_dict()))["n_units"] == 400

    def test_plot(self, budget):
        pyplot = pytest.importorskip("matplotlib.pyplot")
        ax = budget.plot()
        assert ax.get_xlabel() == "groups of partners" and len(ax.get_legend().get_texts()) == 3
        pyplot.close(ax.figure)

    def test_section(self, budget):
        section = budget_section(budget)
        assert section.headline == budget.sentences[0] and section.figures["error"].table
        nothing = budget_section(pair_budget(None, ep.Relation.from_views(50, 2), ep.Free()))
        assert "disconnected" in nothing.headline and not nothing.figures

    def test_page(self, budget, monkeypatch):
        for module in ("plotly", "jinja2"):
            require(module, "report")
        monkeypatch.setitem(KINDS, "Budget", lambda result, rows: [budget_section(result)])
        small = pair_budget(None, TestGraphs().graph(500, np.random.default_rng(0), n=60), ep.Free(), n_components=2)
        nothing = pair_budget(None, ep.Relation.from_views(50, 2), ep.Free())
        page = render(budget, small, nothing)
        assert page.count("Pair budget") >= 3 and "Completion, measured" in page and "complete nothing" in page

    def test_progress_reaches_the_end(self):
        shares = []
        pair_budget(*gaussian_pairs(100, np.random.default_rng(0)), n_repeats=2, progress=shares.append)
        assert shares[-1] == 1.0 and shares == sorted(shares)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"shares": (0.7,)}, ValueError, "at most 1/2"),
        ({"shares": ()}, ValueError, "shares"),
        ({"n_repeats": 1}, ValueError, "n_repeats = 1"),
        ({"n_components": 0}, ValueError, "n_components = 0"),
        ({"X": None}, TypeError, "X is None"),
        ({"X": np.ones((5, 2))}, ValueError, "5 rows"),
        ({"relation": 3}, TypeError, "relation is a int"),
        ({"features": "linear"}, TypeError, "features"),
        ({"X": np.random.default_rng(0).standard_normal((20, 2)), "relation": ep.Relation.from_views(10, 2)},
         ValueError, "needs at least"),
        ({"X": np.random.default_rng(0).standard_normal((200, 3000))}, ValueError, "3000 columns"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, error, message):
    X, G = gaussian_pairs(100, np.random.default_rng(0))
    with pytest.raises(error, match=message):
        pair_budget(**({"X": X, "relation": G} | change))


def test_towers_are_refused():
    towers = ep.Towers(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(TypeError, match="pair of towers"):
        pair_budget(towers, ep.Relation.between([0], [0], shape=(5, 5)))
