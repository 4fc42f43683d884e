"""Alignment against its definition, on average over few labels, under its null, and where pairs are wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.advise.alignment import alignment
from eigenpairs.advise.class_rows import ClassRows
from eigenpairs.advise.influence import Units, alignment_of, alignment_without, error_influence, own_alignment
from eigenpairs.advise.mixture import Modes, best_mixture, mixed, predicted_error_on_modes
from eigenpairs.advise.predictor import best_predictor, units_of
from eigenpairs.advise.shuffled import random_functions, shuffled_pairs
from eigenpairs.diagnose.label_energy import labels_of
from eigenpairs.report.alignment_section import alignment_section
from eigenpairs.report.page import render
from eigenpairs.report.sections import KINDS


def few(y, count, rng):
    """y with `count` labels kept, the others -1 or NaN."""
    kept = np.full(len(y), np.nan if y.dtype.kind == "f" else -1, dtype=y.dtype)
    rows = rng.permutation(len(y))[:count]
    kept[rows] = y[rows]
    return kept


def views(source, noise, rng, count=2):
    """Views of the rows of `source`, and which rows are one source's."""
    rows = np.concatenate([source + noise * rng.standard_normal(source.shape) for _ in range(count)])
    return rows, ep.Relation.from_views(len(source), count)


class TestDefinition:
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.floats(-0.9, 1.0), min_size=2, max_size=6), st.integers(0, 1000))
    def test_sum_of_rho_times_energy(self, rho, seed):
        rng = np.random.default_rng(seed)
        X, G = rows_with_correlations(rho, 60, seed)
        alpha = rng.standard_normal(len(rho))
        found = alignment(X, G, X @ alpha, task="regression", n_permutations=19)
        assert found.alignment == pytest.approx(alpha**2 @ np.asarray(rho) / np.sum(alpha**2), abs=1e-9)
        assert found.standard_error == pytest.approx(0, abs=1e-6), "the labels leave nothing to chance"
        assert found.explained == pytest.approx(1, abs=0.02)

    def test_one_zero_and_negative(self):
        X, G = rows_with_correlations([1.0, 0.0, -0.5], 100)
        kept, nothing, against = (alignment(X, G, X[:, k], task="regression") for k in range(3))
        assert kept.alignment == pytest.approx(1) and kept.p_value == pytest.approx(1 / 200)
        assert nothing.alignment == pytest.approx(0, abs=1e-9) and nothing.p_value > 0.05
        assert against.alignment == pytest.approx(-0.5) and against.p_value > 0.9
        assert [found.first.verdict for found in (kept, nothing, against)] == ["helps", "says nothing", "contradicts"]

    def test_of_classes_it_is_that_of_one_hot_least_squares(self):
        """With labels for all, up to the noise that is subtracted: a regression by another library, then pairs."""
        rng = np.random.default_rng(0)
        X, G = views(rng.standard_normal((2000, 6)), np.array([0.1, 0.5, 1, 2, 4, 8]), rng)
        y = np.digitize(X[:, 0] + 0.5 * X[:, 2] + rng.standard_normal(4000), [-1, 0.5])
        f = LinearRegression().fit(X, np.eye(3)[y]).predict(X)
        assert alignment(X, G, y).alignment == pytest.approx(alignment_of(f, G), abs=0.005)
        spec = ep.spectrum(X, G)
        alpha = np.linalg.lstsq(spec.transform(X), f - f.mean(axis=0), rcond=None)[0]
        energy = np.sum(alpha**2, axis=1)
        assert alignment_of(f, G) == pytest.approx(spec.rho @ energy / energy.sum(), abs=1e-9)

    def test_a_spectrum_stands_for_its_rows_and_class(self):
        rng = np.random.default_rng(0)
        X, G = views(rng.standard_normal((300, 5)), 1.0, rng)
        y = (X[:, 0] > 0).astype(int)
        spec = ep.spectrum(X, G, n_components=2)
        assert alignment(spec, G, y).to_dict() == alignment(X, G, y).to_dict()
        kernel = ep.Kernel(n_landmarks=30)
        by_spectrum = alignment(ep.spectrum(X, G, kernel), G, y)
        assert by_spectrum.alignment == pytest.approx(alignment(X, G, y, kernel).alignment)

    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 1000))
    def test_neither_units_of_columns_nor_names_of_classes_count(self, seed):
        rng = np.random.default_rng(seed)
        X, G = views(rng.standard_normal((80, 4)), 0.7, rng)
        y = few((X[:, 0] > 0).astype(int), 60, rng)
        turned = X @ rng.standard_normal((4, 4)) * 100 - 3
        words = np.array(["", "a", "b"])[y + 1]
        plain, other = (alignment(*given, n_permutations=19) for given in ((X, G, y), (turned, 3 * G, words)))
        assert other.alignment == pytest.approx(plain.alignment, abs=1e-6)
        assert other.standard_error == pytest.approx(plain.standard_error, rel=1e-4)

    def test_rows_without_partner_constant_columns_and_copies(self):
        rng = np.random.default_rng(0)
        source = rng.standard_normal((200, 4))
        X = np.concatenate([source, source + 0.5 * rng.standard_normal(source.shape), rng.standard_normal((50, 4))])
        ids = np.r_[np.tile(np.arange(200), 2), np.full(50, -1)]
        y = (X[:, 0] > 0).astype(int)
        plain = alignment(X, ep.Relation.from_groups(ids), y)
        copied = np.column_stack([X, X[:, :2], np.ones(len(X))])
        assert alignment(copied, ep.Relation.from_groups(ids), y).alignment == pytest.approx(plain.alignment, abs=1e-6)
        assert plain.first.units.n_units == 200


class TestFewLabels:
    @pytest.mark.parametrize("count", [15, 30, 60], ids=["moments", "on the edge", "least squares"])
    def test_energies_are_right_on_average_with_an_honest_error(self, count):
        """Each source labelled in both views: 2 count labels, of count independent ones."""
        rng, r = np.random.default_rng(count), 9
        beta, Q = np.r_[0.7, 0, 0.4, np.zeros(r - 3)], np.diag(np.linspace(1, 0, r))
        found, errors = [], []
        for _ in range(200):
            source = rng.standard_normal((150, r))
            X, G = np.concatenate([source, source]), ep.Relation.from_views(150, 2)
            y = np.full(300, np.nan)
            rows = rng.permutation(150)[:count]
            y[rows] = y[rows + 150] = source[rows] @ beta + 0.7 * rng.standard_normal(count)
            rows_of_class = ClassRows.white(X, ep.Linear().fitted(X))
            predictor = best_predictor(rows_of_class, labels_of(y, task="regression"), G)
            W = rows_of_class.columns.weights
            found.append(np.sum(predictor.energy * (W.T @ Q @ W)))
            errors.append(predictor.standard_error(W.T @ Q @ W))
        assert predictor.sample.n_units == count
        truth, spread = beta @ Q @ beta, np.std(found)
        assert abs(np.mean(found) - truth) < 3.5 * spread / np.sqrt(200), f"{np.mean(found):.3f} against {truth:.3f}"
        assert 0.6 < np.sqrt(np.mean(np.square(errors))) / spread < 1.6

    def test_alignment_from_few_labels_is_near_that_of_all(self):
        rng = np.random.default_rng(0)
        X, G = views(rng.standard_normal((1500, 8)), np.linspace(0.1, 3, 8), rng)
        y = np.tile((X[:1500, 0] + X[:1500, 1] > 0).astype(int), 2)
        truth = alignment(X, G, y).alignment
        found = [alignment(X, G, few(y, 60, rng), n_permutations=19) for _ in range(20)]
        z = np.array([(one.alignment - truth) / one.standard_error for one in found])
        assert abs(np.mean([one.alignment for one in found]) - truth) < 0.08
        assert np.sqrt(np.mean(z**2)) < 2

    def test_labels_of_nothing_are_said_to_be(self):
        rng = np.random.default_rng(1)
        X, G = views(rng.standard_normal((300, 20)), 0.5, rng)
        verdicts = [alignment(X, G, few(rng.integers(0, 2, 600), 30, rng), n_permutations=19) for _ in range(8)]
        unknown = [found for found in verdicts if not np.isfinite(found.alignment)]
        assert len(unknown) >= 4, "noise was taken for a predictor"
        assert "no predictor" in unknown[0].sentences[0]
        assert unknown[0].first.verdict == "unknown" and json.dumps(unknown[0].to_dict())

    def test_labels_of_other_rows_are_noticed(self):
        """Labels on wide rows only, among many narrow ones."""
        rng = np.random.default_rng(0)
        X, G = views(np.concatenate([3 * rng.standard_normal((100, 3)), rng.standard_normal((900, 3))]), 0.1, rng)
        y = np.full(2000, np.nan)
        y[:100] = X[:100, 0] + 0.1 * rng.standard_normal(100)
        fair = few(X[:, 0] + 0.1 * rng.standard_normal(2000), 100, rng)
        assert "vary unlike" not in alignment(X, G, fair, n_permutations=19).sentences[-1]
        narrow = np.where(np.arange(2000) % 1000 < 100, 1 / 9, 1.0)[:, None] * X
        assert "vary unlike" in alignment(narrow, G, y / 9, n_permutations=19).sentences[-1]

    def test_sources_are_counted_once_and_graphs_by_rows(self):
        rows = np.arange(12)
        assert len(np.unique(units_of(ep.Relation.from_views(12, 2), np.r_[rows, rows + 12]))) == 12
        assert len(np.unique(units_of(ep.Relation.from_sequence(12), rows))) == 12


class TestChance:
    @pytest.mark.parametrize("kind", ["views", "unequal groups", "edges", "labels"])
    def test_p_is_uniform_if_pairs_know_nothing(self, kind):
        """Exactly so: P(p <= a) <= a for every a, and nearly all of it is used."""
        rng, n, p_values = np.random.default_rng(5), 30, []
        for _ in range(400):
            if kind == "views":
                G = ep.Relation.from_views(15, 2)
            elif kind == "unequal groups":
                G = ep.Relation.from_groups(np.repeat([0, 1, 2, 3, -1], [2, 5, 9, 3, 11])) + ep.Relation.from_sequence(
                    n
                )
            elif kind == "edges":
                G = ep.Relation.from_edges(*np.triu_indices(7, 1), weight=rng.random(21), n_samples=n)
            else:
                G = ep.Relation.from_labels(np.arange(n) % 4)
            f = rng.exponential(size=(n, 2)) ** 2  # heavy tails and no symmetry
            p_values.append(shuffled_pairs(f, G, 19, rng).p_value)
        p_values = np.array(p_values)
        for level in (0.05, 0.1, 0.25, 0.5, 0.75):
            share = np.mean(p_values <= level + 1e-9)
            assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / 400), f"P(p <= {level}) = {share:.3f}"

    def test_the_whole_test_is_exact_with_a_fitted_predictor(self):
        """Rows, labels and a predictor fitted to them; pairs drawn without looking."""
        rng, p_values = np.random.default_rng(0), []
        X = rng.standard_normal((60, 4))
        for _ in range(150):
            y = (X[:, 0] + rng.standard_normal(60) > 0).astype(int)
            G = ep.Relation.from_groups(rng.permutation(60) // 2)
            p_values.append(alignment(X, G, few(y, 40, rng), n_permutations=19).p_value)
        for level in (0.1, 0.25, 0.5):
            share = np.mean(np.array(p_values) <= level + 1e-9)
            assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / 150), f"P(p <= {level}) = {share:.3f}"

    def test_permutations_agree_with_pairs_of_a_permuted_relation(self):
        """Handing values to other rows is handing rows to other partners: one permutation written out."""
        rng = np.random.default_rng(0)
        G = ep.Relation.from_groups([0, 0, 1, 1, 1, 2, 2, 2, 2, -1])
        f = rng.standard_normal((10, 3))
        chance = shuffled_pairs(f, G, 500, rng)
        connected = np.arange(9)
        draws = [alignment_of(f[np.r_[rng.permutation(connected), 9]], G) for _ in range(2000)]
        assert chance.mean == pytest.approx(np.mean(draws), abs=0.03)
        assert chance.spread == pytest.approx(np.std(draws), rel=0.15)
        assert chance.observed == pytest.approx(alignment_of(f, G))

    def test_a_random_function_is_no_better_than_random_functions(self):
        rng, r, p_values = np.random.default_rng(0), 12, []
        C = np.diag(np.linspace(0.9, 0.0, r))
        for _ in range(100):
            B = np.outer(*[rng.standard_normal(r)] * 2)
            value = np.sum(B * C) / np.trace(B)
            p_values.append(random_functions(value, B, np.eye(r), C, rng).p_value)
        for level in (0.1, 0.25, 0.5):
            share = np.mean(np.array(p_values) <= level)
            assert abs(share - level) < 3.5 * np.sqrt(level * (1 - level) / 100), f"P(p <= {level}) = {share:.3f}"


class TestInfluence:
    def relations(self, n, rng):
        ids = rng.integers(0, n // 4, n)
        i, j = rng.integers(0, n, (2, 4 * n))
        edges = ep.Relation.from_edges(i[i != j], j[i != j], rng.random(np.sum(i != j)), n)
        return {
            "groups": ep.Relation.from_groups(ids),
            "weighted": ep.Relation.from_groups(ids).weighted(rng.uniform(0.5, 2, n)),
            "graph": edges,
            "classes": ep.Relation.from_labels(ids % 7),
            "mixture": edges + 2.0 * ep.Relation.from_groups(ids),
        }

    @pytest.mark.parametrize("kind", ["groups", "weighted", "graph", "classes", "mixture"])
    def test_alignment_is_that_of_pairs_actually_left_out(self, kind):
        rng, n = np.random.default_rng(2), 80
        G, f = self.relations(n, rng)[kind], rng.standard_normal((n, 3)) + 5
        units = Units.of(G)
        assert units.whole == (kind in ("groups", "weighted", "classes"))
        without = alignment_without(f, units)
        for unit in range(units.n_units):
            weight = np.ones(n)
            weight[units.rows(unit)] = 0
            assert without[unit] == pytest.approx(alignment_of(f, G.weighted(weight)), abs=1e-10)
        pairs = units.over_rows(np.ones(n))
        assert np.average(own_alignment(f, units), weights=pairs) == pytest.approx(alignment_of(f, G))

    @pytest.mark.parametrize(("kind", "strength"), [("groups", 1.0), ("graph", 0.5), ("mixture", 1.0), ("groups", 1.2)])
    def test_predicted_error_changes_as_its_first_order_says(self, kind, strength):
        """Leaving out is compared; the rest is of second order in a unit's share of the pairs."""
        rng, n = np.random.default_rng(3), 400
        source = rng.standard_normal((n // 4, 6))[np.arange(n) % (n // 4)]
        X = source + np.linspace(0.2, 2, 6) * rng.standard_normal((n, 6))
        G = self.relations(n, rng)[kind] + 0.5 * ep.Relation.from_groups(np.arange(n) % (n // 4))
        y = np.full(n, np.nan)
        y[:80] = source[:80, 0] + source[:80, 3] + rng.standard_normal(80)
        rows = ClassRows.white(X, ep.Linear().fitted(X))
        predictor, units, sums = best_predictor(rows, labels_of(y), G), Units.of(G), rows.sums(G)
        task = (predictor.energy, predictor.total, 30.0)
        modes = replace(Modes.of(sums), strength=strength)
        found = error_influence(rows, units, modes, sums.mean, *task)
        base, some = predicted_error_on_modes(modes, *task)[0], rng.permutation(units.n_units)[:20]
        actual = np.empty(len(some))
        for at, unit in enumerate(some):
            weight = np.ones(n)
            weight[units.rows(unit)] = 0
            left = replace(Modes.of(rows.sums(G.weighted(weight))), strength=strength)
            actual[at] = predicted_error_on_modes(left, *task)[0] - base
        assert np.corrcoef(actual, found[some])[0, 1] > 0.97
        assert np.abs(actual - found[some]).max() < 0.25 * np.abs(actual).max()

    @pytest.mark.parametrize("labelled", [None, 100], ids=["all labels", "100 labels"])
    def test_groups_of_random_digits_are_found(self, labelled):
        """Shifted copies of digits, one group of partners in ten replaced by two unrelated digits."""
        rng = np.random.default_rng(0)
        images, y = load_digits(return_X_y=True)

        def shifted(images):
            padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
            moves = rng.integers(0, 3, (len(images), 2))
            moved = [image[a : a + 8, b : b + 8] for image, (a, b) in zip(padded, moves, strict=True)]
            return np.reshape(moved, (-1, 64))

        n = len(images)
        wrong = rng.random(n) < 0.1
        partner = shifted(images)
        partner[wrong] = shifted(images[rng.integers(0, n, wrong.sum())])
        both = np.tile(y, 2)
        both[n:][wrong] = -1
        known = both if labelled is None else few(both, labelled, rng)
        G = ep.Relation.from_views(n, 2)
        found = alignment(np.concatenate([shifted(images), partner]), G, known, ep.Kernel(n_landmarks=200)).first
        auc = roc_auc_score(wrong, found.influence)
        assert auc > 0.9, f"AUC {auc:.3f}"
        worst = found.worst(20)
        assert np.mean([wrong[unit.rows[0]] for unit in worst]) > 0.9
        assert all(unit.own < 0 < unit.gain and unit.rows[1] == unit.rows[0] + n for unit in worst)


class TestMixtures:
    def test_the_good_relation_gets_the_weight(self):
        rng = np.random.default_rng(0)
        source = rng.standard_normal((600, 6))
        X = np.concatenate([source, source + 0.3 * rng.standard_normal(source.shape)])
        y = (X[:, 0] > 0).astype(int)
        relations = {"good": ep.Relation.from_views(600, 2), "bad": ep.Relation.from_groups(rng.permutation(1200) // 2)}
        found = alignment(X, relations, y, n_labels=20, n_permutations=99)
        assert found.mixture.best["good"] > 0.9
        assert found.relations["good"].p_value < 0.05 < found.relations["bad"].p_value
        assert found.relations["good"].alignment > 0.8 > 0.2 > found.relations["bad"].alignment

    def test_two_relations_that_drop_one_nuisance_each_are_better_together(self):
        rng = np.random.default_rng(0)
        source = rng.standard_normal((800, 12))
        signal, first, second = np.arange(2), np.arange(2, 7), np.arange(7, 12)
        other, another = source.copy(), source.copy()
        other[:, first] = rng.standard_normal((800, 5))
        another[:, second] = rng.standard_normal((800, 5))
        X, rows = np.concatenate([source, other, another]), np.arange(800)
        relations = {
            "drops the first": ep.Relation.from_edges(rows, rows + 800, n_samples=2400),
            "drops the second": ep.Relation.from_edges(rows, rows + 1600, n_samples=2400),
        }
        found = alignment(X, relations, X[:, signal].sum(axis=1), n_labels=8, task="regression")
        alone = [part.error for part in found.relations.values()]
        assert found.mixture.error < 0.95 * min(alone)
        assert min(found.mixture.best.values()) > 0.1
        assert "Best mixture" in found.sentences[-1]

    def test_a_mixture_is_the_spectrum_of_the_mixed_relation(self):
        rng = np.random.default_rng(0)
        X, G = views(rng.standard_normal((100, 4)), 0.5, rng)
        H = ep.Relation.from_sequence(200)
        rows = ClassRows.white(X, ep.Linear().fitted(X))
        modes = Modes.of(mixed([rows.sums(G), rows.sums(H)], np.array([0.3, 0.7])))
        spec = ep.spectrum(X, 0.3 / G.total * G + 0.7 / H.total * H)
        np.testing.assert_allclose(modes.rho, spec.rho, atol=1e-9)
        names = ("views", "time")
        predictor = best_predictor(rows, labels_of((X[:, 0] > 0).astype(int)), G)
        found = best_mixture(names, [rows.sums(G), rows.sums(H)], predictor.energy, predictor.total, 20.0)
        mix = sum(factor * part for factor, part in zip(found.factors.values(), (G, H), strict=True) if factor > 0)
        best = Modes.of(rows.sums(mix)).tuned(predictor.energy, predictor.total, 20.0)
        error = predicted_error_on_modes(best, predictor.energy, predictor.total, 20.0)[0]
        assert error == pytest.approx(found.error, rel=2e-3)

    @pytest.mark.parametrize("m", [2, 3, 4, 6])
    def test_shares_add_up_whatever_their_number(self, m):
        rng = np.random.default_rng(m)
        X, G = views(rng.standard_normal((60, 3)), 0.5, rng)
        relations = {"views": G} | {
            f"noise {k}": ep.Relation.from_groups(rng.permutation(120) // 2) for k in range(m - 1)
        }
        found = alignment(X, relations, (X[:, 0] > 0).astype(int), n_labels=10, n_permutations=19)
        np.testing.assert_allclose(found.mixture.weights.sum(axis=1), 1.0)
        assert found.mixture.weights.shape == (len(found.mixture.errors), m)
        alone = {name: found.relations[name].error for name in relations}
        assert found.mixture.error <= min(alone.values()) + 1e-12, "each relation alone is a mixture"


class TestFree:
    def test_it_is_newman_s_assortativity(self):
        """(tr e - sum a^2) / (1 - sum a^2) for classes, from the matrix of edges between classes."""
        rng = np.random.default_rng(0)
        y = rng.integers(0, 3, 60)
        i, j = rng.integers(0, 60, (2, 400))
        kept = (i != j) & ((y[i] == y[j]) | (rng.random(400) < 0.4))
        G = ep.Relation.from_edges(i[kept], j[kept], n_samples=60)
        e = np.eye(3)[y].T @ G.to_sparse().toarray() @ np.eye(3)[y] / G.total
        chance = np.sum(e.sum(axis=0) ** 2)
        found = alignment(None, G, y, ep.Free())
        assert found.alignment == pytest.approx((np.trace(e) - chance) / (1 - chance))
        assert found.first.verdict == "helps" and found.first.random is None and found.mixture is None

    def test_only_pairs_of_two_labels_count(self):
        G = ep.Relation.from_edges([0, 1, 2, 4, 5], [1, 2, 3, 5, 6], n_samples=7)
        y = np.array([0, 0, -1, 1, 1, 1, 0])
        alone = alignment(None, ep.Relation.from_edges([0, 4, 5], [1, 5, 6], n_samples=7), y, ep.Free())
        assert alignment(None, G, y, ep.Free()).alignment == pytest.approx(alone.alignment)
        with pytest.raises(ValueError, match="no pair of two labelled rows"):
            alignment(None, G, np.array([0, -1, 1, -1, 0, -1, 1]), ep.Free())


class TestResult:
    @pytest.fixture
    def found(self):
        rng = np.random.default_rng(0)
        X, G = views(rng.standard_normal((150, 4)), np.array([0.1, 1, 1, 3]), rng)
        relations = {"<views>": G, "time": ep.Relation.from_sequence(300)}
        return alignment(X, relations, (X[:, 0] > 0).astype(int), n_permutations=39)

    def test_words(self, found):
        assert found.sentences[0].startswith("<views>: alignment 0.")
        assert repr(found).startswith("Alignment(") and "&lt;views&gt;" in found._repr_html_()
        gains = [unit.gain for unit in found.worst(3)]
        assert len(gains) == 3 and gains == sorted(gains, reverse=True)

    def test_json(self, found):
        plain = json.loads(json.dumps(found.to_dict()))
        assert [part["name"] for part in plain["relations"]] == ["<views>", "time"]
        assert plain["mixture"]["names"] == ["<views>", "time"]

    def test_plot(self, found):
        pyplot = pytest.importorskip("matplotlib.pyplot")
        ax = found.plot()
        assert [label.get_text() for label in ax.get_yticklabels()] == ["<views>", "time"]
        pyplot.close(ax.figure)

    def test_section(self, found):
        section = alignment_section(found)
        assert section.headline == found.sentences[0] and {"alignment", "own-0", "mixture"} <= set(section.figures)
        assert section.figures["alignment"].data[0]["y"][0] == "&lt;views&gt;"

    def test_page(self, found, monkeypatch):
        for module in ("plotly", "jinja2"):
            require(module, "report")
        monkeypatch.setitem(KINDS, "Alignment", lambda result, rows: [alignment_section(result)])
        by_label = alignment(None, ep.Relation.from_sequence(30), np.arange(30) // 10, ep.Free())
        page = render(found, by_label)
        assert page.count("Pair alignment") >= 2 and "Which pairs hurt" in page
        assert "<views>" not in page, "a name is not markup"

    def test_repeats_with_the_seed_and_reports_progress(self):
        rng, shares = np.random.default_rng(0), []
        X, G = views(rng.standard_normal((60, 3)), 1.0, rng)
        y = (X[:, 0] > 0).astype(int)
        first, again = (alignment(X, G, y, random_state=4, progress=shares.append).to_dict() for _ in range(2))
        assert first == again
        assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": np.zeros(200, int)}, ValueError, "1 class"),
        ({"y": np.zeros(7, int)}, ValueError, "y has shape"),
        ({"X": None}, TypeError, "X is None"),
        ({"X": np.ones((5, 2))}, ValueError, "5 rows"),
        ({"relation": 3}, TypeError, "relation is a int"),
        ({"relation": {}}, TypeError, "dict of them by name"),
        ({"relation": {"a": ep.Relation.from_views(100, 2), "b": ep.Relation.from_views(5, 2)}},
         ValueError, "same rows"),
        ({"n_labels": 1}, ValueError, "n_labels = 1"),
        ({"n_permutations": 3}, ValueError, "n_permutations = 3"),
        ({"y": np.r_[0, 1, np.full(198, -1)]}, ValueError, "at least 4"),
        ({"X": ep.Towers(np.ones((100, 2)), np.ones((100, 2)))}, TypeError, "pair of towers"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, error, message):
    rng = np.random.default_rng(0)
    X, G = views(rng.standard_normal((100, 3)), 1.0, rng)
    with pytest.raises(error, match=message):
        alignment(**({"X": X, "relation": G, "y": (X[:, 0] > 0).astype(int)} | change))
