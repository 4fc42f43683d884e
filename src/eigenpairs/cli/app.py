"""The `eigenpairs` command: verbs, exit codes, and one line on stderr for anything a user can mend.

Exit codes: 0 done, 2 bad input or usage, 3 an embedding is collapsed or invalid (`diagnose`), 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer
from typer.exceptions import TyperException

from eigenpairs.cli.advise import advise
from eigenpairs.cli.audit import audit
from eigenpairs.cli.certify import certify
from eigenpairs.cli.demo import demo
from eigenpairs.cli.diagnose import diagnose
from eigenpairs.cli.fit import fit
from eigenpairs.cli.inspect import inspect
from eigenpairs.cli.lab import lab
from eigenpairs.cli.report import report
from eigenpairs.cli.search import search
from eigenpairs.cli.train import Interrupted, train
from eigenpairs.cli.transform import transform

HELP = "Pairs in, eigenpairs out: exact optima of self-supervised objectives on your own pairs."
USERS_ERRORS = (ValueError, TypeError, OSError, ModuleNotFoundError, RuntimeError)


def build() -> Any:
    """The command with all its verbs."""
    app = typer.Typer(help=HELP, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def start(
        version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version.", callback=_version),
    ) -> None:
        pass

    for verb in (demo, fit, transform, search, inspect, diagnose, certify, advise, audit, train, lab, report):
        app.command()(verb)
    return typer.main.get_command(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (and exits with it as a console script)."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    verb = f" {arguments[0]}" if arguments and not arguments[0].startswith("-") else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _one_line_warning
            code = build().main(arguments, prog_name="eigenpairs", standalone_mode=False)
        return _interrupted(verb) if code == 130 else int(code or 0)
    except TyperException as error:
        return _fail(f"eigenpairs{verb}: {_usage_message(error)}", 2)
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(verb)
    except Interrupted as stop:
        return _fail(f"eigenpairs{verb}: interrupted; {stop}", 130)
    except BrokenPipeError:  # the reader of our output has gone, as in `| head`
        sys.stderr.close()
        return 0
    except USERS_ERRORS as error:
        return _fail(f"eigenpairs{verb}: {error}", 2)


def _version(asked: bool) -> None:
    if asked:
        import eigenpairs

        print(eigenpairs.__version__)
        raise typer.Exit


def _usage_message(error: TyperException) -> str:
    """The parser's complaint as `--dim: 'abc' is not a valid integer`."""
    param = getattr(error, "param", None)
    message = error.message.rstrip(".")
    names = [*getattr(param, "opts", []), *getattr(param, "secondary_opts", [])]
    if not names:
        return (message or str(error)) + "; see --help"
    name = max(names, key=len) if names[0].startswith("-") else names[0].upper()
    return f"{name}: {message or 'is missing; see --help'}"


def _interrupted(verb: str) -> int:
    return _fail(f"eigenpairs{verb}: interrupted; nothing was written", 130)


def _fail(line: str, code: int) -> int:
    print(" ".join(line.split()), file=sys.stderr)
    return code


def _one_line_warning(message: Warning | str, *place: Any, **more: Any) -> None:
    print(f"note: {' '.join(str(message).split())}", file=sys.stderr)
