"""Certificates: zero at the optimum, positive around it, never negative inside the class, and plain about the rest."""

from dataclasses import replace

import numpy as np
import pytest
from certify_cases import CLASSES, embedded, functions, towers, views
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from objective_cases import VARIANTS
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs.diagnose.certify import certify
from eigenpairs.features import Kernel


@pytest.fixture(params=CLASSES)
def case(request):
    return CLASSES[request.param]()


@pytest.fixture(params=VARIANTS)
def objective(request):
    return VARIANTS[request.param]


class TestAtTheOptimum:
    @pytest.mark.parametrize("width", [1, 3, 4, 5])
    def test_there_is_no_gap(self, case, objective, width):
        found = certify(embedded(case, objective, width), objective, **case)
        assert found.gap == pytest.approx(0, abs=1e-9 * max(abs(found.optimum), abs(found.loss))), found
        assert abs(found.gap) <= found.rounding and "no gap, up to rounding" in found.sentence
        assert found.lower_bound <= found.optimum + 1e-12

    def test_angles_are_zero_and_no_mode_is_missing(self, case, objective):
        found = certify(embedded(case, objective, 4), objective, **case)
        np.testing.assert_allclose(found.angles, 0, atol=1e-5, err_msg=str(found))
        assert len(found.missing) == len(found.overweighted) == 0, found
        assert found.outside == pytest.approx(0, abs=1e-9)
        np.testing.assert_allclose(found.energies, found.gains, atol=1e-7 * max(1, found.gains.max()))

    def test_a_perturbed_map_has_a_gap(self, case, objective):
        Z = embedded(case, objective, 3)
        phi = functions(case)
        step = phi @ np.random.default_rng(0).standard_normal((phi.shape[1], 3))
        step *= (np.linalg.norm(Z) or np.sqrt(len(Z))) / np.linalg.norm(step)
        best = certify(Z, objective, **case)
        gaps = [certify(Z + size * step, objective, **case).gap for size in (1e-2, 1e-1)]
        assert best.rounding < gaps[0] < gaps[1], f"gaps {gaps} do not grow with the perturbation"

    def test_the_loss_is_the_objective_s(self, case, objective):
        Z = np.random.default_rng(0).standard_normal((case["relation"].n_samples, 3)) + 1.0
        assert certify(Z, objective, **case).loss == pytest.approx(float(objective.loss(Z, case["relation"])), rel=1e-9)

    def test_columns_beyond_the_class_are_legal(self, objective):
        X, G = rows_with_correlations([0.9, 0.6])
        best = objective.optimum([0.9, 0.6], 5)
        phi = ep.spectrum(X, G).transform()
        column = np.sqrt(best.constant) * (np.arange(5) == 0)
        A = best.map()
        found = certify(phi[:, : len(A)] @ A + column, objective, G, X)
        assert found.gap == pytest.approx(0, abs=1e-9 * max(1, abs(found.optimum)))
        assert len(found.gains) == len(found.rho) == 2


RANDOM = ("linear", "kernel", "free", "towers")


@st.composite
def random_maps(draw):
    """Rows of a random map of a random class under a random relation."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(RANDOM))
    width, n, D = draw(st.integers(1, 6)), draw(st.integers(8, 30)), draw(st.integers(1, 5))
    i, j = rng.integers(0, n, (2, 3 * n))
    weight = rng.exponential(size=3 * n)
    case = {"X": None, "features": ep.Free()}
    if kind == "towers":
        m, D_b = int(rng.integers(4, 30)), int(rng.integers(1, 5))
        shared = rng.standard_normal((max(n, m), 1))
        X_a = rng.standard_normal((n, D)) + shared[:n]
        X_b = rng.standard_normal((m, D_b)) - shared[:m]
        case = {"X": ep.Towers(X_a, X_b), "features": None}
        case["relation"] = ep.Relation.between(i, j % m, weight, shape=(n, m))
    else:
        groups = ep.Relation.from_groups(rng.integers(0, n // 3, n))
        edges = ep.Relation.from_edges(i[i != j], j[i != j], weight[i != j], n_samples=n)
        case["relation"] = draw(st.sampled_from([groups, edges, 0.3 * groups + edges]))
        if kind != "free":
            case["X"] = rng.standard_normal((n, D)) @ rng.standard_normal((D, D)) + rng.standard_normal(D)
            case["features"] = ep.Linear() if kind == "linear" else Kernel(n_landmarks=4)
    phi = functions(case)
    scale = 10.0 ** rng.uniform(-1, 1)
    W = scale * rng.standard_normal((phi.shape[1], width)) * (rng.random(width) < 0.9)
    return case, phi @ W


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_maps(), st.sampled_from(sorted(VARIANTS)))
def test_no_map_of_the_class_is_better_than_its_optimum(made, name):
    case, Z = made
    found = certify(Z, VARIANTS[name], **case)
    bound = found.optimum if found.exact else found.lower_bound
    assert found.loss >= bound - max(1e-9 * abs(bound), found.rounding), f"{name}: {found} under the bound {bound}"
    # Sums of squares are rounded at 1e-16 of the largest, and shares of DELICATE = 1e-10 of it are taken from them.
    assert found.outside < 1e-6, "a map of the class has nothing outside"


class TestRelativeToTheClass:
    def test_a_better_embedding_than_the_class_allows_says_so(self):
        X, G = views()
        Z = np.tile(np.random.default_rng(0).standard_normal((60, 3)), (2, 1))  # the same in both views
        for objective in (ep.Whitening(), ep.VICReg(), ep.BarlowTwins(), ep.VICReg(1.0, 4.0, 1.0)):
            found = certify(Z, objective, G, X)
            assert found.gap < 0 and "better than anything in this class" in found.sentence, found
            assert certify(Z, objective, G).gap > -1e-12, "any function of the samples is no smaller class"

    def test_a_larger_class_has_a_larger_gap(self):
        X, G = views()
        Z = ep.spectrum(X, G).embed(ep.VICReg(), 3).transform()
        gaps = [certify(Z, ep.VICReg(), G, X).gap, certify(Z, ep.VICReg(), G, X, Kernel(n_landmarks=30)).gap]
        gaps.append(certify(Z, ep.VICReg(), G).gap)
        assert gaps[0] == pytest.approx(0, abs=1e-9) and gaps[0] < gaps[1] < gaps[2]

    @pytest.mark.parametrize(
        "features", [ep.Linear(ridge=0.1), ep.Linear(ridge="auto"), Kernel(n_landmarks=7, ridge=0.2)]
    )
    def test_a_ridge_is_left_out_and_said(self, features):
        X, G = views()
        plain = certify(X, ep.Whitening(), G, X, replace(features, ridge=0.0))
        found = certify(X, ep.Whitening(), G, X, features)
        assert found.optimum == plain.optimum and f"without the ridge given ({features.ridge})" in found.note
        assert features.ridge != 0, "the argument itself stays as it was"

    def test_names_of_classes(self):
        X, G = views()
        assert certify(X, ep.Whitening(), G, X).class_name == "linear functions of X (5 columns)"
        kernel = certify(X, ep.Whitening(), G, X, Kernel(n_landmarks=7)).class_name
        assert kernel == "Kernel(n_landmarks=7) functions of X (5 columns)"
        case = towers()
        found = certify(functions(case)[:, :2], ep.Whitening(), **case)
        assert found.class_name == "linear functions of X_a (6 columns) and linear functions of X_b (8 columns)"

    def test_a_bound_gives_a_bracket(self):
        X, G = rows_with_correlations([0.9, 0.8, 0.7, 0.2])
        objective = ep.VICReg(1.0, 1.0, 10.0)
        found = certify(np.random.default_rng(0).standard_normal((len(X), 3)), objective, G, X)
        low, high = found.bracket
        assert not found.exact and 0 < low < high and "none is below" in found.sentence, found
        assert "best known" in found.sentence

    def test_no_minimum(self):
        X, G = rows_with_correlations([1.0, 0.5])
        found = certify(X, ep.LogDet(), G, X)
        assert not found.exact and found.lower_bound == -np.inf and "the loss has no minimum" in found.sentence


class TestReferences:
    """InfoNCE has no bound: the optimum is the best map tried on these rows."""

    @pytest.mark.parametrize("critic", ["cosine", "dot", "density-ratio"])
    @pytest.mark.parametrize("kind", ["linear", "towers", "free"])
    def test_no_bound_is_claimed(self, kind, critic):
        require("torch", "deep")
        case = CLASSES[kind]()
        objective = ep.SimCLR(temperature=0.5, critic=critic)
        Z = embedded(case, objective, 3)
        found = certify(Z, objective, **case)
        assert not found.exact and np.isnan(found.lower_bound) and "no bound" in found.sentence
        assert found.loss == pytest.approx(float(objective.loss(Z, case["relation"])))
        assert found.gap >= -1e-12, "the closed form's map is one of the maps tried"
        assert "by the closed form" in found.note and "by refined gains" in found.note

    def test_a_random_map_is_worse(self):
        require("torch", "deep")
        X, G = views()
        Z = np.random.default_rng(0).standard_normal((120, 3))
        found = certify(Z, ep.SimCLR(), G, X)
        assert found.gap > 0 and len(found.energies) == 5

    def test_a_better_one_is_called_better_than_the_reference_only(self):
        require("torch", "deep")
        X, G = views()
        Z = np.tile(np.random.default_rng(0).standard_normal((60, 4)), (2, 1))
        found = certify(Z, ep.SimCLR(), G, X)
        assert found.gap < 0 and "better than this reference" in found.sentence and "anything" not in found.sentence

    def test_deterministic(self):
        require("torch", "deep")
        X, G = views()
        one, two = (certify(X, ep.SimCLR(), G, X, random_state=1).to_dict() for _ in range(2))
        np.testing.assert_equal(one, two)
