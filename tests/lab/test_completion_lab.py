"""Trace maximisation, completion and coherence in the lab: they hold, and a broken formula is found out."""

import numpy as np
import pytest

from eigenpairs.lab import penalised_trace, run
from eigenpairs.lab.experiments import coherence, completion, trace_maximisation
from eigenpairs.objective import VICReg

TRACE = {"n_sources": 50, "n_classes": 4, "starts": 1}
COMPLETION = {"n": 48, "coherence": 2.0, "draws": 3, "tol": 1e-3}
TINY = {"n": 32, "coherence": 2.0, "draws": 1, "tol": 1e-2}
COHERENCE = {"rows": 250, "widths": (8,)}


def failed(outcome):
    return [check.what for check in outcome.result.checks if not check.holds]


class TestTraceMaximisation:
    def test_holds(self):
        outcome = run("trace-maximisation", **TRACE)
        assert outcome.verdict == "holds", failed(outcome)
        assert len(outcome.result.figures) == 3

    def test_an_ascent_that_forgets_the_factor_two_is_slower_than_predicted(self, monkeypatch):
        step = trace_maximisation.ascent_step
        monkeypatch.setattr(trace_maximisation, "ascent_step", lambda W, Z, eta: step(W, Z, eta / 2))
        outcome = run("trace-maximisation", **TRACE)
        assert outcome.verdict == "fails", "half the step has another factor"
        assert all("factor" in what for what in failed(outcome)), "the value does not depend on the step"

    def test_gains_without_the_invariance_are_found_out(self, monkeypatch):
        monkeypatch.setattr(VICReg, "gains", lambda self, rho: np.maximum(1 - (1 - rho) / (2 * self.variance), 0))
        outcome = run("trace-maximisation", **TRACE)
        assert failed(outcome) == ["trace of VICReg, the weight furthest from the formula"]

    @pytest.mark.parametrize("name", list(trace_maximisation.LOSSES))
    def test_a_price_a_little_off_is_found_out(self, name, monkeypatch):
        objective, price = trace_maximisation.LOSSES[name]

        def dearer(S, M):
            value, in_S, in_M = price(S, M)
            return value - 0.001 * np.trace(M), in_S, in_M

        monkeypatch.setattr(trace_maximisation, "LOSSES", {name: (objective, dearer)})
        assert f"{name}: random rows, against the penalised trace" in failed(run("trace-maximisation", **TRACE))

    @pytest.mark.parametrize("name", list(trace_maximisation.LOSSES))
    def test_gradients_of_prices_are_those_of_their_values(self, name):
        rng = np.random.default_rng(0)
        root = rng.standard_normal((7, 7))
        W, Y, price = root + root.T, rng.standard_normal((7, 3)) / 3, trace_maximisation.LOSSES[name][1]
        gradient, h = penalised_trace.charged(price, W, Y)[1], 1e-6
        for at in np.ndindex(Y.shape):
            step = np.zeros_like(Y)
            step[at] = h
            up, down = (penalised_trace.charged(price, W, Y + sign * step)[0] for sign in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(gradient[at], rel=1e-5, abs=1e-5), f"{name}, entry {at}"

    @pytest.mark.parametrize("wrong", [{"degree": 0.0}, {"across": 0.5}, {"n_classes": 1}, {"starts": 0}])
    def test_what_is_not_allowed_is_named(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            trace_maximisation.TraceMaximisation(**wrong)

    def test_the_best_step_has_the_smallest_factor(self):
        values = np.array([1.0, 0.9, 0.4, 0.1, -0.5])
        best = 1 / (0.5 + 1.5)
        factors = [trace_maximisation.factor(values, 2, best * scale) for scale in (0.9, 1.0, 1.1)]
        assert min(factors) == factors[1] == pytest.approx((1.5 - 0.5) / (1.5 + 0.5))


class TestCompletion:
    def test_holds(self):
        outcome = run("completion", **COMPLETION)
        assert outcome.verdict == "holds", failed(outcome)
        assert len(outcome.result.figures) == 3

    def test_members_counted_twice_are_found_out(self, monkeypatch):
        """(1 - p)^(n/2) for (1 - p)^n: classes half their size need more entries."""
        lost = completion.lost
        monkeypatch.setattr(completion, "lost", lambda sizes, share: lost(sizes / 2, share))
        outcome = run("completion", **COMPLETION)
        assert any("furthest from the formula" in what for what in failed(outcome)), "the formula is not tested"

    def test_a_completion_that_guesses_is_found_out(self, monkeypatch):
        """The mean of the matrix in every entry: better than 0 in squares, and something across blocks."""
        own = completion.Completion.completed
        monkeypatch.setattr(
            completion.Completion, "completed", lambda self, ideal, seen: own(self, ideal, seen) + 0.01 * ideal.mean()
        )
        assert failed(run("completion", **TINY))[0].startswith("largest entry between blocks")

    def test_a_wrong_factor_in_the_linear_class_is_found_out(self, monkeypatch):
        """sum (1 - rho_k) / r for 2 sum (1 - rho_k) / r."""
        solve = completion.spectrum

        def too_sure(*args, **kwargs):
            found = solve(*args, **kwargs)
            found.rho = 1 - (1 - found.rho) / 2
            return found

        monkeypatch.setattr(completion, "spectrum", too_sure)
        assert any("against 1 - rho" in what for what in failed(run("completion", **TINY)))

    @pytest.mark.parametrize("seed", range(5))
    def test_lost_is_the_expected_share_of_lonely_rows_and_columns(self, seed):
        """By simulation: entries whose row or column has no observed entry in its own class."""
        rng = np.random.default_rng(seed)
        n, share = int(rng.integers(2, 12)), float(rng.uniform(0.05, 0.6))
        seen = rng.random((4000, n, n)) < share
        lonely = ~seen.any(axis=2)[:, :, None] | ~seen.any(axis=1)[:, None, :]
        assert completion.lost(np.array([n]), share) == pytest.approx(lonely.mean(), abs=0.02)

    def test_unlinked_entries_by_hand(self):
        ideal = completion.class_matrix(np.array([2, 2]))
        seen = np.ones((4, 4), bool)
        assert completion.unlinked(ideal, seen) == 0
        seen[0, 0] = seen[0, 1] = False  # row 0 is lonely: two of eight entries
        assert completion.unlinked(ideal, seen) == pytest.approx(0.25)

    def test_what_is_not_allowed_is_named(self):
        for wrong in (
            {"n": 50},
            {"block": 3},
            {"links": 0.0},
            {"coherence": 1.0},
            {"n": -1},
            {"draws": 0},
            {"tol": 0.0},
        ):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                completion.Completion(**wrong)


class TestCoherence:
    def test_the_class_graph_is_exact_and_the_correlation_is_judged_by_its_number(self):
        outcome = run("coherence", **COHERENCE)
        exact, judged = outcome.result.checks[:2], outcome.result.checks[2:]
        assert all(check.holds for check in exact), "mu = N / (r n_min) is a theorem"
        assert len(judged) == 2 and all(-1 <= check.measured <= 1 for check in judged)
        assert outcome.verdict == ("holds" if all(check.measured <= -0.3 for check in judged) else "fails")

    def test_the_largest_class_in_place_of_the_smallest_is_found_out(self, monkeypatch):
        monkeypatch.setattr(coherence, "of_class_graph", lambda sizes: sizes.sum() / (len(sizes) * sizes.max()))
        what = failed(run("coherence", **COHERENCE))
        assert "coherence of the class graph, unequal classes" in what
        assert "coherence of the class graph, equal classes" not in what, "with equal classes the two agree"

    def test_the_sign_of_the_correlation(self, monkeypatch):
        """Where accuracy falls with coherence the claim holds; where it rises it fails."""

        def made(slope):
            mu = np.tile(np.arange(1.0, 11.0), 2)
            return lambda self, images, y: (np.arange(20) % 10, np.repeat([8, 16], 10), mu, 0.5 + slope * mu)

        monkeypatch.setattr(coherence.Coherence, "embedded", made(-0.01))
        assert run("coherence", **COHERENCE).verdict == "holds"
        monkeypatch.setattr(coherence.Coherence, "embedded", made(0.01))
        assert run("coherence", **COHERENCE).verdict == "fails"

    def test_images_of_a_file_are_numbers_and_nothing_else(self, tmp_path):
        rng = np.random.default_rng(0)
        np.savez(tmp_path / "a.npz", X=rng.integers(0, 256, (240, 8, 8, 3)), y=np.arange(240) % 3)
        images, y = coherence.load(str(tmp_path / "a.npz"), 200)
        assert images.shape == (200, 4, 4, 3) and len(y) == 200, "images of a file are halved, rows are the first ones"
        np.savez(tmp_path / "b.npz", X=np.array([{"a": 1}], dtype=object), y=np.arange(1))
        with pytest.raises(ValueError, match="pickle"):
            coherence.load(str(tmp_path / "b.npz"), 200)

    def test_a_relative_file_is_looked_for_in_the_folder_of_data(self, tmp_path, monkeypatch):
        np.savez(tmp_path / "a.npz", X=np.ones((3, 4, 4)), y=np.arange(3))
        monkeypatch.setenv("EIGENPAIRS_DATA", str(tmp_path))
        assert coherence.load("a.npz", 200)[0].shape == (3, 2, 2, 1)

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.npz does not exist"):
            run("coherence", sets=("nowhere.npz",))
        np.savez(tmp_path / "a.npz", images=np.zeros(3))
        with pytest.raises(ValueError, match="holds images; give images as X"):
            run("coherence", sets=(str(tmp_path / "a.npz"),))
