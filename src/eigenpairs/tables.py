"""Tables on disk: .npy, .npz, .csv and .parquet in, the same out. Nothing read here can execute code."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from eigenpairs.files import replacing_file

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")

HEADERS = ("id", "group", "groups", "label", "labels", "class", "source")
"""First cells that are names of a column, though all below are texts too."""


def read_array(path: str | os.PathLike, name: str = "DATA") -> np.ndarray:
    """A two-dimensional numeric array; .npy is memory-mapped, so it may be larger than memory.

    Parameters
    ----------
    path : file with one of the known suffixes
        ``file.npz:key`` picks one array of several; .csv may have a header line.
    name : what the caller calls it, for messages

    Raises
    ------
    ValueError
        If the file is damaged, not numeric, or not a table; the message names the file and the place.
    """
    columns = read_any(path, name)
    array = columns if isinstance(columns, np.ndarray) else _numeric_columns(columns, path, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name} {path} has shape {array.shape}; give one row per sample, one column per feature")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} {path} has dtype {array.dtype}; give real numbers")
    if array.shape[0] == 0:
        raise ValueError(f"{name} {path} has no rows")
    return array


def read_columns(path: str | os.PathLike, name: str) -> list[np.ndarray]:
    """The columns of a small table, each numeric or text: labels, group ids, pairs."""
    columns = read_any(path, name)
    if isinstance(columns, list):
        return columns
    if columns.ndim > 2:
        raise ValueError(f"{name} {path} has shape {columns.shape}; give a table of columns")
    return [columns] if columns.ndim == 1 else list(columns.T)


def write_array(
    path: str | os.PathLike, Z: np.ndarray, overwrite: bool = False, names: list[str] | None = None
) -> None:
    """Write Z (n, K) in the format of the suffix, complete or not at all.

    `names` are those of the columns where the format has them: z0, z1, ... by default.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    ValueError
        If the suffix is unknown.
    """
    suffix = known_suffix(path, "output")
    names = [f"z{k}" for k in range(Z.shape[1])] if names is None else names
    with replacing_file(path, overwrite) as temporary:
        if suffix == ".npy":
            np.save(temporary, Z)
        elif suffix == ".npz":
            np.savez(temporary, Z=Z)
        elif suffix == ".csv":
            np.savetxt(temporary, Z, delimiter=",", header=",".join(names), comments="", fmt="%.9g")
        else:
            parquet = need_pyarrow(path)
            table = parquet.table({name: np.ascontiguousarray(Z[:, k]) for k, name in enumerate(names)})
            parquet.parquet.write_table(table, temporary)


def known_suffix(path: str | os.PathLike, name: str) -> str:
    """The suffix of `path` if it is one we read and write."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{name} {path}: suffix {suffix!r} is none of {' '.join(SUFFIXES)}")
    return suffix


def read_any(path: str | os.PathLike, name: str) -> np.ndarray | list[np.ndarray]:
    """An array of any shape, or the columns of a table that is not all numbers."""
    text, key = os.fspath(path), None
    if ".npz:" in text:
        text, key = text.rsplit(":", 1)
    suffix = known_suffix(text, name)
    if not Path(text).is_file():
        raise FileNotFoundError(f"{name} {text} does not exist")
    try:
        if suffix == ".npy":
            if not _is_npy(text):
                raise ValueError("it is no .npy file: damaged, or another format with that suffix")
            return np.load(text, mmap_mode="r", allow_pickle=False)
        if suffix == ".npz":
            return _one_of_npz(text, key, name)
        if suffix == ".csv":
            return _csv_columns(text, name)
        return _parquet_columns(text)
    except ModuleNotFoundError:  # an extra that is missing is no damage of the file
        raise
    except (ValueError, OSError, EOFError) as error:
        message = str(error)
        if "pickle" in message or "Python objects" in message:
            message = "it holds Python objects, which are never loaded; save plain numbers"
        raise ValueError(message if text in message else f"{name} {text}: {message}") from None
    except Exception as error:  # zip and parquet readers raise kinds of their own for damaged files
        raise ValueError(f"{name} {text} cannot be read ({type(error).__name__}: {error})") from None


def _is_npy(path: str) -> bool:
    with open(path, "rb") as handle:
        return handle.read(6) == b"\x93NUMPY"


def _one_of_npz(path: str, key: str | None, name: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        names = list(archive.files)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            given = "holds several arrays" if key is None else f"has no array {key!r}"
            raise ValueError(f"{name} {path} {given}; pick one as {path}:NAME, NAME one of {', '.join(names)}")
        return archive[key]


def _csv_columns(path: str, name: str) -> np.ndarray | list[np.ndarray]:
    """Columns of a .csv: numbers by numpy's fast reader, anything else by Python's.

    In a single column a blank line is an empty cell: a row without a label or a group.
    """
    with open(path, newline="", encoding="utf-8-sig") as handle:
        first = next((row for row in csv.reader(handle) if row), None)
        handle.seek(0)
        single = first is not None and len(first) == 1
        gaps = single and any(not line.strip() for line in handle)
    if first is None:
        raise ValueError(f"{name} {path} is empty")
    if len(first) == 1 and ";" in first[0]:
        raise ValueError(f"{name} {path}: cells are separated by ';'; save it with commas")
    header = int(not all(_is_number(cell) for cell in first))
    try:
        if not gaps:
            return np.loadtxt(path, delimiter=",", skiprows=header, ndmin=2, comments=None, encoding="utf-8-sig")
    except ValueError:
        pass
    with open(path, newline="", encoding="utf-8-sig") as handle:
        lines = [row or [""] for row in csv.reader(handle) if row or single]
    for number, row in enumerate(lines, start=1):
        if len(row) != len(lines[0]):
            raise ValueError(f"{name} {path}: line {number} has {len(row)} cells, line 1 has {len(lines[0])}")
    texts = [np.array(column) for column in zip(*lines, strict=True)]
    header = int(_begins_with_names(texts))
    return [_numbers(column[header:]) for column in texts]


def _begins_with_names(columns: list[np.ndarray]) -> bool:
    """Whether the first line of a table of texts is a header: the lines below are of another kind, or it says so."""
    for column in columns:
        below = [cell for cell in column[1:] if cell]
        if column[0] and not _is_number(column[0]) and below and all(map(_is_number, below)):
            return True
    return columns[0][0].strip().lower() in HEADERS


def _numbers(cells: np.ndarray) -> np.ndarray:
    """Texts (n,) as floats where all are numbers; whole ones beside empty cells are ids and stay texts."""
    given = cells[cells != ""]
    if not len(given) or not all(map(_is_number, given)):
        return cells
    values = np.where(cells == "", "nan", cells).astype(np.float64)
    return cells if len(given) < len(cells) and (values[cells != ""] % 1 == 0).all() else values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet_columns(path: str) -> list[np.ndarray]:
    table = need_pyarrow(path).parquet.read_table(path)
    return [table.column(k).to_numpy(zero_copy_only=False) for k in range(table.num_columns)]


def need_pyarrow(path: str | os.PathLike) -> Any:
    """pyarrow, or a sentence how to install it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{path}: .parquet needs pyarrow; install it with: pip install 'eigenpairs[data]' (or pip install pyarrow)"
        ) from None
    return pyarrow


def _numeric_columns(columns: list[np.ndarray], path: str | os.PathLike, name: str) -> np.ndarray:
    for k, column in enumerate(columns):
        if column.dtype.kind not in "fiub":
            rows = [row for row, cell in enumerate(column) if not _is_number(str(cell))]
            row = rows[0] if rows else 0
            raise ValueError(
                f"{name} {path}: row {row}, column {k} (counted from zero, header aside) is "
                f"{str(column[row])!r}, not a number"
            )
    return np.column_stack(columns)
