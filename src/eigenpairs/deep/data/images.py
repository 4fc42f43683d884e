"""Folders of images: which files, their classes, and the parts for training and testing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eigenpairs.deep.data.image_cache import Progress, cached_images
from eigenpairs.deep.data.samples import Samples

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
PARTS = {
    "train": ("train", "training"),
    "test": ("test", "val", "valid", "validation"),
    "unlabeled": ("unlabeled", "unlabelled"),
}


def read_images(
    folder: Path,
    split: str | None = None,
    size: int | None = None,
    cache: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> Samples:
    """The images of a folder, in the order of their names, with one class for each sub-folder.

    A folder whose sub-folders are called train, test (or val), unlabeled has parts: `split` picks one (None:
    train), ``"all"`` takes all. Classes are the sub-folders of a part; images beside them have no label.

    Raises
    ------
    ValueError
        If there is no image, no such part, or an image that cannot be read; the message names the file.
    """
    roots = _roots(folder, split)
    files = [(root, file) for root in roots for file in _image_files(root)]
    if not files:
        raise ValueError(f"{folder} holds no images ({' '.join(SUFFIXES)}) and no CIFAR or STL-10 in binary format")
    inputs = cached_images([file for _, file in files], folder, size, cache, progress)
    classes = [_class(root, file) for root, file in files]
    names = sorted({name for name in classes if name is not None})
    if not names:
        return Samples(inputs, "images")
    labels = np.array([-1 if name is None else names.index(name) for name in classes], dtype=np.int64)
    return Samples(inputs, "images", {"label": labels}, {"label": tuple(names)})


def _roots(folder: Path, split: str | None) -> list[Path]:
    """The folders that hold the classes: the parts of `split`, or the folder itself where it has no parts."""
    below = parts_of(folder)
    if not below:
        if split not in (None, "all"):
            raise ValueError(f"split = {split!r}: {folder} has no parts; they are sub-folders called train, test, ...")
        return [folder]
    if split == "all":
        return list(below.values())
    split = "train" if split is None else split
    found = [below[name] for name in PARTS[split] if name in below]
    if not found:
        choice = ", ".join(repr(part) for part, names in PARTS.items() if set(names) & set(below))
        raise ValueError(f"split = {split!r} is not in {folder}; choose from {choice}, 'all'")
    return found[:1]


def parts_of(folder: Path) -> dict[str, Path]:
    """The sub-folders by name in lower case, if there are any and all of them are called as parts are."""
    below = {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_dir() and _visible(entry)}
    known = {name for names in PARTS.values() for name in names}
    return {} if set(below) - known else below


def _image_files(root: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES]
    return sorted(file for file in found if _visible(file))


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _class(root: Path, file: Path) -> str | None:
    """The first folder below `root` on the way to `file`."""
    way = file.relative_to(root).parts
    return way[0] if len(way) > 1 else None
