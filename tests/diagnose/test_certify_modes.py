"""Certificates: which modes an embedding has, lacks, and has too much of; and what the objective does not see."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from certify_cases import CLASSES, embedded, linear, views
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs.diagnose.certify import certify


@pytest.fixture(params=CLASSES)
def case(request):
    return CLASSES[request.param]()


class TestModes:
    @pytest.fixture
    def setting(self):
        X, G = rows_with_correlations([0.95, 0.8, 0.7, 0.5, 0.2, -0.1])
        return {"X": X, "relation": G}

    @pytest.mark.parametrize("removed", [0, 1, 2])
    @pytest.mark.parametrize(
        "objective",
        [
            ep.Whitening(),
            ep.SpectralContrastive(),
            ep.VICReg(1.0, 1.0, form="least-squares"),
            ep.LogDet(),
            ep.VICReg(1.0),
            ep.BarlowTwins(1.0),
            ep.DirectSet(alpha=2.0, weight_decay=0.01, eps=0.05, norm="none", criterion="l2"),
            ep.DirectCopy(eps=0.1),
            ep.DirectSet(norm="frobenius", eps=0.1),
            ep.SimCLR(temperature=0.1),
        ],
        ids=repr,
    )
    def test_a_removed_mode_is_named_and_stands_at_a_right_angle(self, setting, objective, removed):
        emb = ep.spectrum(**setting).embed(objective, 4)
        A = emb.map.copy()
        A[removed] = 0.0
        Z = replace(emb, map=A).transform()
        found = certify(Z, objective, **setting)
        np.testing.assert_array_equal(found.missing, [removed], err_msg=str(found))
        assert found.angles[-1] == pytest.approx(np.pi / 2) and np.all(found.angles[:-1] < 1e-5)
        kept = np.count_nonzero(found.gains)
        assert f"1 of {kept} optimal modes is missing" in found.sentence
        assert not found.gap < 0

    def test_too_much_of_a_mode_is_named(self, setting):
        emb = ep.spectrum(**setting).embed(ep.LogDet(eps=0.1), 4)
        A = emb.map.copy()
        A[3] *= 6.0
        found = certify(replace(emb, map=A).transform(), ep.LogDet(eps=0.1), **setting)
        np.testing.assert_array_equal(found.overweighted, [3])
        assert "1 mode has far more energy than in the optimum" in found.sentence and found.gap > 0

    def test_modes_below_the_optimum_count_as_overweighted(self, setting):
        Z = ep.spectrum(**setting).transform()[:, [0, 1, 5]]
        found = certify(Z, ep.Whitening(), **setting)
        np.testing.assert_array_equal(found.missing, [2])
        np.testing.assert_array_equal(found.overweighted, [5])
        assert found.gap == pytest.approx(2 * (0.7 + 0.1)), "the loss of mode 5 instead of mode 2"

    def test_the_share_outside_the_class(self, setting):
        rng = np.random.default_rng(0)
        phi = ep.spectrum(**setting).transform()
        noise = rng.standard_normal((len(phi), 1))
        noise -= noise.mean(axis=0) + phi @ (phi.T @ noise) / len(phi)
        noise /= np.sqrt(np.mean(noise**2))
        found = certify(np.hstack([phi[:, :1], noise]), ep.VICReg(), **setting)
        assert found.outside == pytest.approx(0.5) and "50 % of the variance lies outside the class" in found.sentence
        assert certify(phi[:, :2], ep.VICReg(), **setting).outside == pytest.approx(0, abs=1e-12)

    def test_an_angle_between(self, setting):
        phi = ep.spectrum(**setting).transform()
        Z = np.column_stack([phi[:, 0], np.cos(0.3) * phi[:, 1] + np.sin(0.3) * phi[:, 4]])
        found = certify(Z, ep.Whitening(), **setting)
        np.testing.assert_allclose(found.angles, [0, 0.3], atol=1e-7)
        np.testing.assert_allclose(found.energies[[0, 1, 4]], [1, np.cos(0.3) ** 2, np.sin(0.3) ** 2], atol=1e-12)

    def test_the_constant_of_a_loss_that_does_not_centre(self, setting):
        Z = ep.spectrum(**setting).embed(ep.SpectralContrastive(), 3).transform()
        assert certify(Z, ep.SpectralContrastive(), **setting).gap == pytest.approx(0, abs=1e-12)
        found = certify(Z - Z.mean(axis=0), ep.SpectralContrastive(), **setting)
        assert found.gap == pytest.approx(1.0) and "The constant, which is a mode of the optimum, is missing" in str(
            found
        )


class TestTies:
    def test_any_choice_among_equal_modes_is_optimal(self):
        X, G = rows_with_correlations([0.9, 0.5, 0.5, 0.5, 0.1])
        turn = scipy.linalg.block_diag(1, scipy.stats.ortho_group(3, seed=0).rvs(), 1)
        phi = ep.spectrum(X, G).transform() @ turn
        found = certify(phi[:, :3], ep.Whitening(), G, X)
        assert abs(found.gap) <= found.rounding
        np.testing.assert_allclose(found.angles, 0, atol=1e-6)
        assert len(found.missing) == len(found.overweighted) == 0
        np.testing.assert_allclose(found.energies, [1, 1, 1, 0, 0], atol=1e-9)

    def test_one_of_them_removed(self):
        X, G = rows_with_correlations([0.9, 0.5, 0.5, 0.1])
        phi = ep.spectrum(X, G).transform()
        Z = np.column_stack([phi[:, 0], phi[:, 1] + phi[:, 2], phi[:, 3]])
        found = certify(Z, ep.Whitening(), G, X)
        assert found.missing.tolist() == [2] and found.overweighted.tolist() == [3]
        np.testing.assert_allclose(found.angles, [0, 0, np.pi / 2], atol=1e-6)

    def test_more_components_than_modes(self):
        """Functions of the source alone are perfect; which of them is anyone's choice."""
        n = 700
        G = ep.Relation.from_views(n, 2)
        rng = np.random.default_rng(0)
        source = np.linalg.qr(rng.standard_normal((n, 5)) - rng.standard_normal(5))[0]
        Z = np.tile(source, (2, 1))
        found = certify(Z, ep.Whitening(), G)
        assert found.loss == pytest.approx(0, abs=1e-12) and abs(found.gap) <= 1e-9
        np.testing.assert_allclose(found.angles, 0, atol=1e-6)
        assert found.outside < 1e-9 and len(found.missing) == 0 and found.class_name == "any function of the samples"
        noisy = Z + 0.5 * Z.std() * rng.standard_normal(Z.shape)
        worse = certify(noisy, ep.Whitening(), G)
        between = (noisy[:n] + noisy[n:]) / 2
        share = np.sum((between - between.mean(axis=0)) ** 2) * 2 / np.sum((noisy - noisy.mean(axis=0)) ** 2)
        assert worse.gap == pytest.approx(worse.loss) and worse.outside == pytest.approx(1 - share, rel=1e-9)
        assert "beyond the first 6 modes" in worse.sentence and "of 1399 modes were computed" in worse.note

    def test_an_arbitrary_choice_is_said(self):
        """Classes: rho = 1 for 2 contrasts, then 0 for hundreds of functions of which the optimum takes 2."""
        G = ep.Relation.from_labels(np.arange(1200) % 3)
        Z = np.random.default_rng(0).standard_normal((1200, 4))
        found = certify(Z, ep.Whitening(), G)
        assert found.optimum == pytest.approx(4.0)
        assert "modes from 2 on are equal" in found.note and "the optimum is not unique" in found.note


class TestInvariance:
    """What the objective does not see changes nothing in the certificate."""

    def same(self, one, other):
        scale = max(1.0, abs(one.loss))
        assert one.loss == pytest.approx(other.loss, abs=1e-8 * scale, nan_ok=True)
        np.testing.assert_allclose(one.energies, other.energies, atol=1e-8 * max(1, one.energies.max()))
        np.testing.assert_allclose(one.angles, other.angles, atol=1e-6)
        assert one.missing.tolist() == other.missing.tolist()

    @pytest.fixture
    def setting(self):
        X, G = views()
        Z = np.random.default_rng(0).standard_normal((120, 4)) + X[:, :4]
        return Z, {"relation": G, "X": X}

    @pytest.mark.parametrize(
        "objective", [ep.Whitening(), ep.LogDet(), ep.SpectralContrastive(), ep.VICReg(1.0, 1.0, form="least-squares")]
    )
    def test_rotation(self, setting, objective):
        Z, rest = setting
        turn = scipy.stats.ortho_group(4, seed=1).rvs()
        self.same(certify(Z, objective, **rest), certify(Z @ turn, objective, **rest))

    def test_whitening_sees_the_span_alone(self, setting):
        Z, rest = setting
        mix = np.random.default_rng(2).standard_normal((4, 4))
        self.same(certify(Z, ep.Whitening(), **rest), certify(Z @ mix, ep.Whitening(), **rest))

    def test_barlow_twins_does_not_see_the_scale_of_columns(self, setting):
        Z, rest = setting
        scaled = Z * [1e-3, 1.0, 20.0, 1e5]
        self.same(certify(Z, ep.BarlowTwins(), **rest), certify(scaled, ep.BarlowTwins(), **rest))

    @pytest.mark.parametrize("objective", [ep.SimCLR(), ep.DirectCopy(), ep.DirectSet(norm="frobenius")])
    def test_scale(self, setting, objective):
        Z, rest = setting
        self.same(certify(Z, objective, **rest), certify(1e3 * Z, objective, **rest))

    def test_a_shift_where_the_loss_centres(self, setting):
        Z, rest = setting
        for objective in (ep.VICReg(), ep.BarlowTwins(), ep.Whitening(), ep.LogDet()):
            self.same(certify(Z, objective, **rest), certify(Z + 1e3, objective, **rest))

    def test_order_of_rows(self, setting):
        Z, rest = setting
        order = np.random.default_rng(3).permutation(len(Z))
        moved = certify(Z[order], ep.VICReg(), rest["relation"][order], rest["X"][order])
        self.same(certify(Z, ep.VICReg(), **rest), moved)

    def test_rows_without_partner_have_no_say(self, setting):
        Z, rest = setting
        G = ep.Relation.from_groups(np.r_[np.tile(np.arange(60), 2), -1, -1])
        extra = np.vstack([Z, 1e3 * np.ones((2, 4))])
        X = np.vstack([rest["X"], -50.0 * np.ones((2, 5))])
        for objective in (ep.VICReg(), ep.Whitening()):
            self.same(certify(Z, objective, **rest), certify(extra, objective, G, X))

    def test_weights_are_repeated_rows(self):
        X, G = views(n=12, D=3)
        w = np.random.default_rng(4).integers(1, 4, 24)
        rows = np.repeat(np.arange(24), w)
        Z = np.random.default_rng(5).standard_normal((24, 2))
        self.same(certify(Z, ep.VICReg(), G.weighted(w), X), certify(Z[rows], ep.VICReg(), G[rows], X[rows]))


class TestDynamics:
    @pytest.mark.parametrize("objective", [ep.DirectCopy(), ep.DirectPred(), ep.DirectSet(norm="frobenius")], ids=repr)
    def test_no_loss_but_energies_and_angles(self, case, objective):
        Z = 7.0 * embedded(case, objective, 4)
        found = certify(Z, objective, **case)
        assert np.isnan([found.loss, found.optimum, found.gap]).all() and "no scalar loss" in found.sentence
        np.testing.assert_allclose(found.energies, found.gains, atol=1e-9)
        np.testing.assert_allclose(found.angles, 0, atol=1e-5)

    def test_the_absolute_fixed_point_has_a_scale(self):
        case = linear()
        objective = ep.DirectSet(weight_decay=0.01, eps=0.05, norm="none", criterion="l2")
        Z = embedded(case, objective, 3)
        assert len(certify(Z, objective, **case).overweighted) == 0
        assert 0 in certify(3.0 * Z, objective, **case).overweighted

    def test_a_combination_without_a_fixed_point(self):
        X, G = views()
        with pytest.raises(ValueError, match="no isolated non-zero fixed point"):
            certify(X, ep.DirectSet(norm="none", criterion="cosine"), G, X)
