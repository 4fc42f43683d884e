"""Two towers: canonical correlations against independent solvers, any shapes, any weights, one loss."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from support import require

import eigenpairs as ep
from eigenpairs.spectrum import reader


def two_tables(n, shape, shared=3, seed=0):
    """Columns of unequal scale and mean that share a few hidden variables."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, shared))
    tables = []
    for D in shape:
        noise = rng.standard_normal((n, D))
        tables.append(
            (hidden @ rng.standard_normal((shared, D)) + noise) * np.geomspace(1e-3, 1e3, D) + rng.normal(0, 9, D)
        )
    return tables


def by_svd(A, B, repeat=None):
    """Canonical correlations from the orthonormal bases of the centred tables (Bjorck & Golub 1973)."""
    bases = []
    for table in (A, B):
        centred = table - table.mean(axis=0)
        centred = centred / np.linalg.norm(centred, axis=0)
        left, size, _ = np.linalg.svd(centred, full_matrices=False)
        bases.append(left[:, size > 1e-10 * size[0]])
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


@pytest.mark.parametrize("shape", [(4, 4), (3, 9), (20, 5), (1, 6)])
def test_correlations_equal_those_of_a_reference_by_svd(shape):
    A, B = two_tables(200, shape)
    spec = ep.spectrum(ep.Towers(A, B))
    np.testing.assert_allclose(spec.rho, by_svd(A, B), atol=1e-8, err_msg="canonical correlations")
    assert spec.rank == min(shape) and spec.n_towers == 2


def test_agrees_with_scikit_learn_where_it_converges():
    from sklearn.cross_decomposition import CCA

    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((500, 2))
    A, B = (hidden @ rng.standard_normal((2, 4)) + 0.5 * rng.standard_normal((500, 4)) for _ in range(2))
    x, y = CCA(n_components=2, max_iter=5000, tol=1e-14).fit_transform(A, B)
    theirs = [np.corrcoef(x[:, k], y[:, k])[0, 1] for k in range(2)]
    np.testing.assert_allclose(ep.spectrum(ep.Towers(A, B)).rho[:2], theirs, atol=1e-6)


def test_modes_are_white_and_correlated_by_rho():
    A, B = two_tables(300, (5, 7))
    spec = ep.spectrum(ep.Towers(A, B))
    phi, psi = spec.transform(A, tower=0), spec.transform(B, tower=1)
    for modes in (phi, psi):
        np.testing.assert_allclose(modes.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(modes.T @ modes / 300, np.eye(5), atol=1e-8, err_msg="modes are not white")
    np.testing.assert_allclose(phi.T @ psi / 300, np.diag(spec.rho), atol=1e-8)


def crossing(seed=0, n_pairs=60, shape=(25, 40)):
    rng = np.random.default_rng(seed)
    i, j = (rng.integers(0, n, n_pairs) for n in shape)
    return i, j, rng.uniform(0.1, 2.0, n_pairs), ep.Relation.between(i, j, rng.uniform(0.1, 2.0, n_pairs), shape)


def stacked_problem(A, B, G, ridges=(0.0, 0.0)):
    """[[0, C], [C^T, 0]] v = rho diag(S_a, S_b) v on zero-padded, tower-centred columns."""
    n_a, W = len(A), G.to_sparse().toarray()[: len(A), len(A) :]
    d_a, d_b = W.sum(axis=1) / W.sum(), W.sum(axis=0) / W.sum()
    A, B = A - d_a @ A, B - d_b @ B
    S_a, S_b, C = A.T @ (d_a[:, None] * A), B.T @ (d_b[:, None] * B), A.T @ (W / W.sum()) @ B
    assert n_a == W.shape[0]
    S_a = S_a + ridges[0] * np.trace(S_a) / len(S_a) * np.eye(len(S_a))
    S_b = S_b + ridges[1] * np.trace(S_b) / len(S_b) * np.eye(len(S_b))
    zero = np.zeros_like
    return scipy.linalg.eigh(
        np.block([[zero(S_a), C], [C.T, zero(S_b)]]), scipy.linalg.block_diag(S_a, S_b), eigvals_only=True
    )[::-1]


@pytest.mark.parametrize("ridges", [(0.0, 0.0), (0.1, 0.1), (0.01, 1.0)])
def test_towers_are_the_positive_branch_of_the_stacked_problem(ridges):
    *_, G = crossing()
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((25, 3)) * [1, 2, 3], rng.standard_normal((40, 5)) + 4
    spec = ep.spectrum(ep.Towers(A, B), G, features=tuple(ep.Linear(ridge=r) for r in ridges))
    np.testing.assert_allclose(spec.rho, stacked_problem(A, B, G, ridges)[:3], atol=1e-8)
    assert spec.ridge == ridges and spec.faithful == (ridges == (0.0, 0.0))


def test_small_chunks_and_memory_maps_change_nothing(tmp_path, monkeypatch):
    *_, G = crossing(n_pairs=400, shape=(100, 150))
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((100, 3)), rng.standard_normal((150, 5)).astype(np.float32)
    expected = ep.spectrum(ep.Towers(A, B), G)
    np.save(tmp_path / "A.npy", A)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 8)
    found = ep.spectrum(ep.Towers(np.load(tmp_path / "A.npy", mmap_mode="r"), B), G)
    np.testing.assert_allclose(found.rho, expected.rho, atol=1e-12)
    np.testing.assert_allclose(found.transform(A, tower=0), expected.transform(A, tower=0), atol=1e-9)


def test_mixtures_of_crossing_relations_add_up():
    *_, G1 = crossing(0)
    *_, G2 = crossing(1)
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((25, 3)), rng.standard_normal((40, 5))
    G = 0.3 * G1 + 2.0 * G2
    np.testing.assert_allclose(ep.spectrum(ep.Towers(A, B), G).rho, stacked_problem(A, B, G)[:3], atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 30), st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_any_shape_works(n, D_a, D_b, seed):
    """Fewer rows than columns, duplicates, constant and collinear columns."""
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((n, D_a)), rng.standard_normal((n, D_b))
    A[:, -1] = 2 * A[:, 0]
    if D_b > 1:
        B[:, -1] = 7.0
    B[-1] = B[0]
    spec = ep.spectrum(ep.Towers(A, B))
    reference = by_svd(A, B[:, : max(1, D_b - 1)])
    assert len(spec.rho) == spec.rank <= n - 1
    m = min(len(spec.rho), len(reference))
    np.testing.assert_allclose(spec.rho[:m], reference[:m], atol=1e-7)
    assert (spec.rho <= 1).all() and (spec.rho >= 0).all()


def test_fewer_rows_than_columns_fit_perfectly_and_a_ridge_does_not():
    A, B = two_tables(20, (50, 40))
    assert ep.spectrum(ep.Towers(A, B)).rho[:15] == pytest.approx(1.0)
    held = two_tables(200, (50, 40))
    for ridge in (0.1, "auto"):
        spec = ep.spectrum(ep.Towers(*held), features=ep.Linear(ridge=ridge))
        assert spec.rho[10] < 0.9


def test_automatic_ridges_are_chosen_on_held_out_pairs():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((2000, 2))
    mix_a, mix_b = rng.standard_normal((2, 30)), rng.standard_normal((2, 40))
    A, B = (hidden @ mix + rng.standard_normal((2000, mix.shape[1])) for mix in (mix_a, mix_b))
    few, many = slice(0, 60), slice(60, None)
    plain, chosen = (ep.spectrum(ep.Towers(A[few], B[few]), features=ep.Linear(ridge=ridge)) for ridge in (0.0, "auto"))
    assert chosen.ridge[0] == chosen.ridge[1] > 0
    held = [spec.heldout(ep.Towers(A[many], B[many]))[:2].sum() for spec in (plain, chosen)]
    assert held[1] > held[0] + 0.2, f"held-out agreement {held}: the chosen ridge does not help"
    mixed = ep.spectrum(ep.Towers(A[few], B[few]), features=(ep.Linear(ridge=0.5), ep.Linear(ridge="auto")))
    assert mixed.ridge[0] == 0.5


EXACT = {
    "vicreg": ep.VICReg(1.0, 25.0, 1.0),
    "least squares": ep.VICReg(0.5, 1.0, 0.3, form="least-squares"),
    "barlow": ep.BarlowTwins(0.1),
    "spectral contrastive": ep.SpectralContrastive(),
    "whitening": ep.Whitening(),
    "log det": ep.LogDet(),
}


@pytest.mark.parametrize("objective", EXACT.values(), ids=EXACT)
def test_one_loss_for_both_towers(objective):
    """The loss of the stacked embedding is the predicted one, and descent over per-tower maps does not beat it."""
    torch = require("torch", "deep")
    *_, G = crossing(3, n_pairs=200, shape=(60, 50))
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((60, 4))
    towers = ep.Towers(
        hidden + rng.standard_normal((60, 4)), hidden[:50] @ rng.random((4, 6)) + rng.standard_normal((50, 6))
    )
    emb = ep.spectrum(towers, G).embed(objective, 4)
    found = float(objective.loss(emb.transform(towers), G))
    assert emb.optimum.exact and found == pytest.approx(emb.optimum.loss, rel=1e-9, abs=1e-9)
    np.testing.assert_array_equal(emb.transform(), emb.transform(towers), err_msg="transform(None) is the fitted rows")

    sides = [torch.tensor(emb.spectrum.transform(X, tower=at)) for at, X in enumerate(towers.sides)]
    ones = 0 if objective.centred else 1
    sides = [torch.cat([side, torch.ones(len(side), ones)], dim=1) for side in sides]

    def value(flat):
        maps = torch.tensor(flat.reshape(2, 4 + ones, 4), requires_grad=True)
        loss = objective.loss(torch.cat([side @ part for side, part in zip(sides, maps, strict=True)]), G)
        return float(loss.detach()), torch.autograd.grad(loss, maps)[0].numpy().ravel()

    for scale in (0.3, 1.0):
        start = rng.standard_normal(2 * (4 + ones) * 4) * scale
        reached = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).fun
        assert reached >= emb.optimum.loss - 1e-6 * (1 + abs(emb.optimum.loss)), "descent beats 'exact'"


def test_a_class_of_functions_per_tower():
    rng = np.random.default_rng(0)
    radius, angle = rng.uniform(1, 2, 500), rng.uniform(0, 2 * np.pi, 500)
    A = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    B = radius[:, None] + 0.05 * rng.standard_normal((500, 1))
    linear = ep.spectrum(ep.Towers(A, B))
    mixed = ep.spectrum(ep.Towers(A, B), features=(ep.Kernel(n_landmarks=40), ep.Linear()))
    assert linear.rho[0] < 0.3 < 0.9 < mixed.rho[0], "only the kernel sees the radius"
    assert repr(mixed).startswith("Spectrum(Kernel x Linear")


def test_saved_and_loaded(tmp_path):
    A, B = two_tables(60, (4, 6))
    features = (ep.Kernel(n_landmarks=20, ridge=0.1), ep.Linear(ridge=0.01))
    emb = ep.spectrum(ep.Towers(A, B), features=features).embed(ep.SimCLR(critic="density-ratio"), 5)
    ep.save(emb, tmp_path / "model")
    loaded = ep.load(tmp_path / "model")
    assert loaded.spectrum.features == features and loaded.spectrum.ridge == (0.1, 0.01)
    for tower, X in enumerate((A, B)):
        np.testing.assert_array_equal(loaded.transform(X, tower=tower), emb.transform(X, tower=tower))
    np.testing.assert_array_equal(loaded.search(A, B, 3).rows, emb.search(A, B, 3).rows)


def test_results_repeat_and_signs_are_fixed():
    A, B = two_tables(60, (4, 6))
    first, second = (ep.spectrum(ep.Towers(A, B)) for _ in range(2))
    np.testing.assert_array_equal(first.modes[0].weights, second.modes[0].weights)
    flipped = ep.spectrum(ep.Towers(A, -B))
    np.testing.assert_allclose(flipped.modes[0].weights, first.modes[0].weights, rtol=1e-6)
    np.testing.assert_allclose(flipped.modes[1].weights, -first.modes[1].weights, rtol=1e-6)


class TestInputs:
    def test_torch_in_torch_out(self):
        torch = require("torch", "deep")
        A, B = (torch.tensor(X, dtype=torch.float32) for X in two_tables(60, (3, 3)))
        Z = ep.spectrum(ep.Towers(A, B)).transform(ep.Towers(A, B))
        assert Z.dtype == torch.float32 and Z.shape == (120, 3)

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda A, B: ep.spectrum(ep.Towers(A, B[:-1])), ValueError, "row i cannot pair with row i"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B), ep.Relation.from_views(9, 2)), ValueError, "one row per sample"),
            (
                lambda A, B: ep.spectrum(ep.Towers(A, B), ep.Relation.from_edges([0], [1], n_samples=20)),
                ValueError,
                "inside one tower",
            ),
            (
                lambda A, B: ep.spectrum(ep.Towers(A, B), ep.Relation.from_labels(np.arange(20) % 3)),
                ValueError,
                "inside one tower",
            ),
            (
                lambda A, B: ep.spectrum(
                    ep.Towers(A, B), ep.Relation.between(np.arange(10), np.arange(10))[np.r_[10:20, 0:10]]
                ),
                ValueError,
                "was reordered",
            ),
            (lambda A, B: ep.spectrum(ep.Towers(A, B), features=ep.Free()), ValueError, "no columns to whiten"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B), features=(ep.Linear(),) * 3), ValueError, "3 entries"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B), features="linear"), TypeError, "ep.Linear"),
            (lambda A, B: ep.spectrum(ep.Towers(A, 0 * B)), ValueError, "X_b has no column that varies"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B)).transform(A), ValueError, "tower=0 or tower=1"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B)).transform(A, tower=2), ValueError, "tower = 2"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B)).transform(A, tower=1), ValueError, "fitted on 4"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B)).weights, ValueError, "two towers"),
            (
                lambda A, B: ep.spectrum(A, ep.Relation.from_views(5, 2)).transform(ep.Towers(A, B)),
                TypeError,
                "one by one",
            ),
            (lambda A, B: ep.Towers(A, [1.0, 2.0]), ValueError, "X_b has shape"),
            (lambda A, B: ep.Towers(None, B), TypeError, "X_a is a NoneType, which holds no rows"),
            (lambda A, B: ep.Towers(A, B[:, :0]), ValueError, r"X_b has shape \(10, 0\), no column"),
            (lambda A, B: ep.spectrum(ep.Towers(A[:0], B[:0])), ValueError, "towers have 0 and 0 rows, so there is no"),
            (lambda A, B: ep.spectrum(ep.Towers(A, B)).heldout(A), TypeError, r"2 tower.*give ep.Towers\(X_a, X_b\)"),
            (
                lambda A, B: ep.spectrum(A, ep.Relation.from_views(5, 2)).heldout(ep.Towers(A, B)),
                TypeError,
                "1 tower.*give one table",
            ),
        ],
    )
    def test_errors_say_what_to_do(self, call, error, message):
        rng = np.random.default_rng(0)
        with pytest.raises(error, match=message):
            call(rng.standard_normal((10, 3)), rng.standard_normal((10, 4)))

    def test_nan_is_named_with_its_tower(self):
        A, B = two_tables(50, (3, 4))
        B[30, 2] = np.nan
        for features in (ep.Linear(), ep.Kernel(n_landmarks=10)):
            with pytest.raises(ValueError, match=r"X_b\[30, 2\] = nan"):
                ep.spectrum(ep.Towers(A, B), features=features)

    def test_uneven_degrees_have_no_samples_weighting(self):
        *_, G = crossing()
        with pytest.raises(ValueError, match="weighting = 'samples'"):
            ep.spectrum(ep.Towers(np.eye(25), np.eye(40)), G, weighting="samples")
