"""The log of a run: one JSON object a line, and TensorBoard beside it where wanted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from eigenpairs._json import plain
from eigenpairs.files import replacing_file

LOG = "log.jsonl"
BOARD = "tensorboard"


class Logs:
    """Append records to ``log.jsonl`` in a folder, each written out at once.

    Parameters
    ----------
    folder : path
        An existing folder.
    tensorboard : bool, default False
        Also write the numbers of each record for TensorBoard, in the folder ``tensorboard`` (extra ``tb``).
    resume_step : int, optional
        Go on with the log of an interrupted run whose checkpoint is of this step: records of later steps are taken
        out, for they will come again. Without it the folder must hold no log yet.

    Raises
    ------
    FileExistsError
        If there is a log and `resume_step` is not given.
    ModuleNotFoundError
        If TensorBoard is wanted and not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Logs(folder) as logs:
    ...         logs.write({"step": 1, "loss": 0.5})
    ...         logs.write({"step": 2, "loss": float("nan")})
    ...     with Logs(folder, resume_step=1) as logs:
    ...         logs.write({"step": 2, "loss": 0.25})
    ...     read_log(folder)
    [{'step': 1, 'loss': 0.5}, {'step': 2, 'loss': 0.25}]
    """

    def __init__(self, folder: str | os.PathLike, tensorboard: bool = False, resume_step: int | None = None) -> None:
        path = Path(folder) / LOG
        if path.exists():
            if resume_step is None:
                raise FileExistsError(f"{path} exists: that run has begun; resume it, or choose another folder")
            _take_out_later(path, resume_step)
        self._board = _summary_writer(Path(folder), resume_step) if tensorboard else None
        self._file = path.open("a", encoding="utf-8")

    def write(self, record: dict[str, Any]) -> None:
        """Append one record.

        Parameters
        ----------
        record : dict
            With the key ``step``, a whole number that never falls. Values are numbers (arrays and tensors of one
            entry too; NaN and infinities are written as null), texts, None, or lists and dicts of them.
        """
        line = json.dumps(plain(record), default=lambda tensor: plain(tensor.tolist()), allow_nan=False)
        self._file.write(line + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in _numbers(json.loads(line)):
                self._board.add_scalar(name, value, record["step"])
            self._board.flush()

    def close(self) -> None:
        """Close the files; writing is over."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_log(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The records of a log, given its file or its folder.

    A last line that was cut off while it was written is left out.

    Raises
    ------
    FileNotFoundError
        If there is no log.
    ValueError
        If a complete line is no JSON object; the message has its number.
    """
    file = Path(path) / LOG if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist; give the folder of a run or its {LOG}")
    return [record for _, record in _lines(file)]


def _lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The complete lines, as text and as records."""
    with file.open(encoding="utf-8", newline="\n", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith("\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise ValueError(f"{file}, line {number}: {line[:40].rstrip()!r} is no JSON object; not a log of ours")
            yield line, record


def _take_out_later(path: Path, step: int) -> None:
    with replacing_file(path, overwrite=True) as temporary, temporary.open("w", encoding="utf-8") as file:
        for line, record in _lines(path):
            if record.get("step", step) <= step:
                file.write(line)


def _numbers(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number in a record with its path, ``evaluation/knn``; lists and texts are for the JSON log alone."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) and (prefix or key != "step"):
            yield f"{prefix}{key}", value


def _summary_writer(folder: Path, resume_step: int | None) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "tensorboard = true needs tensorboard; install it with: pip install 'eigenpairs[tb]' "
            "(or pip install tensorboard)"
        ) from None
    # Without a resumed step TensorBoard takes all; with one it hides what an interrupted run logged later.
    return SummaryWriter(str(folder / BOARD), purge_step=None if resume_step is None else resume_step + 1)
