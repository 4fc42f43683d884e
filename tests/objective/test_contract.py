"""The contract that every objective fulfils by being listed here once."""

import numpy as np
import pytest
from objective_cases import DYNAMICS, REFERENCES, VARIANTS
from scipy.optimize import minimize
from support import require, rows_with_correlations, spectra

import eigenpairs as ep
from eigenpairs.objective import OBJECTIVES

LOSSES = VARIANTS | REFERENCES
ALL = LOSSES | DYNAMICS


def test_every_objective_is_listed():
    assert {type(objective) for objective in ALL.values()} == set(OBJECTIVES.values())


@pytest.mark.parametrize("objective", ALL.values(), ids=ALL)
def test_rows_without_columns_are_refused(objective):
    for per_view in (False, True):
        with pytest.raises(ValueError, match=r"Z has shape \(8, 0\), no column|per-view form|form='practice'"):
            objective.loss(np.empty((8, 0)), ep.Relation.from_views(4, 2), per_view=per_view)


@pytest.fixture(params=VARIANTS)
def objective(request):
    return VARIANTS[request.param]


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    relation = ep.Relation.from_groups(rng.integers(0, 15, 50)) + 0.5 * ep.Relation.from_edges(
        [0, 4], [9, 30], n_samples=50
    )
    return rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6)) + 1.0, relation


@pytest.mark.parametrize("objective", LOSSES.values(), ids=LOSSES)
class TestLoss:
    def test_terms_sum_to_the_loss(self, objective, rows):
        assert float(objective.loss(*rows)) == pytest.approx(float(sum(objective.terms(*rows).values())))

    def test_numpy_and_torch_agree(self, objective, rows):
        torch = require("torch", "deep")
        Z, G = rows
        expected = float(objective.loss(Z, G))
        for dtype, rtol in ((torch.float64, 1e-11), (torch.float32, 1e-4), (torch.bfloat16, 0.1)):
            found = objective.loss(torch.tensor(Z, dtype=dtype), G)
            assert float(found) == pytest.approx(expected, rel=rtol, abs=rtol), f"torch {dtype} differs from numpy"
            assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32), (
                "half is raised to float32"
            )

    def test_gradient_passes_the_taylor_test(self, objective, rows):
        torch = require("torch", "deep")
        Z, G = rows
        Z = torch.tensor(Z, requires_grad=True)
        step = torch.tensor(np.random.default_rng(0).standard_normal(Z.shape))
        (gradient,) = torch.autograd.grad(objective.loss(Z, G), Z)
        with torch.no_grad():
            sizes = np.array([1e-2, 1e-3, 1e-4])
            slope = float(torch.sum(gradient * step))
            start = float(objective.loss(Z, G))
            remainder = [abs(float(objective.loss(Z + h * step, G)) - start - h * slope) for h in sizes]
        assert np.polyfit(np.log(sizes), np.log(remainder), 1)[0] > 1.9, f"remainders {remainder} do not fall as h^2"

    def test_order_of_rows_does_not_matter(self, objective, rows):
        Z, G = rows
        order = np.random.default_rng(0).permutation(len(Z))
        assert float(objective.loss(Z[order], G[order])) == pytest.approx(float(objective.loss(Z, G)), rel=1e-10)

    def test_scale_of_the_relation_does_not_matter(self, objective, rows):
        Z, G = rows
        assert float(objective.loss(Z, 7.0 * G)) == pytest.approx(float(objective.loss(Z, G)), rel=1e-12)

    def test_collapsed_rows_give_finite_loss_and_gradient(self, objective):
        torch = require("torch", "deep")
        G = ep.Relation.from_views(8, 2)
        for rows in (torch.zeros(16, 4), torch.ones(16, 4) * 3.1, torch.randn(16, 1) @ torch.ones(1, 4)):
            Z = rows.clone().requires_grad_()
            loss = objective.loss(Z, G)
            (gradient,) = torch.autograd.grad(loss, Z)
            assert torch.isfinite(loss) and torch.isfinite(gradient).all(), f"{objective} at {rows[0]}"

    def test_sees_all_changes_but_those_it_names(self, objective, rows):
        Z, G = rows
        rng = np.random.default_rng(1)
        changes = {
            "scale": 3.0 * np.eye(6),
            "column scale": np.diag(rng.uniform(0.3, 3.0, 6)),
            "any linear map": rng.standard_normal((6, 6)),
        }
        unseen = ["nothing", *changes].index(objective.unseen)
        loss = float(objective.loss(Z, G))
        for at, (name, change) in enumerate(changes.items(), start=1):
            same = abs(float(objective.loss(Z @ change, G)) - loss) <= 1e-8 * (1 + abs(loss))
            assert same == (at <= unseen), f"{objective} says that it does not see {objective.unseen!r}; here: {name}"

    def test_wrong_length_is_refused(self, objective):
        with pytest.raises(ValueError, match="Z has 5 rows and the relation 4"):
            objective.loss(np.zeros((5, 2)), ep.Relation.from_views(2, 2))


class TestLossOfMoments:
    """What holds for losses of second moments; InfoNCE compares with all rows, as they are."""

    def test_isolated_rows_have_no_say(self, objective):
        G = ep.Relation.from_groups([0, 0, 1, 1, 2, 2, -1])
        Z = np.random.default_rng(0).standard_normal((7, 3))
        moved = Z.copy()
        moved[6] += 100.0
        assert float(objective.loss(moved, G)) == pytest.approx(float(objective.loss(Z, G)), rel=1e-9)

    def test_centred_objectives_ignore_a_shift(self, objective, rows):
        Z, G = rows
        change = abs(float(objective.loss(Z + 3.0, G)) - float(objective.loss(Z, G)))
        assert (change < 1e-8) == objective.centred


class TestOptimum:
    @pytest.mark.parametrize("width", [2, 4, 8])
    def test_never_beaten_by_descent_on_the_actual_loss(self, objective, width):
        """Linear maps of rows whose pair correlations are known, by L-BFGS from several starts."""
        torch = require("torch", "deep")
        for case, rho in enumerate(spectra(seed=width, count=3, modes=width + 2 * (width < 8))):
            X, G = rows_with_correlations(rho)
            best = objective.optimum(rho, width)
            constant = np.ones((len(X), 0 if objective.centred else 1))  # affine maps where the mean matters
            X = torch.tensor(np.concatenate([X, constant], axis=1))

            def value(flat, X=X, G=G):
                W = torch.tensor(flat.reshape(X.shape[1], width), requires_grad=True)
                loss = objective.loss(X @ W, G)
                return float(loss.detach()), torch.autograd.grad(loss, W)[0].numpy().ravel()

            rng = np.random.default_rng(case)
            starts = [rng.standard_normal(X.shape[1] * width) * scale for scale in (0.3, 1.0)]
            found = min(minimize(value, x, jac=True, method="L-BFGS-B", options={"maxiter": 400}).fun for x in starts)
            slack = 1e-6 * (1 + abs(best.loss))
            assert found >= best.lower_bound - slack, f"descent reached {found} under the bound {best.lower_bound}"
            if best.exact:
                assert found >= best.loss - slack, f"descent reached {found}, better than 'exact' {best.loss}"

    def test_the_embedding_attains_the_loss(self, objective):
        for width in (2, 3, 4, 5, 8):
            for rho in spectra(seed=10 + width, count=5, modes=width + 3):
                X, G = rows_with_correlations(rho)
                embedding = ep.spectrum(X, G).embed(objective, width)
                found = float(objective.loss(embedding.transform(X), G))
                assert found == pytest.approx(embedding.optimum.loss, rel=1e-9, abs=1e-9), f"K = {width}, rho = {rho}"

    def test_gains_are_the_row_energies_of_the_map(self, objective):
        for rho in spectra(seed=5, count=8, modes=9):
            best = objective.optimum(rho, 6)
            A = best.map()
            np.testing.assert_allclose((A**2).sum(axis=1), best.gains[: len(A)], atol=1e-9)
            assert (best.gains >= 0).all() and len(best.gains) == 6
            assert best.lower_bound <= best.loss + 1e-12
            assert objective.population_loss(A, rho, best.constant) == pytest.approx(best.loss, rel=1e-9)

    def test_columns_beyond_the_class_are_legal(self, objective):
        """With fewer modes than columns the loss still counts all columns."""
        for rho in ([0.9, 0.5], [0.8, -0.3], [1.0], [-0.2]):
            best = objective.optimum(rho, 5)
            A = best.map()
            assert len(best.gains) == 5
            loss = objective.population_loss(A, np.array(rho), best.constant)
            assert loss == pytest.approx(best.loss, rel=1e-8, abs=1e-8)

    def test_perfect_pairs_are_easy(self, objective):
        """With rho = 1 throughout, nothing has to be given up for invariance."""
        if isinstance(objective, ep.LogDet):
            pytest.skip("volume is free at rho = 1: there is no optimum (test_log_det.py)")
        best = objective.optimum(np.ones(4), 4)
        terms = objective.terms(*_embedded(objective, np.ones(4), 4))
        assert abs(float(terms.get("invariance", 0.0))) < 1e-8
        assert best.exact

    def test_one_mode_and_one_column(self, objective):
        best = objective.optimum([0.5], 1)
        assert np.isfinite(best.loss) and best.loss >= best.lower_bound - 1e-12

    @pytest.mark.parametrize(
        ("rho", "message"),
        [
            ([0.5, np.nan], r"rho\[1\] = nan"),
            ([0.5, 0.9], "descending"),
            ([1.5], r"rho\[0\] = 1.5"),
            ([], "give the pair correlations"),
        ],
    )
    def test_bad_spectra_are_refused(self, objective, rho, message):
        with pytest.raises(ValueError, match=message):
            objective.optimum(rho)


def _embedded(objective, rho, width):
    X, G = rows_with_correlations(rho)
    return ep.spectrum(X, G).embed(objective, width).transform(X), G


@pytest.mark.parametrize("objective", [*REFERENCES.values(), *DYNAMICS.values()], ids=[*REFERENCES, *DYNAMICS])
class TestOptimumWithoutABound:
    def test_gains_are_the_row_energies_of_the_map(self, objective):
        for rho in spectra(seed=5, count=8, modes=9):
            best = objective.optimum(rho, 6)
            A = best.map()
            np.testing.assert_allclose((A**2).sum(axis=1), best.gains[: len(A)], atol=1e-9)
            assert (best.gains >= 0).all() and len(best.gains) == 6
            assert (np.diff(best.gains) <= 1e-9).all(), "a less invariant mode got more"

    def test_no_bound_is_claimed(self, objective):
        best = objective.optimum([0.9, 0.5, -0.2], 5)
        assert np.isnan(best.lower_bound) and len(best.gains) == 5
        assert "lower bound" not in repr(best)

    def test_embeds_and_saves(self, objective, tmp_path):
        X, G = rows_with_correlations([0.9, 0.6, 0.3, -0.1])
        emb = ep.spectrum(X, G).embed(objective, 3)
        ep.save(emb, tmp_path / "model")
        loaded = ep.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.transform(X), emb.transform(X))
        assert loaded.objective == objective and loaded.optimum.note == emb.optimum.note
        np.testing.assert_equal(loaded.optimum.loss, emb.optimum.loss)


@pytest.mark.parametrize("objective", ALL.values(), ids=ALL)
class TestParameters:
    def test_get_and_set_and_clone(self, objective):
        from sklearn.base import clone

        copy = clone(objective)
        assert copy == objective and copy is not objective
        assert type(objective)(**objective.get_params()) == objective

    def test_unknown_and_bad_values_change_nothing(self, objective):
        before = objective.get_params()
        with pytest.raises(ValueError, match="has no parameter 'nonsense'"):
            objective.set_params(nonsense=1)
        for name, value in before.items():
            if isinstance(value, float):
                with pytest.raises(ValueError, match=name):
                    objective.set_params(**{name: -1.0})
                with pytest.raises(TypeError, match=name):
                    objective.set_params(**{name: "much"})
        assert objective.get_params() == before

    def test_a_changed_copy_leaves_the_original(self, objective):
        before = objective.get_params()
        for name, value in before.items():
            if isinstance(value, float):
                changed = objective.with_params(**{name: value + 0.25})
                assert changed.get_params() == before | {name: value + 0.25}
                with pytest.raises(ValueError, match=name):
                    objective.with_params(**{name: -1.0})
        assert objective.get_params() == before

    def test_repr_makes_an_equal_object(self, objective):
        assert eval(repr(objective), {kind.__name__: kind for kind in OBJECTIVES.values()}) == objective
