"""Image files decoded once, into a memory-mapped array of one size that later runs open at once."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from eigenpairs._validate import whole_number
from eigenpairs.files import replacing_file

Progress = Callable[[int, int], None]
"""Called as ``progress(images done, images in all)``."""

VERSION, TOGETHER = 1, 512
GREY, DEEP = ("1", "L", "LA"), ("I", "F")
"""Modes of Pillow with one channel of 8 bits or less, and what those of more than 8 bits begin with."""

ORIENTATION = 0x0112
"""Tag of EXIF; from 5 on, width and height change places."""


def cached_images(
    files: Sequence[Path],
    root: Path,
    size: int | None,
    cache: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """The images as one memory-mapped array (n, C, H, W) uint8, C = 1 if all are grey and otherwise 3.

    The shorter side becomes `size` pixels and the middle square is kept; with None all must have one size already.
    The array is a file in the folder `cache` (None: the user's cache folder), named after a checksum of the files'
    names, sizes and times and of `size`, and is there completely or not at all.

    Raises
    ------
    ValueError
        If a file is damaged or has more than 8 bits a channel, or sizes differ and `size` is None.
    ModuleNotFoundError
        If Pillow is not installed.
    """
    size = None if size is None else whole_number(size, "size", 1)
    folder = cache_folder() if cache is None else Path(cache)
    target = folder / f"images-{_checksum(files, root, size)}.npy"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with replacing_file(target, overwrite=True) as temporary:  # another process may have been faster
            _decode(files, size, temporary, progress)
    return np.load(target, mmap_mode="r", allow_pickle=False)


def cache_folder() -> Path:
    """Where decoded images are kept: ``$XDG_CACHE_HOME/eigenpairs``, by default ``~/.cache/eigenpairs``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "eigenpairs"


def _checksum(files: Sequence[Path], root: Path, size: int | None) -> str:
    digest = hashlib.sha256(f"{VERSION} {size} {root.resolve()}".encode())
    for file in files:
        facts = file.stat()
        digest.update(f"\0{file.relative_to(root).as_posix()}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _decode(files: Sequence[Path], size: int | None, target: Path, progress: Progress | None) -> None:
    _pillow(files[0])
    with ThreadPoolExecutor(_threads()) as pool:  # Pillow decodes outside Python's lock
        facts = [fact for part in _parts(files) for fact in pool.map(_mode_and_size, part)]
        channels = 1 if all(mode in GREY for mode, _ in facts) else 3
        width, height = (size, size) if size else _common_size([own for _, own in facts], files)
        out = np.lib.format.open_memmap(target, "w+", np.uint8, (len(files), channels, height, width))
        done = 0
        for part in _parts(files):
            for image in pool.map(lambda file: _pixels(file, size, channels), part):
                out[done] = image
                done += 1
            if progress is not None:
                progress(done, len(files))
        out.flush()


def _common_size(sizes: Sequence[tuple[int, int]], files: Sequence[Path]) -> tuple[int, int]:
    counted = Counter(sizes)
    if len(counted) > 1:
        usual = counted.most_common(1)[0][0]
        other = next(k for k, own in enumerate(sizes) if own != usual)
        raise ValueError(
            f"the images differ in size ({files[other]}: {sizes[other][0]}x{sizes[other][1]}, most: "
            f"{usual[0]}x{usual[1]}); give size, the pixels of the square they are cut to "
            "(ep.deep.samples(folder, size=...), in a configuration [data] size)"
        )
    return sizes[0]


def _mode_and_size(file: Path) -> tuple[str, tuple[int, int]]:
    """Mode and (width, height) of an upright image, from the head of the file."""
    with _reading(file) as image:
        if image.mode.startswith(DEEP):
            raise ValueError(f"more than 8 bits a channel, mode {image.mode}; convert it to 8 bits")
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return image.mode, image.size[::-1] if turned else image.size


def _pixels(file: Path, size: int | None, channels: int) -> np.ndarray:
    """(C, H, W) uint8 of one file."""
    from PIL import Image, ImageOps

    with _reading(file) as image:
        if size:
            image.draft(None, (2 * size, 2 * size))  # JPEG: decoded at a fraction of its size, still twice ours
        upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    if size:
        upright = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(upright).reshape(upright.height, upright.width, channels).transpose(2, 0, 1)


@contextmanager
def _reading(file: Path) -> Iterator[Any]:
    """The opened image; whatever goes wrong with it becomes one line that names the file."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            yield image
    except Exception as error:  # damage raises whatever the decoder of that format meets
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"image {file} cannot be read ({reason})") from None


def _parts(files: Sequence[Path]) -> list[Sequence[Path]]:
    return [files[start : start + TOGETHER] for start in range(0, len(files), TOGETHER)]


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pillow(file: Path) -> None:
    try:
        import PIL  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{file}: images need Pillow; install it with: pip install 'eigenpairs[vision]' (or pip install pillow)"
        ) from None
