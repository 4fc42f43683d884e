"""`samples`: one door for everything an encoder can be trained on."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eigenpairs._frames import from_frame, is_frame
from eigenpairs._validate import one_of
from eigenpairs.deep.data.binary import read_binary, recognised
from eigenpairs.deep.data.image_cache import Progress
from eigenpairs.deep.data.images import read_images
from eigenpairs.deep.data.labels import given_labels, label_columns
from eigenpairs.deep.data.layout import LAYOUTS, arranged
from eigenpairs.deep.data.samples import KINDS, Samples
from eigenpairs.tables import read_any, read_array, read_columns

SPLITS = ("train", "test", "unlabeled", "all")
Column = Callable[[str], np.ndarray | None]


def samples(
    source: Any,
    kind: str | None = None,
    labels: Any = None,
    size: int | None = None,
    cache: str | os.PathLike | None = None,
    *,
    split: str | None = None,
    layout: str | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Samples from arrays, tensors, DataFrames, files and folders. Nothing that is read can execute code.

    Parameters
    ----------
    source : one of

        - an array or tensor: rows (n, d); images (n, H, W), (n, H, W, C) or (n, C, H, W), uint8 or floats in [0, 1];
          series (n, T) or (n, C, T). A DataFrame of numeric columns.
        - a file: .npy (memory-mapped) or .npz (``file.npz:key`` picks one array) with any of these shapes, .csv or
          .parquet.
        - a folder: CIFAR-10, CIFAR-100 or STL-10 in binary format, or images, one sub-folder for each class.
    kind : ``"images"``, ``"rows"`` or ``"series"``. None: two dimensions are rows, four are images, three are grey
        images if uint8 and are refused otherwise. Series (n, T) need ``"series"``.
    labels : an array (n,), the name of a column of the table (which is then no input), the path of a table with one
        column, or a dict of several such label sets by name. Texts and whole numbers become codes in sorted
        order; missing ones are no label (-1).
    size : folders of images only: the shorter side becomes so many pixels and the middle square is kept; None where
        all have one size
    cache : folder for the decoded images of a folder; None: ``$XDG_CACHE_HOME/eigenpairs`` or ``~/.cache/eigenpairs``
    split : which part of a folder, ``"train"``, ``"test"``, ``"unlabeled"`` or ``"all"``; None: train where there
        are parts
    layout : ``"channels-first"`` or ``"channels-last"``; None: the axis 1 or 3 with at most 4 entries, refused if
        both or neither has
    progress : called as ``progress(done, total)`` while the images of a folder are decoded

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        If the source is damaged, ambiguous or not supported; one line that names the file or argument.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.deep.data import samples
    >>> images = np.zeros((6, 28, 28, 3), dtype=np.uint8)
    >>> data = samples(images, labels=["cat", "dog", "cat", "", "dog", "dog"])
    >>> data.kind, data.shape, data.labels["label"], data.label_names["label"]
    ('images', (3, 28, 28), array([ 0,  1,  0, -1,  1,  1]), ('cat', 'dog'))
    """
    if split is not None:
        one_of(split, "split", SPLITS)
    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    is_folder = path is not None and path.is_dir()
    if split not in (None, "all") and not is_folder:
        raise ValueError(f"split = {split!r} needs a folder with parts; arrays and files have none")
    column: Column = _no_column
    if isinstance(source, Samples) or is_folder:
        if layout is not None:
            one_of(layout, "layout", LAYOUTS)
            raise ValueError(
                f"layout = {layout!r} says where an array of images has its channels; in a folder and in Samples they "
                "are in place: leave it out"
            )
        found = source if path is None else _from_folder(path, split, size, cache, progress)
    else:
        X, column = from_table(source if path is None else str(path), labels)
        found = Samples(*arranged(X, kind, layout, "data" if path is None else f"data {path}"))
    if kind is not None and found.kind != one_of(kind, "kind", KINDS):
        raise ValueError(f"kind = {kind!r}, but {path or 'the data'} holds {found.kind}")
    if size is not None and (found.kind != "images" or found.shape[1:] != (size, size)):
        raise ValueError(
            f"size = {size} resizes folders of images only; these {found.kind} have the shape {found.shape}: leave "
            "size out"
        )
    how = {"size": size, "split": split} if is_folder else {"layout": layout}
    reading = found.reading | {key: value for key, value in how.items() if value is not None}
    return labelled(replace(found, reading=reading), labels, column)


def labelled(found: Samples, labels: Any, column: Column) -> Samples:
    """The samples with label sets more, and the columns that these are."""
    sets, columns = given_labels(labels, column), label_columns(labels, column)
    reading = found.reading
    if columns:
        reading = reading | {"labels": reading.get("labels", {}) | columns}
    return replace(
        found,
        labels=found.labels | {name: codes for name, (codes, _) in sets.items()},
        label_names=found.label_names | {name: names for name, (_, names) in sets.items()},
        reading=reading,
    )


def _from_folder(
    folder: Path, split: str | None, size: int | None, cache: str | os.PathLike | None, progress: Progress | None
) -> Samples:
    format_ = recognised(folder)
    if format_ is not None:
        return read_binary(folder, format_, "train" if split is None else split)
    return read_images(folder, split, size, cache, progress)


def from_table(source: Any, labels: Any) -> tuple[Any, Column]:
    """The inputs in an array or tensor, and where label columns of the same table are looked up."""
    given = labels.values() if isinstance(labels, Mapping) else [labels]
    wanted = {name for name in given if isinstance(name, str)}
    if isinstance(source, str):
        return _from_file(source, wanted)
    if is_frame(source):
        own = [name for name in source.columns if name in wanted]
        kept = source.drop(columns=own) if hasattr(source, "iloc") else source.drop(own)
        columns = {name: np.asarray(source[name]) for name in own}
        return from_frame(kept, "data"), columns.get
    if hasattr(source, "toarray"):
        raise TypeError("data is a sparse matrix; give data.toarray()")
    if not hasattr(source, "shape") or not hasattr(source, "dtype"):
        source = np.asarray(source)
        if source.ndim == 0:
            raise TypeError(f"data is a {type(source.item()).__name__}; give an array, a DataFrame, a file or a folder")
    return source, _no_column


def _from_file(path: str, wanted: set[str]) -> tuple[np.ndarray, Column]:
    if ".npz:" in path or path.lower().endswith((".npy", ".npz")):
        array = read_any(path, "data")
        return np.asarray(array) if not isinstance(array, np.memmap) else array, _array_of(path)
    if not Path(path).exists():
        raise FileNotFoundError(f"data {path} does not exist")
    names = _header(path) if wanted else []
    own = [k for k, name in enumerate(names) if name in wanted]
    if not own:
        return read_array(path, "data"), _no_column
    columns = read_columns(path, "data")
    texts = [names[k] for k, values in enumerate(columns) if k not in own and values.dtype.kind not in "fiub"]
    if texts:
        raise ValueError(f"data {path}: the columns {', '.join(map(repr, texts))} hold no numbers; leave them out")
    kept = [values for k, values in enumerate(columns) if k not in own]
    if not kept:
        raise ValueError(f"data {path} has no column besides the labels")
    return np.column_stack(kept), {names[k]: columns[k] for k in own}.get


def column_names(source: Any) -> list[str]:
    """What label columns may be called in a table: columns of a DataFrame or file, arrays of an .npz."""
    if is_frame(source):
        return [str(name) for name in source.columns]
    file = str(source).rsplit(":", 1)[0] if ".npz:" in str(source) else str(source)
    if not isinstance(source, (str, os.PathLike)) or not Path(file).is_file():
        return []
    if file.lower().endswith(".npz"):
        with np.load(file, allow_pickle=False) as archive:
            return list(archive.files)
    return _header(file) if file.lower().endswith((".csv", ".parquet")) else []


def _header(path: str) -> list[str]:
    """Names of the columns of a .csv or .parquet file."""
    if path.lower().endswith(".parquet"):
        from eigenpairs.tables import need_pyarrow

        return list(need_pyarrow(path).parquet.read_schema(path).names)
    with open(path, newline="", encoding="utf-8-sig") as handle:
        return [cell.strip() for cell in next(csv.reader(handle), [])]


def _array_of(path: str) -> Column:
    """Label columns of an .npz are its arrays."""
    file = path.rsplit(":", 1)[0] if ".npz:" in path else path
    if not file.lower().endswith(".npz"):
        return _no_column

    def column(name: str) -> np.ndarray | None:
        with np.load(file, allow_pickle=False) as archive:
            return archive[name] if name in archive.files else None

    return column


def _no_column(name: str) -> None:
    return None
