"""New data, read as those were that a run was trained on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eigenpairs.deep.data.binary import recognised
from eigenpairs.deep.data.images import parts_of
from eigenpairs.deep.data.layout import LAYOUTS, arranged
from eigenpairs.deep.data.read import column_names, from_table, labelled, samples
from eigenpairs.deep.data.samples import Samples


def samples_like(
    source: Any, kind: str, shape: Sequence[int], reading: dict[str, Any], split: str | None = None
) -> Samples:
    """`source` as `samples` takes it, in the layout and size of other samples, without the columns of their labels.

    Parameters
    ----------
    source : whatever `samples` takes
    kind, shape, reading : of the other samples
        Label columns that are there become label sets again; a table without them will do.
    split : str, optional
        Part of a folder; the other samples' part where the folder has parts.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        As `samples`.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenpairs.deep.data import samples
    >>> from eigenpairs.deep.data.like import samples_like
    >>> first = samples(np.zeros((9, 8, 6, 8), dtype=np.uint8), layout="channels-last")
    >>> samples_like(np.ones((2, 8, 6, 8), dtype=np.uint8), first.kind, first.shape, first.reading).shape
    (8, 8, 6)
    """
    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    if path is not None and path.is_dir():
        binary = recognised(path) is not None
        split = reading.get("split") if split is None and (binary or parts_of(path)) else split
        return samples(path, kind, size=None if binary else reading.get("size"), split=split)
    if isinstance(source, Samples) or split is not None:
        return samples(source, kind, split=split)
    there = column_names(source)
    labels = {name: column for name, column in reading.get("labels", {}).items() if column in there}
    X, column = from_table(source if path is None else str(path), labels)
    layout = _layout(tuple(X.shape), tuple(shape), reading.get("layout")) if kind == "images" else None
    return labelled(Samples(*arranged(X, kind, layout, "data" if path is None else f"data {path}")), labels, column)


def _layout(given: tuple[int, ...], wanted: tuple[int, ...], known: str | None) -> str | None:
    """The layout in which images of the shape `given` have the wanted one; if both or neither do, the one known."""
    if len(given) != 4:
        return None
    arranged_shapes = given[1:], (given[3], *given[1:3])
    fitting = [layout for layout, shape in zip(LAYOUTS, arranged_shapes, strict=True) if shape == wanted]
    return fitting[0] if len(fitting) == 1 else known
