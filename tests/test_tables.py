"""Tables in and out: the same numbers in every format, errors that name the place."""

import os

import numpy as np
import pytest
from support import require

from eigenpairs._validate import group_ids
from eigenpairs.tables import read_array, read_columns, write_array

Z = np.random.default_rng(0).standard_normal((6, 3))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".parquet"])
def test_round_trip(tmp_path, suffix):
    if suffix == ".parquet":
        require("pyarrow", "data")
    path = tmp_path / f"Z{suffix}"
    write_array(path, Z)
    np.testing.assert_allclose(read_array(path), Z, rtol=1e-8)
    with pytest.raises(FileExistsError):
        write_array(path, Z)
    write_array(path, Z[:2], overwrite=True)
    assert read_array(path).shape == (2, 3)
    assert os.listdir(tmp_path) == [path.name], "temporary files were left behind"


def test_npy_is_memory_mapped(tmp_path):
    np.save(tmp_path / "Z.npy", Z)
    assert isinstance(read_array(tmp_path / "Z.npy"), np.memmap)


def test_a_blank_line_is_a_row_without_label(tmp_path):
    for text, expected in (
        ("label\n3\n\n10\n", ["3", "", "10"]),
        ("cat\n\n\ndog\n\n", ["cat", "", "", "dog", ""]),
        ("\n7\n-1\n", ["", "7", "-1"]),
        ('label\n"a, b"\n""\n\n', ["a, b", "", ""]),
        ("0.5\n\n2\n", [0.5, np.nan, 2]),
    ):
        (tmp_path / "y.csv").write_text(text)
        (column,) = read_columns(tmp_path / "y.csv", "LABELS")
        np.testing.assert_array_equal(column, expected, err_msg=f"{text!r} lost a row")
    assert group_ids(np.array(["", "7", "-1", "7"]), "labels").tolist() == [-1, 0, -1, 0]


def test_csv_with_and_without_header(tmp_path):
    for text in ("1,2\n3,4\n", "a,b\n1,2\n3,4\n", "\ufeffa,b\n1,2\n3,4\n", "1,2\r\n3,4\r\n"):
        (tmp_path / "x.csv").write_text(text, encoding="utf-8")
        np.testing.assert_array_equal(read_array(tmp_path / "x.csv"), [[1, 2], [3, 4]])


def test_text_columns(tmp_path):
    (tmp_path / "y.csv").write_text("label\ncat\ndog\n")
    (column,) = read_columns(tmp_path / "y.csv", "LABELS")
    assert column.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "1,2\n3,x\n", "row 1, column 1 .* is 'x'"),
        ("x.csv", "1,2\n3\n", "line 2 has 1 cells, line 1 has 2"),
        ("x.csv", "", "is empty"),
        ("x.txt", "1 2", "suffix '.txt' is none of"),
        ("x.npy", "not numpy", "no .npy file"),
        ("x.csv", "1;2\n3;4\n", "separated by ';'; save it with commas"),
        ("x.npz", "not a zip", "x.npz"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_array(tmp_path / name)


def test_python_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="never loaded"):
        read_array(tmp_path / "x.npy")


def test_npz_with_several_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", a=Z, b=Z[:2])
    with pytest.raises(ValueError, match=r"several arrays; pick one as .*NAME one of a, b"):
        read_array(tmp_path / "x.npz")
    assert read_array(f"{tmp_path}/x.npz:b").shape == (2, 3)
    with pytest.raises(ValueError, match="no array 'c'"):
        read_array(f"{tmp_path}/x.npz:c")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.npy does not exist"):
        read_array(tmp_path / "x.npy")


def test_three_dimensions(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\)"):
        read_array(tmp_path / "x.npy")
