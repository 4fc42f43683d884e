"""CIFAR-10, CIFAR-100 and STL-10 in the binary formats their makers publish.

The Python versions of CIFAR are pickles, which can run code when they are read; they are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eigenpairs.deep.data.labels import LabelSet, named_codes
from eigenpairs.deep.data.samples import Samples

CIFAR10_TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
PIXELS = 3 * 32 * 32


def recognised(folder: Path) -> str | None:
    """``"cifar10"``, ``"cifar100"`` or ``"stl10"`` by the files in `folder`, None for another folder.

    Raises
    ------
    ValueError
        If it is the Python version of CIFAR.
    """
    has = {entry.name for entry in folder.iterdir() if entry.is_file()}
    if has & {*CIFAR10_TRAIN, "test_batch.bin"}:
        return "cifar10"
    if has & {"train_X.bin", "test_X.bin", "unlabeled_X.bin"}:
        return "stl10"
    if has & {"train.bin", "test.bin"}:
        return "cifar100"
    for number, files in ("10", {"data_batch_1", "test_batch", "batches.meta"}), ("100", {"train", "test", "meta"}):
        if has & files:
            raise ValueError(
                f"{folder} holds the Python version of CIFAR-{number}: pickles, which can run code when read; give "
                f"the folder of the binary version (cifar-{number}-binary.tar.gz)"
            )
    return None


def read_binary(folder: Path, format_: str, split: str) -> Samples:
    """The samples of `split` in a folder of the given format."""
    return {"cifar10": _cifar10, "cifar100": _cifar100, "stl10": _stl10}[format_](folder, split)


def _cifar10(folder: Path, split: str) -> Samples:
    train = [name for name in CIFAR10_TRAIN if (folder / name).is_file()]
    files = _files_of(folder, {"train": train, "test": ["test_batch.bin"]}, split)
    records = np.concatenate([_records(file, 1, (10,)) for file in files])
    names = _lines(folder / "batches.meta.txt")
    return _cifar(records, {"label": named_codes(records[:, 0], names, 10)})


def _cifar100(folder: Path, split: str) -> Samples:
    files = _files_of(folder, {"train": ["train.bin"], "test": ["test.bin"]}, split)
    records = np.concatenate([_records(file, 2, (20, 100)) for file in files])
    fine = named_codes(records[:, 1], _lines(folder / "fine_label_names.txt"), 100)
    coarse = named_codes(records[:, 0], _lines(folder / "coarse_label_names.txt"), 20)
    return _cifar(records, {"fine": fine, "coarse": coarse})


def _cifar(records: np.ndarray, sets: dict[str, LabelSet]) -> Samples:
    images = np.ascontiguousarray(records[:, -PIXELS:]).reshape(-1, 3, 32, 32)
    labels = {name: codes for name, (codes, _) in sets.items()}
    return Samples(images, "images", labels, {name: names for name, (_, names) in sets.items()})


def _records(file: Path, n_labels: int, n_classes: Sequence[int]) -> np.ndarray:
    """(n, n_labels + 3072) bytes: the labels of an image, then its red, green and blue rows."""
    width = n_labels + PIXELS
    content = np.fromfile(file, dtype=np.uint8)
    if len(content) == 0 or len(content) % width:
        raise ValueError(f"{file} has {len(content)} bytes, no multiple of {width}: it is truncated or another format")
    records = content.reshape(-1, width)
    for column, limit in enumerate(n_classes):
        if records[:, column].max() >= limit:
            raise ValueError(f"{file} holds the label {records[:, column].max()}, not 0 to {limit - 1}: another format")
    return records


def _stl10(folder: Path, split: str) -> Samples:
    parts = {part: [f"{part}_X.bin"] for part in ("train", "test", "unlabeled")}
    files = _files_of(folder, parts, split)
    images = [_stl10_images(file) for file in files]
    codes = [_stl10_labels(file, len(own)) for file, own in zip(files, images)]
    inputs = images[0] if len(images) == 1 else np.concatenate(images)
    labels, names = named_codes(np.concatenate(codes), _lines(folder / "class_names.txt"), 10)
    if (labels < 0).all():
        return Samples(inputs, "images")
    return Samples(inputs, "images", {"label": labels}, {"label": names})


def _stl10_images(file: Path) -> np.ndarray:
    """(n, 3, 96, 96), memory-mapped: in the file every channel is stored column after column."""
    width, size = 3 * 96 * 96, file.stat().st_size
    if size == 0 or size % width:
        raise ValueError(f"{file} has {size} bytes, no multiple of {width}: it is truncated or another format")
    return np.memmap(file, dtype=np.uint8, mode="r", shape=(size // width, 3, 96, 96)).transpose(0, 1, 3, 2)


def _stl10_labels(file: Path, n: int) -> np.ndarray:
    """Codes 0 to 9 from the numbers 1 to 10 in the file; -1 for the unlabeled part."""
    labels = file.with_name(file.name.replace("_X.bin", "_y.bin"))
    if file.name == "unlabeled_X.bin" or not labels.is_file():
        return np.full(n, -1, dtype=np.int64)
    codes = np.fromfile(labels, dtype=np.uint8).astype(np.int64)
    if len(codes) != n:
        raise ValueError(f"{labels} has {len(codes)} labels, {file.name} has {n} images: one of them is truncated")
    if codes.min() < 1 or codes.max() > 10:
        raise ValueError(f"{labels} holds the labels {codes.min()} to {codes.max()}, not 1 to 10: another format")
    return codes - 1


def _files_of(folder: Path, parts: dict[str, list[str]], split: str) -> list[Path]:
    """The files of one split, or of every part that is there (``"all"``)."""
    there = {part: [folder / name for name in names if (folder / name).is_file()] for part, names in parts.items()}
    there = {part: files for part, files in there.items() if files}
    if split == "all":
        return [file for files in there.values() for file in files]
    if split not in there:
        choice = ", ".join(map(repr, [*there, "all"]))
        raise ValueError(f"split = {split!r} is not in {folder}; choose from {choice}")
    return there[split]


def _lines(file: Path) -> list[str] | None:
    """Names of classes, one a line, if the file is there."""
    if not file.is_file():
        return None
    return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
