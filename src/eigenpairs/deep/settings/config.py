"""The settings of a run, from a configuration file or by keyword."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eigenpairs.deep.settings.one_line import one_line, unknown
from eigenpairs.deep.settings.sections import (
    Data,
    Encoder,
    Evaluation,
    MethodSettings,
    Output,
    Projector,
    Section,
    Training,
    Views,
)

# isort: split
from pydantic import ValidationError, model_validator  # after sections, which say how to install it

OF_DATA = ("kind", "size", "cache", "split", "layout")
PATHS = ("data.path", "data.pairs", "data.cache", "encoder.weights", "output.folder")


class Config(Section):
    """The settings of a run, checked section by section and then together."""

    data: Data
    views: Views = Views()
    encoder: Encoder = Encoder()
    projector: Projector = Projector()
    method: MethodSettings = MethodSettings()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    output: Output

    @model_validator(mode="after")
    def _positives(self) -> Config:
        if self.data.neighbors is not None and self.views.n_views > 2:
            raise ValueError(
                f"[views] n_views: {self.views.n_views} beside [data] neighbors = {self.data.neighbors}; a sample and "
                "its neighbour are two views, leave n_views out"
            )
        if self.data.pairs is not None or self.data.neighbors is not None:
            return self
        if self.views.preset == "none":
            raise ValueError("[views] preset: 'none' leaves no positives; give [data] pairs or neighbors as well")
        if self.views.n_views < 2:
            raise ValueError("[views] n_views: 1 leaves no positives; give 2 or more, or [data] pairs or neighbors")
        return self


def read_config(path: str | os.PathLike, changes: Mapping[str, str] | None = None) -> Config:
    """The settings in a TOML file.

    Parameters
    ----------
    path : path
        Paths in the file are relative to its folder. Only ``[data] path`` and ``[output] folder`` must be given.
    changes : dict, optional
        ``"section.key"``: the text of a value as in TOML (quotes may be left out), in place of what the file says.
        Paths in them are relative to the working folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, has an unknown section or key, a value that is not allowed, or values that do not go
        together: one line with section, key, value and what is allowed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "run.toml")
    ...     _ = file.write_text('[data]\\npath = "x.npy"\\n[training]\\nlr = "fast"\\n[output]\\nfolder = "run"')
    ...     read_config(file)
    Traceback (most recent call last):
    ValueError: [training] lr: 'fast' is not a number above 0
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist; give a configuration file (.toml)")
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # of the format or of the encoding
        raise ValueError(f"{file} cannot be read: {str(error).replace(chr(10), ' ')}") from None
    for place, change in (changes or {}).items():
        values = _changed(values, place, change)
    try:
        return Config.model_validate(values, context={"folder": file.parent.resolve()})
    except ValidationError as error:
        raise ValueError(one_line(error, Config)) from None


def _changed(values: dict[str, Any], place: str, text: str) -> Any:
    """The tables of a file with one entry replaced."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if place in PATHS and isinstance(value, str):
        value = str(Path(value).expanduser().absolute())
    if place == "data.labels" and isinstance(value, dict):
        value = {name: _file_here(given) for name, given in value.items()}
    section, _, key = place.partition(".")
    table = values.get(section, {})
    if not isinstance(table, dict):
        return values  # not a table: what is wrong with it is said of the whole
    return values | {section: table | {key: value}}


def _file_here(given: Any) -> Any:
    """A path from the working folder; a bare name that is no file there may be a column."""
    bare = isinstance(given, str) and Path(given).name == given and not Path(given).suffix
    if not isinstance(given, str) or (bare and not Path(given).exists()):
        return given
    return str(Path(given).expanduser().absolute())


def settings_of(**settings: Any) -> tuple[Training, Evaluation]:
    """The fields of `Training` and `Evaluation` given by keyword.

    Raises
    ------
    ValueError
        As `read_config`, in one line.

    Examples
    --------
    >>> training, evaluation = settings_of(epochs=5, optimizer="sgd", certificate_every=1)
    >>> training.epochs, training.learning_rate, evaluation.certificate_every
    (5, 0.05, 1)
    >>> settings_of(epoch=5)
    Traceback (most recent call last):
    ValueError: epoch: unknown setting; did you mean 'epochs'?
    """
    known = [*Training.model_fields, *Evaluation.model_fields]
    for key in settings:
        if key in OF_DATA:
            raise ValueError(
                f"{key}: belongs to the data; give ep.deep.samples(data, {key}={settings[key]!r}) instead of data"
            )
        if key not in known:
            raise ValueError(unknown(key, known, "setting"))
    own = {key: value for key, value in settings.items() if key in Training.model_fields}
    rest = {key: value for key, value in settings.items() if key not in own}
    return _checked(Training, own, "training"), _checked(Evaluation, rest, "evaluation")


def _checked(kind: Any, values: dict[str, Any], section: str) -> Any:
    try:
        return kind(**values)
    except ValidationError as error:
        raise ValueError(one_line(error, kind, section)) from None
