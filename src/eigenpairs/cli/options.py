"""What several verbs share: options, parsing of objectives, progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from eigenpairs.features import Features, Linear
from eigenpairs.objective import OBJECTIVES, Objective
from eigenpairs.spectrum.accumulate import Progress


def kebab(name: str) -> str:
    """BarlowTwins -> barlow-twins, VICReg -> vicreg: how an objective is called on the command line."""
    if name == "VICReg":
        return "vicreg"
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def _parameters() -> str:
    """Which objective has which parameters, for --help."""
    named = {kebab(name): list(kind.parameter_types()) for name, kind in OBJECTIVES.items()}
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in named.items() if names)


JSON = typer.Option(False, "--json", help="Print one JSON object instead of text.")
FORCE = typer.Option(False, "--force", help="Overwrite what exists.")
OBJECTIVE = typer.Option(
    "vicreg", "--objective", metavar="NAME", help="One of: vicreg, barlow-twins, spectral-contrastive, whitening."
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
    types = kind.parameter_types()
    params: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in types:
            allowed = ", ".join(types) or "none"
            raise ValueError(f"--set: {setting!r} is not NAME=VALUE with a parameter of {name} (it has: {allowed})")
        if "float" in types[key]:
            try:
                params[key] = float(text)
            except ValueError:
                raise ValueError(f"--set: {key}={text!r} is not a number") from None
        else:
            params[key] = text
    return kind(**params)


def ridge_or_auto(text: str) -> float | str:
    """A number, or the word auto."""
    return text if text == "auto" else real(text)


def parse_features(name: str, ridge: float | str) -> Features:
    """The class of functions called `name`."""
    if name != "linear":
        raise ValueError(f"--features: {name!r} is unknown; choose from linear")
    return Linear(ridge=ridge)


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
