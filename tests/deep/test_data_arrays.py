"""Samples from arrays, tensors, tables and files: what is recognised, what is refused, and how batches are taken."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from eigenpairs.deep.data import Samples, samples  # noqa: E402
from eigenpairs.deep.data.like import samples_like  # noqa: E402

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, size=shape, dtype=np.uint8)


# ----------------------------------------------------- kinds and layouts


@pytest.mark.parametrize(
    ("array", "kind", "shape"),
    [
        (pixels(5, 9, 8), "images", (1, 9, 8)),
        (pixels(5, 9, 8, 3), "images", (3, 9, 8)),
        (pixels(5, 3, 9, 8), "images", (3, 9, 8)),
        (pixels(5, 9, 8, 1) / 255, "images", (1, 9, 8)),
        (RNG.normal(size=(5, 7)), "rows", (7,)),
        (pixels(5, 7), "rows", (7,)),
    ],
)
@pytest.mark.parametrize("as_", [np.asarray, torch.as_tensor])
def test_kind_and_layout_follow_from_the_shape(array, kind, shape, as_):
    found = samples(as_(array))
    assert (found.kind, found.shape, len(found), found.n_samples) == (kind, shape, 5, 5)
    expected = array if kind == "rows" else array[:, None] if array.ndim == 3 else array
    if expected.ndim == 4 and expected.shape[1:] != shape:
        expected = np.moveaxis(expected, 3, 1)
    assert np.array_equal(np.asarray(found.inputs), expected), "pixels went to another place"


@pytest.mark.parametrize(("shape", "expected"), [((5, 7), (1, 7)), ((5, 2, 7), (2, 7))])
def test_series_are_said_to_be_series(shape, expected):
    assert samples(RNG.normal(size=shape), kind="series").shape == expected


def test_layout_decides_what_the_shape_leaves_open():
    many = pixels(5, 13, 9, 8)
    assert samples(many, layout="channels-first").shape == (13, 9, 8)
    assert samples(many, layout="channels-last").shape == (8, 13, 9)


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (RNG.random((5, 9, 8)), {}, r"images \(n, H, W\) or series \(n, C, T\)\? say kind"),
        (pixels(5, 13, 9, 8), {}, "neither axis 1 nor axis 3 has 1 to 4 entries"),
        (pixels(5, 3, 9, 3), {}, "both axis 1 and axis 3 have 1 to 4 entries"),
        (pixels(5, 3, 9, 3), {"layout": "hwc"}, "layout = 'hwc' is unknown; choose from 'channels-first'"),
        (pixels(5, 9), {"kind": "images"}, r"images have the shape \(n, H, W\)"),
        (pixels(5, 9, 8, 3), {"kind": "rows"}, r"rows have the shape \(n, d\)"),
        (pixels(5, 9), {"kind": "table"}, "kind = 'table' is unknown; choose from 'images', 'rows', 'series'"),
        (pixels(5, 9, 8) / 16.0, {"kind": "images"}, r"pixels of 0.* float images lie in \[0, 1\]"),
        (pixels(5, 9, 8).astype(np.int32), {"kind": "images"}, "dtype int32; images are uint8, or floats"),
        (np.array([[1.0, np.nan]]), {}, "sample 0 holds NaN or inf"),
        (np.array([["a", "b"]]), {}, "dtype <U1; give real numbers"),
        (np.zeros(5), {}, "give at least one sample with at least one number"),
        (np.zeros((0, 3)), {}, "give at least one sample with at least one number"),
        (pixels(2, 2, 2, 2, 2), {}, r"give rows \(n, d\), images or series"),
        (3.0, {}, "data is a float; give an array"),
        (pixels(5, 9, 8), {"size": 16}, "size = 16 resizes folders of images only"),
        (pixels(5, 9, 8), {"split": "train"}, "split = 'train' needs a folder with parts"),
        (pixels(5, 9, 8), {"split": "dev"}, "split = 'dev' is unknown; choose from 'train', 'test'"),
        (pixels(5, 9, 8), {"labels": [0, 1]}, r"labels 'label' have shape \(2,\), the data has 5 samples"),
        (pixels(5, 9), {"layout": "channels-last"}, "says where images have their channels; data holds rows: leave it"),
        (np.array([[0.0, 1.0], [0.0, -1e300]]), {}, r"row 1, column 1 is -1e\+300, too large for float32"),
        (RNG.normal(size=(5, 2, 7)) * 1e39, {"kind": "series"}, r"row 0, column \(0, 0\) is .*, too large for float32"),
        (torch.ones(3, 2, dtype=torch.complex64), {}, r"dtype torch\.complex64; give real numbers"),
        (pixels(5, 9), {"labels": "species"}, "'species' is neither a column of the data nor a file"),
        (pixels(5, 9), {"labels": np.linspace(0, 1, 5)}, r"labels 'label'\[1\] = 0.25 is not a whole number"),
        (pixels(2, 9), {"labels": [np.nan, 0.5]}, r"labels 'label'\[1\] = 0.5 is not a whole number"),
    ],
)
def test_what_is_ambiguous_or_unfit_is_refused_in_one_line(array, options, message):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message) as caught:
        samples(array, **options)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- labels


def test_labels_become_codes_in_sorted_order():
    X = np.zeros((4, 2))
    found = samples(X, labels={"kind": ["b", "a", "", "b"], "year": [2001, 1999, 2001, -1]})
    assert found.labels["kind"].tolist() == [1, 0, -1, 1] and found.label_names["kind"] == ("a", "b")
    assert found.labels["year"].tolist() == [1, 0, 1, -1] and found.label_names["year"] == ("1999", "2001")
    assert all(codes.dtype == np.int64 for codes in found.labels.values())


def test_missing_numbers_are_no_label():
    numbers = [10, None, 9, 10]
    given = {"array": np.array([10, np.nan, 9, 10]), "tensor": torch.tensor([10, torch.nan, 9, 10])}
    if importlib.util.find_spec("pandas"):
        import pandas as pd

        given |= {"pandas": pd.Series(numbers), "Int64": pd.Series(numbers, dtype="Int64")}
    if importlib.util.find_spec("polars"):
        import polars as pl

        given |= {"polars": pl.Series(numbers)}
    for name, values in given.items():
        found = samples(np.zeros((4, 2)), labels=values)
        assert found.labels["label"].tolist() == [1, -1, 0, 1], f"{name}: other codes, or the missing one has one"
        assert found.label_names["label"] == ("9", "10"), f"{name}: other names"


@pytest.mark.parametrize("kind", ["float64", "Int64"])
def test_missing_numbers_in_a_column_are_no_label(tmp_path, kind):
    frame = require("pandas", "frames").DataFrame({"a": [1.0, 2.0, 3.0], "y": [4, None, 2]}).astype({"y": kind})
    sources = [frame]
    if importlib.util.find_spec("pyarrow"):
        frame.to_parquet(tmp_path / "table.parquet")
        sources.append(tmp_path / "table.parquet")
    for source in sources:
        found = samples(source, labels="y")
        assert found.labels["y"].tolist() == [1, -1, 0] and found.shape == (1,), f"{source}"


def test_labels_are_added_to_samples_that_have_some():
    first = samples(np.zeros((3, 2)), labels=[0, 1, 0])
    both = samples(first, labels={"other": torch.tensor([2, 2, 5])})
    assert both.labels["label"].tolist() == [0, 1, 0] and both.labels["other"].tolist() == [0, 0, 1]
    assert list(first.labels) == ["label"], "the samples that were given have changed"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_of_a_table_can_be_the_labels(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    if suffix == "csv":
        path.write_text("a,species,b\n1,cat,2\n3,dog,4\n5,cat,6\n")
    else:
        require("pyarrow", "data")
        import pyarrow.parquet

        table = {"a": [1.0, 3.0, 5.0], "species": ["cat", "dog", "cat"], "b": [2.0, 4.0, 6.0]}
        pyarrow.parquet.write_table(pyarrow.table(table), path)
    found = samples(path, labels="species")
    assert found.inputs.tolist() == [[1, 2], [3, 4], [5, 6]], "the label column is still an input"
    assert found.labels["species"].tolist() == [0, 1, 0] and found.label_names["species"] == ("cat", "dog")
    with pytest.raises(ValueError, match="cat"):
        samples(path)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_a_frame_can_be_the_labels(library):
    frame = require(library, "frames").DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "y": ["u", "v"]})
    found = samples(frame, labels={"target": "y"})
    assert found.inputs.tolist() == [[1, 3], [2, 4]] and found.label_names == {"target": ("u", "v")}


def test_labels_from_files(tmp_path):
    (tmp_path / "y.csv").write_text("label\ncat\ndog\n")
    np.savez(tmp_path / "both.npz", X=np.ones((2, 3)), y=np.array([4, 2]))
    found = samples(f"{tmp_path}/both.npz:X", labels={"animal": tmp_path / "y.csv", "y": "y"})
    assert found.label_names == {"animal": ("cat", "dog"), "y": ("2", "4")}
    assert found.labels["y"].tolist() == [1, 0]
    np.save(tmp_path / "two.npy", np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"two\.npy has 2 columns; give a table with one"):
        samples(np.ones((2, 3)), labels=tmp_path / "two.npy")


# ------------------------------------------------------- read in the same way


def test_what_was_given_to_read_a_source_is_kept(tmp_path):
    (tmp_path / "table.csv").write_text("a,species,b\n1,cat,2\n3,dog,4\n5,cat,6\n")
    found = samples(tmp_path / "table.csv", labels={"animal": "species", "odd": [0, 1, 0]})
    assert found.reading == {"labels": {"animal": "species"}}, "a label column was forgotten, or an array remembered"
    for kept in (found.subset([0, 2]), found.to("cpu"), samples(found, labels={"more": [1, 2, 3]})):
        assert kept.reading == found.reading
    assert samples(pixels(5, 8, 8, 8), layout="channels-last").reading == {"layout": "channels-last"}
    assert samples(pixels(5, 8)).reading == {}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "frame"])
def test_a_table_is_read_alike_with_its_label_column_and_without(tmp_path, suffix):
    frame = require("pandas", "frames").DataFrame({"a": [1.0, 3.0], "y": [7, 8], "b": [2.0, 4.0]})

    def stored(table, name):
        if suffix == "frame":
            return table
        if suffix == "parquet":
            require("pyarrow", "data")
        path = tmp_path / f"{name}.{suffix}"
        table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
        return path

    first = samples(stored(frame, "first"), labels="y")
    same, bare = stored(frame, "same"), stored(frame.drop(columns="y"), "bare")
    again = samples_like(same, first.kind, first.shape, first.reading)
    assert again.inputs.tolist() == [[1, 2], [3, 4]] and again.labels["y"].tolist() == [0, 1], "read in another way"
    without = samples_like(bare, first.kind, first.shape, first.reading)
    assert without.inputs.tolist() == [[1, 2], [3, 4]] and without.labels == {}
    with pytest.raises(ValueError, match="split = 'test' needs a folder with parts"):
        samples_like(same, first.kind, first.shape, first.reading, split="test")


@given(st.permutations([3, 4, 8, 9]), st.sampled_from(["channels-first", "channels-last"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_images_are_read_in_the_layout_of_the_first(sides, layout, equal):
    sides = [8, 8, 8] if equal else sides[:3]
    first = samples(pixels(2, *sides), layout=layout)
    new = pixels(5, *sides)
    again = samples_like(new, "images", first.shape, first.reading)
    assert np.array_equal(again.inputs, samples(new, layout=layout).inputs), "the channels were looked for elsewhere"
    if not equal:  # the shape alone says which layout new images have
        turned = new.transpose(0, 3, 1, 2) if layout == "channels-last" else new.transpose(0, 2, 3, 1)
        found = samples_like(turned, "images", first.shape, first.reading)
        assert np.array_equal(found.inputs, again.inputs), (
            "images in the other layout were not recognised by their shape"
        )


# ----------------------------------------------------------------- files


def test_npy_is_memory_mapped_with_any_number_of_dimensions(tmp_path):
    images = pixels(6, 9, 8, 3)
    np.save(tmp_path / "images.npy", images)
    found = samples(tmp_path / "images.npy")
    assert isinstance(found.inputs, np.memmap), "the file was read into memory"
    assert np.array_equal(found.take([5, 0]).numpy(), images[[5, 0]].transpose(0, 3, 1, 2))
    np.savez(tmp_path / "images.npz", images=images)
    assert samples(tmp_path / "images.npz").shape == (3, 9, 8)


def test_files_of_python_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", X=np.array([{"a": 1}], dtype=object))
    torch.save(torch.zeros(3, 2), tmp_path / "tensor.pt")
    for name, message in ("objects.npy", "never loaded"), ("objects.npz", "never loaded"), ("tensor.pt", "suffix"):
        with pytest.raises(ValueError, match=message):
            samples(tmp_path / name)


def test_files_that_are_missing_or_of_several_arrays_are_named(tmp_path):
    for name in ("no.npy", "no.csv"):
        with pytest.raises(FileNotFoundError, match=f"{name} does not exist"):
            samples(tmp_path / name, labels="y")
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    with pytest.raises(ValueError, match="holds several arrays; pick one as"):
        samples(tmp_path / "two.npz")


# --------------------------------------------------------- take, to, subset


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    images = pixels(40, 3, 4, 5)
    path = tmp_path_factory.mktemp("stored") / "images.npy"
    np.save(path, images)
    mapped = samples(path, layout="channels-first")
    return images, {"memory-mapped": mapped, "array": samples(images), "tensor": mapped.to("cpu")}


@pytest.mark.parametrize("where", ["memory-mapped", "array", "tensor"])
@given(index=st.lists(st.integers(0, 39), max_size=60))
@settings(max_examples=25, deadline=None)
def test_take_keeps_order_repeats_and_dtype(stored, where, index):
    images, kept = stored
    for form in (np.array(index, dtype=np.int64), torch.tensor(index, dtype=torch.int64)):
        batch = kept[where].take(form, "cpu")
        assert batch.dtype == torch.uint8 and batch.is_contiguous()
        assert np.array_equal(batch.numpy(), images[np.array(index, dtype=np.int64)]), "another sample was taken"


def test_only_small_sets_are_copied_to_the_device(stored):
    _, kept = stored
    mapped = kept["memory-mapped"]
    assert isinstance(mapped.to("cpu").inputs, torch.Tensor)
    assert mapped.to("cpu", limit=mapped.nbytes).inputs is not mapped.inputs
    assert mapped.to("cpu", limit=mapped.nbytes - 1) is mapped, "a set over the limit was copied"


def test_bfloat16_is_read_as_float32():
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(samples(rows).take([2, 1]), rows[[2, 1]].float())


@pytest.mark.parametrize("dtype", ["int16", "float16", "float32", "float64"])
def test_integers_of_rows_become_floats_and_floats_stay(dtype):
    rows = np.arange(6).reshape(3, 2).astype(dtype)
    expected = torch.float32 if dtype == "int16" else getattr(torch, dtype)
    for kept in (samples(rows), samples(rows).to("cpu"), samples(torch.as_tensor(rows))):
        assert kept.take([2, 1]).dtype == expected and kept.take([2, 1]).tolist() == [[4, 5], [2, 3]]


@pytest.mark.parametrize("where", ["memory-mapped", "array", "tensor"])
@pytest.mark.parametrize("rows", [[7, 3, 3], list(range(10, 20)), [], np.arange(40) % 2 == 0])
def test_a_subset_has_its_rows_and_their_labels(stored, where, rows):
    images, kept = stored
    whole = samples(kept[where], labels=np.arange(40))
    part = whole.subset(rows)
    at = np.arange(40)[np.asarray(rows) if len(rows) else np.array([], dtype=int)]
    assert np.array_equal(np.asarray(part.inputs), images[at]) and part.labels["label"].tolist() == at.tolist()
    if where == "memory-mapped" and len(rows) == 10:
        assert isinstance(part.inputs, np.memmap), "a run of rows was read into memory"


def test_samples_check_what_they_hold():
    with pytest.raises(ValueError, match="images have 4 dimensions"):
        Samples(pixels(2, 3), "images")
    with pytest.raises(ValueError, match="give one per sample"):
        Samples(pixels(2, 3), "rows", {"y": np.zeros(3, dtype=np.int64)})
