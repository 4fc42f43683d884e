"""Pairs in files mean what the same arrays mean."""

import numpy as np
import pytest
from support import require

from eigenpairs import Relation
from eigenpairs.relation.read import read_pairs


def same(a: Relation, b: Relation) -> bool:
    return np.allclose(a.to_sparse().toarray(), b.to_sparse().toarray())


def test_one_column_is_groups(tmp_path):
    ids = np.array([0, 1, 0, 1, -1])
    np.save(tmp_path / "g.npy", ids)
    (tmp_path / "g.csv").write_text("group\n0\n1\n0\n1\n-1\n")
    (tmp_path / "text.csv").write_text("group\nbeach\ncity\nbeach\ncity\n\n".replace("\n\n", '\n""\n'))
    for name in ("g.npy", "g.csv", "text.csv"):
        assert same(read_pairs(tmp_path / name, 5), Relation.from_groups(ids)), name


def test_two_columns_are_row_numbers_and_three_add_a_weight(tmp_path):
    (tmp_path / "p.csv").write_text("0,1\n2,3\n")
    (tmp_path / "w.csv").write_text("left,right,weight\n0,1,0.5\n2,3,2\n")
    np.savez(tmp_path / "p.npz", pairs=[[0, 1], [2, 3]], other=[1])
    assert same(read_pairs(tmp_path / "p.csv", 4), Relation.from_edges([0, 2], [1, 3]))
    assert same(read_pairs(tmp_path / "w.csv", 4), Relation.from_edges([0, 2], [1, 3], [0.5, 2]))
    assert same(read_pairs(f"{tmp_path}/p.npz:pairs", 4), Relation.from_edges([0, 2], [1, 3]))


def test_a_saved_index_beside_the_groups_is_noticed(tmp_path):
    (tmp_path / "p.csv").write_text(",group\n0,3\n1,2\n2,3\n3,2\n")
    with pytest.warns(UserWarning, match="the first column counts the rows"):
        read_pairs(tmp_path / "p.csv", 4)


def test_parquet(tmp_path):
    pyarrow = require("pyarrow", "data")
    parquet = require("pyarrow.parquet", "data")
    parquet.write_table(pyarrow.table({"i": [0, 2], "j": [1, 3]}), tmp_path / "p.parquet")
    parquet.write_table(pyarrow.table({"group": ["a", "b", "a", "b"]}), tmp_path / "g.parquet")
    assert same(read_pairs(tmp_path / "p.parquet", 4), Relation.from_edges([0, 2], [1, 3]))
    assert same(read_pairs(tmp_path / "g.parquet", 4), Relation.from_groups([0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1\n2,9\n", r"j\[1\] = 9 is out of range"),
        ("0,1,1,1\n", "4 columns"),
        ("0\n0\n", "2 entries for 4 rows"),
        ("photo\na\nb\na\nb\n", "is its first line a header"),
        ("0,1\n2\n", "line 2 has 1 cells"),
        ("a,b\nc,d\n", "i has dtype"),
        ("", "is empty"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_pairs(tmp_path / "p.csv", 4)
