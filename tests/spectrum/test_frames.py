"""DataFrames and Series of pandas and polars go in wherever arrays do; numpy comes out, or named columns in sklearn."""

import numpy as np
import pytest
from support import require

import eigenpairs as ep

N = 60


@pytest.fixture(params=["pandas", "polars"])
def frames(request):
    return require(request.param, "frames")


def numbers(seed=0):
    """Columns of mixed dtypes, and the same as one float64 array."""
    rng = np.random.default_rng(seed)
    columns = {
        "weight": rng.standard_normal(N),
        "height": rng.standard_normal(N).astype(np.float32),
        "count": rng.integers(0, 9, N),
        "small": rng.integers(0, 200, N).astype(np.uint8),
        "flag": rng.random(N) < 0.5,
    }
    return columns, np.column_stack([column.astype(np.float64) for column in columns.values()])


def agree(found, expected):
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_spectrum_transform_search_and_towers_take_frames(frames):
    columns, X = numbers()
    frame, G = frames.DataFrame(columns), ep.Relation.from_views(N // 2, 2)
    spec, expected = ep.spectrum(frame, G), ep.spectrum(X, G)
    agree(spec.rho, expected.rho)
    agree(spec.transform(frame), expected.transform(X))
    agree(spec.transform(), expected.transform(X))
    agree(spec.heldout(frame, G), spec.rho)
    emb = spec.embed(ep.VICReg(), 3)
    agree(emb.search(frame, frame, k=2).rows, emb.search(X, X, k=2).rows)
    agree(emb.similarity(frame, frame), emb.similarity(X, X))
    left, right = frame[["weight", "count"]], frame[["height", "flag", "count"]]
    pair, plain = ep.spectrum(ep.Towers(left, right)), ep.spectrum(ep.Towers(X[:, [0, 2]], X[:, [1, 4, 2]]))
    agree(pair.rho, plain.rho)
    agree(pair.transform(left, tower=0), plain.transform(X[:, [0, 2]], tower=0))
    assert ep.Whitening().loss(frame, G) == pytest.approx(ep.Whitening().loss(X, G))


def test_one_dtype_is_kept(frames):
    X = np.random.default_rng(0).standard_normal((N, 3)).astype(np.float32)
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate("abc")})
    assert ep.spectrum(frame, ep.Relation.from_views(N // 2, 2)).transform(frame).dtype == np.float32


def test_relations_take_series(frames):
    rng = np.random.default_rng(0)
    ids, i, j = rng.integers(0, 20, N), np.arange(30), np.arange(30, 60)
    weight, X = rng.random(30), numbers()[1]
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate("abcde")})
    texts = np.char.add("id", ids.astype(str))
    S = frames.Series
    for found, expected in (
        (ep.Relation.from_groups(S(ids)), ep.Relation.from_groups(ids)),
        (ep.Relation.from_groups(S(texts.tolist())), ep.Relation.from_groups(ids)),
        (ep.Relation.from_labels(S(ids)), ep.Relation.from_labels(ids)),
        (ep.Relation.from_labels(S(ids > 9), weight=S(ids + 1.0)), ep.Relation.from_labels(ids > 9, weight=ids + 1.0)),
        (ep.Relation.from_edges(S(i), S(j), S(weight)), ep.Relation.from_edges(i, j, weight)),
        (ep.Relation.between(S(i), S(i), S(weight)), ep.Relation.between(i, i, weight)),
        (ep.Relation.from_neighbors(frame, k=4), ep.Relation.from_neighbors(X, k=4)),
        (ep.Relation.from_sequence(N, groups=S(ids)), ep.Relation.from_sequence(N, groups=ids)),
        (ep.Relation.from_views(30, 2).weighted(S(ids)), ep.Relation.from_views(30, 2).weighted(ids)),
    ):
        np.testing.assert_allclose(found.to_sparse().toarray(), expected.to_sparse().toarray())


def test_a_missing_text_is_alone(frames):
    """As NaN, None or NA it must not become a group of its own."""
    G = ep.Relation.from_groups(frames.Series(["a", None, "a", None, "b", "b"]))
    np.testing.assert_array_equal(G.degrees, [1, 0, 1, 0, 1, 1])


def test_a_missing_number_is_named_with_its_place(frames):
    columns, _ = numbers()
    for name in ("count", "flag"):
        values = columns[name].tolist()
        values[7] = None
        if frames.__name__ == "pandas":
            values = frames.array(values, dtype="Int64" if name == "count" else "boolean")
        at = list(columns).index(name)
        with pytest.raises(ValueError, match=rf"X\[7, {at}\] = nan"):
            ep.spectrum(frames.DataFrame(columns | {name: values}), ep.Relation.from_views(N // 2, 2))


def test_a_column_without_numbers_is_one_clear_error(frames):
    columns, X = numbers()
    G = ep.Relation.from_views(N // 2, 2)
    bad = frames.DataFrame(columns | {"city": ["Ulm", "Bonn"] * (N // 2), "pair": [[1, 2]] * N})
    spec = ep.spectrum(X, G)
    for name, call in {
        "X": lambda: ep.spectrum(bad, G),
        "X_b": lambda: ep.Towers(X, bad),
        "Z": lambda: ep.VICReg().loss(bad, G),
    }.items():
        with pytest.raises(TypeError, match=rf"^{name} has columns that hold no numbers: 'city' \(.*'pair'.*encode"):
            call()
    with pytest.raises(TypeError, match="'city'"):
        spec.transform(bad)
    many = frames.DataFrame({f"c{k}": ["x"] * N for k in range(9)})
    with pytest.raises(TypeError, match=r"'c4' \(\w+\) and 4 more; leave them out"):
        ep.spectrum(many, G)


def test_a_series_is_no_table(frames):
    with pytest.raises(ValueError, match=r"X has shape \(60,\), not two dimensions"):
        ep.spectrum(frames.Series(np.zeros(N)), ep.Relation.from_views(N // 2, 2))


def test_nullable_and_arrow_columns_of_pandas():
    pd = require("pandas", "frames")
    _, X = numbers()
    G = ep.Relation.from_views(N // 2, 2)
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(5)], index=np.arange(N)[::-1])
    mixed = frame.assign(c2=frame["c2"].astype("Int64"), c4=(frame["c4"] > 0).astype("boolean"))
    agree(ep.spectrum(mixed, G).rho, ep.spectrum(X, G).rho)
    twins = pd.concat([mixed, mixed[["c2"]].astype(object)], axis=1)  # two columns of one name, one of them no numbers
    with pytest.raises(TypeError, match=r"hold no numbers: 'c2' \(object\); leave"):
        ep.spectrum(twins, G)


def test_a_query_of_polars_is_told_to_collect():
    pl = require("polars", "frames")
    with pytest.raises(TypeError, match=r"X is a LazyFrame.*pass X.collect\(\)"):
        ep.spectrum(pl.LazyFrame(numbers()[0]), ep.Relation.from_views(N // 2, 2))


class TestEstimator:
    def test_named_columns_come_out(self, frames):
        columns, X = numbers()
        frame, groups = frames.DataFrame(columns), np.tile(np.arange(N // 2), 2)
        est = ep.SpectralSSL(n_components=3).set_output(transform=frames.__name__)
        Z = est.fit(frame, groups=frames.Series(groups)).transform(frame)
        assert isinstance(Z, frames.DataFrame)
        assert list(Z.columns) == list(est.get_feature_names_out()) == ["spectralssl0", "spectralssl1", "spectralssl2"]
        assert list(est.feature_names_in_) == list(columns)
        agree(Z.to_numpy(), ep.SpectralSSL(n_components=3).fit(X, groups=groups).transform(X))
        if frames.__name__ == "pandas":
            assert (Z.index == frame.index).all()

    def test_other_columns_are_refused(self, frames):
        columns, _ = numbers()
        frame = frames.DataFrame(columns)
        est = ep.SpectralSSL(n_components=2).fit(frame, groups=np.tile(np.arange(N // 2), 2))
        with pytest.raises(ValueError, match="feature names"):
            est.transform(frame[["height", "weight", "count", "small", "flag"]])

    def test_the_constant_has_no_name(self, frames):
        frame = frames.DataFrame(numbers()[0])
        est = ep.SpectralSSL(ep.SpectralContrastive(), n_components=2).set_output(transform=frames.__name__)
        Z = est.fit_transform(frame, groups=np.tile(np.arange(N // 2), 2))
        assert list(Z.columns) == list(est.get_feature_names_out()) == ["spectralssl0", "spectralssl1"]
