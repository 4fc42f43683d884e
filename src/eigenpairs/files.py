"""Files that are never half written: everything goes to a temporary name beside the target and is renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing_file(target: str | os.PathLike, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path with the target's suffix; on success it becomes the target, on an error nothing remains.

    Raises
    ------
    FileExistsError
        If the target exists and `overwrite` is False.
    """
    target = Path(target)
    check_target(target, overwrite)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: str | os.PathLike, overwrite: bool, only: set[str]) -> Iterator[Path]:
    """A temporary folder that becomes the target. An existing one is replaced only if it holds nothing but `only`."""
    target = Path(target)
    check_folder(target, overwrite, only)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        if target.exists():  # a folder cannot be replaced in one step: the old one waits until the new one stands
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, aside / "old")
            os.replace(temporary, target)
            shutil.rmtree(aside)
        else:
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_folder(target: str | os.PathLike, overwrite: bool, only: set[str]) -> None:
    """`check_target` for a folder, which may hold nothing but the files `only`."""
    target = Path(target)
    check_target(target, overwrite)
    if not target.exists():
        return
    strangers = {entry.name for entry in target.iterdir()} - only if target.is_dir() else {target.name}
    if strangers:
        first = sorted(strangers)[0]
        raise FileExistsError(f"{target} holds {first!r}, which is no part of a model; choose another folder")


def check_target(target: str | os.PathLike, overwrite: bool) -> None:
    """Raise FileExistsError or FileNotFoundError now if writing to `target` would fail later."""
    target = Path(target)
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{target} exists; choose another name, or overwrite it (overwrite=True, on the command line --force)"
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is not a folder; create it first")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
