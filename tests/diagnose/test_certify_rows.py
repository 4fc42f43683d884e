"""Certificates: what may be given, in which form, and what is said about mistakes."""

import json

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from certify_cases import CLASSES, embedded, linear, solved, towers, views
from objective_cases import VARIANTS
from support import require

import eigenpairs as ep
from eigenpairs.diagnose import overlap
from eigenpairs.diagnose.certify import certify
from eigenpairs.diagnose.function_class import whole_class_of_towers


@pytest.fixture(params=CLASSES)
def case(request):
    return CLASSES[request.param]()


@pytest.fixture(params=VARIANTS)
def objective(request):
    return VARIANTS[request.param]


class TestTowers:
    def test_all_functions_of_two_towers(self):
        """rho of the whole class are the eigenvalues of the padded pencil, by an independent solver."""
        case = towers()
        X_a, X_b = case["X"].sides
        pi = case["relation"].degrees / case["relation"].total
        blocks = scipy.linalg.block_diag(X_a - 2 * pi[:80] @ X_a, X_b - 2 * pi[80:] @ X_b)
        S = blocks.T @ (pi[:, None] * blocks)
        C = blocks.T @ (case["relation"] @ blocks) / case["relation"].total
        expected = scipy.linalg.eigh((C + C.T) / 2, S, eigvals_only=True)[::-1]
        found = whole_class_of_towers(case["X"], case["relation"], (ep.Linear(), ep.Linear()), None, None)
        np.testing.assert_allclose(found.rho, expected, atol=1e-10)
        phi = found.transform()
        np.testing.assert_allclose(phi.T @ (pi[:, None] * phi), np.eye(14), atol=1e-10)
        np.testing.assert_allclose(
            phi.T @ (case["relation"] @ phi) / case["relation"].total, np.diag(expected), atol=1e-10
        )

    def test_rows_may_come_in_every_form(self):
        case = towers()
        emb = solved(case).embed(ep.VICReg(), 3)
        Z = emb.transform()
        expected = certify(Z, ep.VICReg(), **case).to_dict()
        for pair in (ep.Towers(Z[:80], Z[80:]), (Z[:80], Z[80:])):
            np.testing.assert_equal(certify(pair, ep.VICReg(), **case).to_dict(), expected)

    def test_row_i_pairs_with_row_i_by_default(self):
        rng = np.random.default_rng(0)
        pair = ep.Towers(rng.standard_normal((20, 3)), rng.standard_normal((20, 2)))
        Z = ep.spectrum(pair).embed(ep.Whitening(), 2).transform()
        assert certify(Z, ep.Whitening(), X=pair).gap == pytest.approx(0, abs=1e-9)
        assert certify((Z[:20], Z[20:]), ep.Whitening()).gap > 0, "any function of the samples does better"

    def test_different_means_of_the_towers_are_inside_the_class(self):
        case = towers()
        Z = embedded(case, ep.Whitening(), 3)
        moved = Z + np.where(np.arange(140) < 80, 5.0, -5.0)[:, None]
        found = certify(moved, ep.VICReg(), **case)
        assert found.outside < 1e-9 and found.rho[-1] == -1
        assert found.energies[-1] == pytest.approx(3 * 25) and found.overweighted.tolist() == [14]

    def test_unequal_widths(self):
        with pytest.raises(ValueError, match="Z has 3 columns in one tower and 2 in the other"):
            certify((np.zeros((20, 3)), np.zeros((20, 2))), ep.VICReg())

    def test_lengths_of_towers(self):
        case = towers()
        with pytest.raises(ValueError, match=r"Z has towers of \(70, 70\) rows and X of \(80, 60\)"):
            certify((np.zeros((70, 3)), np.zeros((70, 3))), ep.VICReg(), **case)


class TestRows:
    """What Z and X may be."""

    def test_every_kind_of_table(self, tmp_path):
        X, G = views()
        Z = X[:, :3] + 1.0
        expected = certify(Z, ep.VICReg(), G, X)
        np.save(tmp_path / "Z.npy", Z)
        kinds = {"memmap": np.load(tmp_path / "Z.npy", mmap_mode="r"), "list": Z.tolist()}
        kinds["torch"] = require("torch", "deep").tensor(Z)
        kinds["pandas"] = require("pandas", "frames").DataFrame(Z)
        for kind, rows in kinds.items():
            found = certify(rows, ep.VICReg(), G, X)
            assert found.loss == pytest.approx(expected.loss, rel=1e-12), kind
            np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-9, atol=1e-12, err_msg=kind)

    def test_chunks_do_not_matter(self, case, monkeypatch):
        Z = np.random.default_rng(0).standard_normal((case["relation"].n_samples, 3))
        whole = certify(Z, ep.VICReg(), **case)
        monkeypatch.setattr(overlap, "CHUNK", 1)  # 64 rows at a time
        parts = certify(Z, ep.VICReg(), **case)
        np.testing.assert_allclose(parts.energies, whole.energies, atol=1e-12)
        assert parts.loss == whole.loss

    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    def test_fewer_digits_round_more(self, dtype):
        X, G = views()
        Z = embedded(linear(), ep.LogDet(eps=0.1), 3)
        found = certify(Z.astype(dtype), ep.LogDet(eps=0.1), G, X)
        assert abs(found.gap) <= found.rounding and "no gap" in found.sentence

    def test_a_mean_far_away_costs_no_digits(self):
        case = linear()
        Z = embedded(case, ep.VICReg(1.0), 3)
        assert abs(certify(Z + 1e5, ep.VICReg(1.0), **case).gap) < 1e-8

    def test_nearly_collinear_columns_keep_the_gap_honest(self):
        case = linear()
        Z = embedded(case, ep.Whitening(), 3)
        mix = np.array([[1.0, 1.0, 0.0], [0.0, 1e-6, 0.0], [0.0, 0.0, 1.0]])
        found = certify(Z @ mix, ep.Whitening(), **case)
        assert abs(found.gap) < 1e-8, "whitening sees the span alone, however badly it is given"

    @pytest.mark.parametrize("seed", [531, 615, 645])
    def test_a_direction_of_rounding_is_none(self, seed):
        """Three directions in four columns: rounding gives these a fourth, just above the rank rule."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((8, 3)) @ rng.standard_normal((3, 3)) + rng.standard_normal(3)
        G = ep.Relation.from_edges(np.arange(8), (np.arange(8) + 1) % 8)
        found = certify(X @ rng.standard_normal((3, 4)), ep.Whitening(), G, X)
        assert abs(found.gap) < 1e-8, "rounding counts as a direction that is whitened"

    def test_constant_columns(self):
        case = linear()
        Z = embedded(case, ep.Whitening(), 3)
        Z[:, 1] = 4.0
        found = certify(Z, ep.Whitening(), **case)
        assert found.gap == pytest.approx(4 - 2 * (1 - found.rho[1])) and found.missing.tolist() == [1]

    @pytest.mark.parametrize("value", [0.0, 3.1])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_a_collapsed_embedding_misses_everything(self, objective, value, dtype):
        case = linear()
        found = certify(np.full((120, 3), value, dtype), objective, **case)
        assert np.isfinite(found.loss) and found.gap >= -found.rounding and found.outside == 0
        assert len(found.missing) == np.count_nonzero(found.gains >= 0.01 * found.gains.max())
        np.testing.assert_allclose(found.angles, np.pi / 2)

    def test_fewer_rows_than_columns(self):
        rng = np.random.default_rng(0)
        X, G = rng.standard_normal((10, 40)), ep.Relation.from_views(5, 2)
        Z = ep.spectrum(X, G).embed(ep.Whitening(), 3).transform()
        found = certify(Z, ep.Whitening(), G, X)
        assert found.gap == pytest.approx(0, abs=1e-8) and len(found.rho) == 9

    def test_sparse_X(self):
        rng = np.random.default_rng(0)
        X = scipy.sparse.random_array((80, 6), density=0.3, rng=rng)
        G = ep.Relation.from_views(40, 2)
        Z = rng.standard_normal((80, 2))
        found, dense = certify(Z, ep.VICReg(), G, X), certify(Z, ep.VICReg(), G, X.toarray())
        assert found.optimum == pytest.approx(dense.optimum, rel=1e-10)
        np.testing.assert_allclose(found.energies, dense.energies, atol=1e-10)

    def test_one_column(self, case, objective):
        Z = np.random.default_rng(0).standard_normal((case["relation"].n_samples, 1))
        found = certify(Z, objective, **case)
        assert np.isfinite(found.gap) and len(found.angles) <= 1

    def test_progress_rises_to_one(self, case):
        shares = []
        certify(np.ones((case["relation"].n_samples, 2)), ep.VICReg(), **case, progress=shares.append)
        assert shares == sorted(shares) and shares[-1] == 1.0


class TestMistakes:
    def test_lengths(self):
        X, G = views()
        with pytest.raises(ValueError, match="Z has 119 rows and relation 120; give one row of Z per sample"):
            certify(X[:-1], ep.VICReg(), G, X)
        with pytest.raises(ValueError, match="X has 119 rows and relation 120"):
            certify(X, ep.VICReg(), G, X[:-1])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_the_row_that_is_not_finite(self, value):
        X, G = views()
        Z = X.copy()
        Z[17, 2] = value
        with pytest.raises(ValueError, match=rf"Z\[17, 2\] = {value}"):
            certify(Z, ep.VICReg(), G, X)
        with pytest.raises(ValueError, match=rf"X\[17, 2\] = {value}"):
            certify(X, ep.VICReg(), G, Z)

    def test_numbers_whose_squares_overflow(self):
        X, G = views()
        with pytest.raises(ValueError, match=r"Z holds values above 1e\+150, whose squares overflow"):
            certify(X * 1e160, ep.VICReg(), G, X)

    def test_classes_instead_of_objects(self):
        X, G = views()
        with pytest.raises(TypeError, match="objective = the class VICReg is not an object"):
            certify(X, ep.VICReg, G, X)
        with pytest.raises(TypeError, match="features = the class Linear is not an object"):
            certify(X, ep.VICReg(), G, X, ep.Linear)

    def test_things_that_are_missing(self):
        X, G = views()
        with pytest.raises(TypeError, match="relation is a NoneType"):
            certify(X, ep.VICReg())
        with pytest.raises(TypeError, match="X is None, but Linear features need data"):
            certify(X, ep.VICReg(), G, features=ep.Linear())
        with pytest.raises(ValueError, match="Z is a tuple of 3"):
            certify((X, X, X), ep.VICReg(), G)
        with pytest.raises(ValueError, match="no pair"):
            certify(X[:60], ep.VICReg(), G[np.arange(60)], X[:60])


class TestResult:
    @pytest.fixture
    def found(self):
        X, G = views()
        return certify(X[:, :3], ep.VICReg(), G, X)

    def test_the_sentence_says_what_it_is_relative_to(self, found):
        assert found.sentence.startswith(
            f"VICReg() loses {found.loss:.4g}; the optimum over linear functions of X (5 col"
        )
        assert f"is {found.optimum:.4g} (exact): a gap of {found.gap:.3g} (" in found.sentence

    def test_json(self, found):
        plain = json.loads(json.dumps(found.to_dict()))
        assert plain["gap"] == found.gap and plain["energies"] == found.energies.tolist()
        assert plain["objective"]["class"] == "VICReg" and plain["missing"] == found.missing.tolist()

    def test_repr_and_card(self, found):
        assert repr(found) == f"Certificate({found.sentence})"
        assert "<svg" in found._repr_html_() and "energies" in found._repr_html_()

    def test_plot(self, found):
        require("matplotlib", "plot").use("Agg")
        ax = found.plot()
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["optimum", "this embedding"]
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.gains[: len(ax.lines[0].get_ydata())])
