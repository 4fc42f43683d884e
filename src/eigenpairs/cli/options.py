"""What several verbs share: options, parsing of objectives, progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from eigenpairs._names import kebab
from eigenpairs.features import Features, Kernel, Linear
from eigenpairs.objective import OBJECTIVES, Objective
from eigenpairs.spectrum.accumulate import Progress


def _parameters() -> str:
    """Which objective has which parameters, for --help."""
    named = {kebab(name): list(kind.parameter_types()) for name, kind in OBJECTIVES.items()}
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in named.items() if names)


JSON = typer.Option(False, "--json", help="Print one JSON object instead of text.")
FORCE = typer.Option(False, "--force", help="Overwrite what exists.")
REPORT = typer.Option(None, "--report", metavar="FILE", help="Write an HTML page on the result as well.")
OBJECTIVE_HELP = f"One of: {', '.join(kebab(kind) for kind in OBJECTIVES)}."
OBJECTIVE = typer.Option("vicreg", "--objective", metavar="NAME", help=OBJECTIVE_HELP)
FEATURES_HELP = (
    "Class of functions: linear, or kernel, with its parameters after a colon, for instance "
    "kernel:n_landmarks=500,kernel=laplacian."
)
SETTINGS = typer.Option(
    [], "--set", metavar="NAME=VALUE", help=f"A parameter of the objective; may be repeated. {_parameters()}"
)


def count(text: str) -> int:
    """A whole number of at least 1, for options that count something."""
    try:
        value = int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an integer") from None
    if value < 1:
        raise typer.BadParameter(f"{value} is too small; give 1 or more")
    return value


def width(text: str | int) -> int | float | str:
    """A whole number (as the default is already), a share between 0 and 1, or the word auto."""
    if isinstance(text, int) or text == "auto":
        return text
    try:
        share = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an integer, nor a share such as 0.95, nor auto") from None
    if 0 < share < 1:
        return share
    if not share.is_integer():
        raise typer.BadParameter(f"{text!r} is not an integer, and no share between 0 and 1")
    return count(text.removesuffix(".0"))


def real(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None


def parse_objective(name: str, settings: list[str]) -> Objective:
    """The objective called `name` with parameters ``NAME=VALUE``."""
    known = {kebab(kind): OBJECTIVES[kind] for kind in OBJECTIVES}
    if name not in known:
        raise ValueError(f"--objective: {name!r} is unknown; choose from {', '.join(sorted(known))}")
    kind = known[name]
    return kind(**parse_settings("--set", settings, name, kind.parameter_types()))


def parse_settings(option: str, settings: list[str], owner: str, types: dict[str, str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as parameters of `owner`, whose parameters have these types."""
    params: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in types:
            allowed = ", ".join(types) or "none"
            raise ValueError(f"{option}: {setting!r} is not NAME=VALUE with a parameter of {owner} (it has: {allowed})")
        kinds = types[key]
        if "tuple" in kinds:
            params[key] = tuple(_listed(option, key, text))
            continue
        if "int" in kinds and text.removeprefix("-").isdigit():
            params[key] = int(text)
        elif "float" in kinds and "str" not in kinds:
            try:
                params[key] = float(text)
            except ValueError:
                raise ValueError(f"{option}: {key}={text!r} is not a number") from None
        else:
            params[key] = _number_or_text(text) if "float" in kinds else text
    return params


def _listed(option: str, key: str, text: str) -> list[Any]:
    """``0.1,0.2`` as numbers, anything else as texts."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError(f"{option}: {key}= holds no value; give them as {key}=0.1,0.2")
    return [int(part) if part.lstrip("-").isdigit() else _number_or_text(part) for part in parts]


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def ridge_or_auto(text: str) -> float | str:
    """A number, or the word auto."""
    return text if text == "auto" else real(text)


def parse_features(text: str, ridge: float | str) -> Features:
    """The class of functions called ``NAME`` or ``NAME:PARAMETER=VALUE,...``."""
    name, _, rest = text.partition(":")
    known: dict[str, type[Features]] = {"linear": Linear, "kernel": Kernel}
    if name not in known:
        raise ValueError(f"--features: {name!r} is unknown; choose from {', '.join(known)}")
    types = known[name].parameter_types()
    params = parse_settings("--features", [part for part in rest.split(",") if part], name, types)
    return known[name](**{"ridge": ridge} | params)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A progress bar on stderr, off when that is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)
