"""What is wrong is found and named, what is right is left alone, and references contain what they claim."""

import importlib
import json

import numpy as np
import pytest

import eigenpairs as ep
from eigenpairs.diagnose.compare import compare
from eigenpairs.diagnose.random_rows import gaussian_singular_values

SIZES = [(100, 16), (100, 256), (1000, 64), (20000, 32)]


def healthy(n, d, seed, kind="gaussian"):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    if kind == "power law":
        Z = (Z * np.arange(1, d + 1) ** -0.5) @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    if kind == "positive":
        Z = np.maximum(Z @ rng.standard_normal((d, d)) / np.sqrt(d), 0)
    if kind == "float32 with a mean":
        Z = (Z + 10).astype(np.float32)
    return Z


@pytest.mark.parametrize("kind", ["gaussian", "power law", "positive", "float32 with a mean"])
@pytest.mark.parametrize("n, d", SIZES)
def test_healthy_embeddings_raise_no_alarm(n, d, kind):
    for seed in range(20 if n <= 1000 else 3):
        found = ep.diagnose(healthy(n, d, seed, kind))
        alarms = [finding for finding in found.findings if finding.kind != "few-rows"]
        assert found.verdict == "healthy" and not alarms, f"seed {seed}: {found.findings}"


def broken(kind, n, d, seed):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    if kind == "constant":
        return np.full((n, d), 3.7)
    if kind == "constant and noise":
        return rng.standard_normal(d) + 1e-4 * Z
    if kind == "rank-one":
        return np.outer(Z[:, 0], rng.standard_normal(d)) + 1e-3 * Z
    if kind == "dead":
        Z[:, d // 2 :] = 1e-5 * Z[:, d // 2 :] + 2
    if kind == "duplicated":
        Z[:, 1] = -3 * Z[:, 0] + 5
    if kind == "exploded":
        Z[:, 3] *= 1e5
    if kind == "nan":
        Z[n // 2, 1] = np.nan
    if kind == "inf":
        Z[n // 2, 1] = -np.inf
    if kind == "low-rank":
        Z = Z[:, : d // 40 + 1] @ rng.standard_normal((d // 40 + 1, d))
    return Z


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n, d", SIZES)
@pytest.mark.parametrize(
    "kind, finding, verdict",
    [
        ("constant", "constant", "collapsed"),
        ("constant and noise", "constant", "collapsed"),
        ("rank-one", "rank-one", "collapsed"),
        ("dead", "dead", "partially collapsed"),
        ("duplicated", "duplicated", "partially collapsed"),
        ("nan", "nan", "invalid"),
        ("inf", "nan", "invalid"),
        ("exploded", "exploded", None),
        ("low-rank", "low-rank", "partially collapsed"),
    ],
)
def test_what_is_broken_is_found(kind, finding, verdict, n, d, dtype):
    if kind == "low-rank" and d < 64:
        pytest.skip("two directions of 16 are more than a tenth")
    found = ep.diagnose(broken(kind, n, d, seed=n + d).astype(dtype))
    kinds = [each.kind for each in found.findings]
    wanted = {finding} if kind != "exploded" else {"exploded", "one-column"}
    assert wanted & set(kinds), f"{kind} is not among {kinds}"
    assert verdict is None or found.verdict == verdict
    assert found.collapsed == (found.verdict == "collapsed")


def test_an_exploded_column_is_named():
    Z = np.random.default_rng(0).standard_normal((5000, 400))
    Z[:, 7] *= 150
    Z[:, 8] *= 1200
    found = next(f for f in ep.diagnose(Z).findings if f.kind == "exploded")
    assert "such as 8:" in found.message, "150 times the median is unusual, 1,200 is wrong"


def test_nan_rows_are_left_out_of_every_number():
    Z = np.random.default_rng(0).standard_normal((300, 12))
    bad = Z.copy()
    bad[[5, 250], [0, 3]] = np.nan, np.inf
    found, reference = ep.diagnose(bad), ep.diagnose(np.delete(Z, [5, 250], axis=0))
    assert "row 5" in found.findings[0].message and "2 of 300" in found.findings[0].message
    assert np.isclose(found.rankme, reference.rankme), "rows with NaN count somewhere"
    assert np.isclose(found.coherence, reference.coherence)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_but_nan_is_invalid_and_no_error(value):
    found = ep.diagnose(np.full((50, 4), value))
    assert found.verdict == "invalid" and json.dumps(found.to_dict())


def test_repeated_rows_are_counted():
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 2, (500, 4)).astype(float)
    different = len(np.unique(Z, axis=0))
    for rows in (Z, Z.astype(np.float32), np.hstack([Z, -Z, Z @ rng.integers(0, 9, (4, 30))])):
        message = next(f.message for f in ep.diagnose(rows).findings if f.kind == "duplicate-rows")
        assert message.startswith(f"{500 - different:,} of 500 rows")
    assert not any(f.kind == "duplicate-rows" for f in ep.diagnose(rng.standard_normal((500, 40)).round(1)).findings)


@pytest.mark.parametrize("sizes", [(50, 50, 50), (10, 30, 110), (1, 2, 3, 94)])
def test_coherence_of_class_graphs(sizes):
    y = np.repeat(np.arange(len(sizes)), sizes)
    indicators = np.eye(len(sizes))[y] @ np.random.default_rng(0).standard_normal((len(sizes), len(sizes)))
    found = ep.diagnose(indicators).coherence
    assert np.isclose(found, len(y) / (len(sizes) * min(sizes)), rtol=1e-9), "N / (r n_min)"


def test_coherence_of_a_large_file_finds_the_row_that_sticks_out(monkeypatch):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((6000, 40))
    Z[:, 0] *= 1e-3
    Z[1234, 0] = 1.0
    exact = ep.diagnose(Z).coherence
    monkeypatch.setattr(importlib.import_module("eigenpairs.diagnose.leverage"), "EXACT_UP_TO", 0)
    assert np.isclose(ep.diagnose(Z).coherence, exact, rtol=1e-9), "the sketch lost the row of largest leverage"


@pytest.mark.parametrize("n, d", [(200, 50), (50, 200), (3000, 64)])
def test_random_references_contain_random_embeddings(n, d):
    G, ids = ep.Relation.from_views(n // 2, 2), np.tile(np.arange(n // 2), 2)
    wide = {"rankme": 0.01, "effective_rank": 0.02, "participation_ratio": 0.05, "stable_rank": 0.1, "alpha_req": 0.1}
    outside = {}
    for seed in range(10):
        Z = np.random.default_rng(100 + seed).standard_normal((n, d))
        for name, metric in ep.diagnose(Z, G, groups=ids).metrics.items():
            if metric.reference.random is None:
                continue
            low, high = metric.reference.random
            slack = wide.get(name, 0.05) * max(abs(high), 1e-9)
            if not low - slack <= metric.value <= high + slack:
                outside.setdefault(name, []).append((seed, metric.value, metric.reference.random))
    assert not {name: runs for name, runs in outside.items() if len(runs) > 1}, outside


def test_the_bidiagonal_model_has_the_singular_values_of_gaussian_rows():
    rng = np.random.default_rng(0)
    drawn = np.mean([gaussian_singular_values(60, 25, rng) for _ in range(400)], axis=0)
    direct = np.mean([np.linalg.svd(rng.standard_normal((60, 25)), compute_uv=False) for _ in range(400)], axis=0)
    assert np.abs(drawn - direct).max() < 0.1, "means of 25 singular values of up to 12"


def test_optimum_is_that_of_the_objective_on_these_columns():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((2000, 10))
    X = np.concatenate([source + np.linspace(0.1, 3, 10) * rng.standard_normal(source.shape) for _ in range(2)])
    G = ep.Relation.from_views(2000, 2)
    objective = ep.VICReg(invariance=60.0)
    spec = ep.spectrum(X, G)
    found = ep.diagnose(X, G, objective=objective)
    assert found.optimum_name == repr(objective)
    Z = spec.embed(objective, 10).transform(X)
    own = ep.diagnose(Z, G, objective=objective)
    assert np.isclose(own.rankme, found.metrics["rankme"].reference.optimum, rtol=1e-6), "the optimum misses its own"
    assert np.isclose(own.dirichlet_energy, found.metrics["dirichlet_energy"].reference.optimum, rtol=1e-6)


def test_dirichlet_energy_and_mean_rho_against_their_definitions():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5))
    G = ep.Relation.from_edges(rng.integers(0, 30, 200), rng.integers(30, 60, 200), n_samples=60)
    weight = G.to_sparse().toarray()
    pi = weight.sum(axis=1) / weight.sum()
    centred = Z - pi @ Z
    S = centred.T @ (pi[:, None] * centred)
    C = centred.T @ weight @ centred / weight.sum()
    found = ep.diagnose(Z, G)
    assert np.isclose(found.dirichlet_energy, 1 - np.trace(C) / np.trace(S))
    assert np.isclose(found.mean_rho, np.trace(np.linalg.solve(S, C)) / 5)


def test_lidar_against_its_definition_and_any_order_of_rows():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(80), 5)
    Z = rng.standard_normal((80, 8))[ids] * np.arange(1, 9) + rng.standard_normal((400, 8))
    found = ep.diagnose(Z, groups=ids).lidar
    means = np.array([Z[ids == g].mean(axis=0) for g in range(80)])
    within = sum((Z[ids == g] - means[g]).T @ (Z[ids == g] - means[g]) for g in range(80)) / (80 * 4)
    between = (means - means.mean(axis=0)).T @ (means - means.mean(axis=0)) / 80
    ridge = 1e-4 * (np.trace(between) + np.trace(within)) / 8
    ratio = np.linalg.eigvals(np.linalg.solve(within + ridge * np.eye(8), between)).real
    p = ratio / ratio.sum()
    assert np.isclose(found, np.exp(-np.sum(p * np.log(p))), rtol=1e-9)
    order = rng.permutation(400)
    assert np.isclose(ep.diagnose(Z[order], groups=ids[order]).lidar, found, rtol=1e-9), "LiDAR sees the order of rows"


def test_lidar_is_of_the_groups_whatever_the_relation_is():
    rng = np.random.default_rng(0)
    ids, others = np.repeat(np.arange(100), 2), np.tile(np.arange(100), 2)
    Z = rng.standard_normal((100, 8))[ids] + 0.3 * rng.standard_normal((200, 8))
    alone = ep.diagnose(Z, groups=ids).metrics["lidar"]
    for relation in (ep.Relation.from_groups(others), ep.Relation.from_views(100, 2)):
        found = ep.diagnose(Z, relation, groups=ids).metrics["lidar"]
        assert np.isclose(found.value, alone.value, rtol=1e-9), "LiDAR took the pairs of the relation for the groups"
        assert found.reference.optimum is None, "the optimum on the relation says nothing about other groups"
    renamed = ep.diagnose(Z, ep.Relation.from_groups(ids), groups=[f"source {i}" for i in ids]).metrics["lidar"]
    assert renamed.value == alone.value and renamed.reference.optimum == alone.reference.optimum


def test_alignment_and_uniformity_against_their_definitions():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((300, 6))
    G = ep.Relation.from_edges([3], [8], n_samples=300)
    u = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    distances = [np.sum((u[i] - u[j]) ** 2) for i in range(300) for j in range(i)]
    found = ep.diagnose(Z, G)
    assert np.isclose(found.uniformity, np.log(np.mean(np.exp(-2 * np.array(distances)))))
    assert np.isclose(found.alignment, np.sum((u[3] - u[8]) ** 2))


@pytest.mark.parametrize("kind", ["torch", "half", "frame", "memmap", "list"])
def test_any_kind_of_rows(kind, tmp_path):
    Z = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    if kind in ("torch", "half"):
        torch = pytest.importorskip("torch")
        given = torch.as_tensor(Z, dtype=torch.float32 if kind == "torch" else torch.bfloat16)
    elif kind == "frame":
        given = pytest.importorskip("pandas").DataFrame(Z)
    elif kind == "memmap":
        np.save(tmp_path / "Z.npy", Z)
        given = np.load(tmp_path / "Z.npy", mmap_mode="r")
    else:
        given = Z.tolist()
    assert np.isclose(ep.diagnose(given).rankme, ep.diagnose(Z).rankme, rtol=1e-3 if kind == "half" else 1e-6)


def test_huge_and_tiny_float32_entries():
    Z = np.random.default_rng(0).standard_normal((5000, 8)).astype(np.float32)
    for scale in (1e-30, 1e30):
        found = ep.diagnose(Z * np.float32(scale))
        assert np.isclose(found.rankme, ep.diagnose(Z).rankme, rtol=1e-4), f"entries of {scale:g}"
        assert (scale < 1) == (not found.findings), found.findings


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"Z": np.ones((1, 3))}, "two or more rows"),
        ({"Z": np.ones((3, 0))}, "at least one column"),
        ({"Z": np.ones(3)}, "Z has shape"),
        ({"Z": np.ones((4, 2)), "relation": ep.Relation.from_views(3, 2)}, "relation has 6 rows and Z has 4"),
        ({"Z": np.ones((4, 2)), "groups": [0, 0, 1]}, "groups has 3"),
        ({"Z": np.array([["a"] * 2] * 3)}, "dtype"),
        ({"Z": np.ones((4, 2)), "objective": ep.VICReg}, "the class VICReg"),
    ],
)
def test_errors_name_the_argument(arguments, named):
    with pytest.raises((ValueError, TypeError), match=named):
        ep.diagnose(**arguments)


def test_a_missing_metric_says_what_it_needs():
    with pytest.raises(AttributeError, match="needs groups"):
        _ = ep.diagnose(np.eye(4)).lidar


def test_words_and_json():
    found = ep.diagnose(np.random.default_rng(0).standard_normal((100, 5)), groups=np.arange(100) // 2)
    again = json.loads(json.dumps(found.to_dict()))
    assert again["metrics"]["rankme"]["value"] == found.rankme and again["verdict"] == "healthy"
    assert repr(found).startswith("Diagnosis(healthy: 100 x 5, RankMe") and "<svg" in found._repr_html_()


def test_several_embeddings_are_ordered_by_what_pairs_keep():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((500, 12))
    good = np.concatenate([source + 0.3 * rng.standard_normal(source.shape) for _ in range(2)])
    noise = rng.standard_normal(good.shape)
    G = ep.Relation.from_views(500, 2)
    found = compare({"noise": noise, "good": good, "point": np.ones((1000, 3))}, G)
    assert found.ranking == ("good", "noise", "point") and found.ranked_by == "sum_rho"
    assert compare([good, noise]).ranked_by == "rankme"
    with pytest.raises(ValueError, match="needs a relation"):
        compare([good, noise], rank_by="sum_rho")
    with pytest.raises(ValueError, match="differ in their number of rows"):
        compare([good, noise[:10]])


def test_sum_of_rho_is_the_estimators_score():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((400, 6))
    X = np.concatenate([source + rng.standard_normal(source.shape) for _ in range(2)])
    G = ep.Relation.from_views(400, 2)
    est = ep.SpectralSSL(ep.Whitening(), n_components=4).fit(X, relation=G)
    assert np.isclose(ep.diagnose(est.transform(X), G).sum_rho, est.score(X, relation=G))


def test_pairs_do_not_hide_that_most_directions_are_gone():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((4000, 10)) @ np.linalg.qr(rng.standard_normal((256, 256)))[0][:10]
    for known in ({}, {"groups": np.tile(np.arange(2000), 2)}):
        found = ep.diagnose(Z, **known)
        assert found.verdict == "partially collapsed" and found.findings[0].kind == "low-rank", known


def test_one_row_or_one_column_is_named_and_no_collapse():
    Z = np.random.default_rng(0).standard_normal((5000, 64))
    row, column = Z.copy(), Z.copy()
    row[1234] *= 2500
    column[:, 7] *= 2000
    assert "row 1234" in ep.diagnose(row).findings[0].message
    assert "column 7" in ep.diagnose(column).findings[0].message
    assert not ep.diagnose(row).collapsed and not ep.diagnose(column).collapsed
    assert ep.diagnose(Z[:2]).verdict == "healthy", "two rows always lie on a line"


def test_rarely_active_units_are_no_twins():
    rng = np.random.default_rng(0)
    Z = np.maximum(rng.standard_normal((512, 64)) @ rng.standard_normal((64, 256)) - 22, 0)
    assert not any(finding.kind == "duplicated" for finding in ep.diagnose(Z).findings)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_values_whose_squares_leave_float64_are_refused(scale):
    with pytest.raises(ValueError, match="rescale"):
        ep.diagnose(np.random.default_rng(0).standard_normal((500, 8)) * scale)


def test_references_under_unequal_degrees():
    hubs = np.repeat(np.arange(10), 29)  # ten rows, each a partner of 29 others
    relation = ep.Relation.from_edges(hubs, np.arange(10, 300), n_samples=300)
    inside = []
    for seed in range(20):
        found = ep.diagnose(np.random.default_rng(seed).standard_normal((300, 12)), relation)
        low, high = found.metrics["dirichlet_energy"].reference.random
        inside.append(low <= found.dirichlet_energy <= high)
    assert np.mean(inside) > 0.9, "rows of large degree are held against a mean that is partly themselves"


def test_a_comparison_with_a_broken_one_has_words():
    A = np.random.default_rng(0).standard_normal((300, 5))
    B = A.copy()
    B[0, 0] = np.nan
    assert "invalid" in repr(compare({"a": A, "b": B}, ep.Relation.from_views(150, 2)))
