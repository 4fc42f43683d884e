"""`eigenpairs lab`: results of the theory, re-run, each with a verdict."""

from __future__ import annotations

import sys
from typing import Any

import typer

from eigenpairs.cli.options import FORCE, REPORT, parse_settings, progress_bar
from eigenpairs.cli.output import number, print_json, print_table

SHORT = 76


def lab(
    action: str = typer.Argument(metavar="list|show|run", help="What to do."),
    names: list[str] = typer.Argument(None, metavar="[NAME]...", help="Experiments, or all."),
    fast: bool = typer.Option(False, "--fast", help="Parameters that make each a matter of seconds."),
    settings: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="A parameter of the experiment; may be repeated. See `lab show NAME`."
    ),
    report: str = REPORT,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help="Print a JSON list instead of text."),
) -> None:
    """Re-run results of the theory: claims of four papers and ours, each judged by its own numbers.

    Example: eigenpairs lab list; eigenpairs lab run directset-limits --set eta=0.1; eigenpairs lab run all --fast
    """
    if action == "list":
        list_experiments(as_json)
    elif action == "show":
        for name in _named(names):
            show(name, as_json)
    elif action == "run":
        run_experiments(_named(names), fast, settings, report, force, as_json)
    else:
        raise ValueError(f"{action!r} is none of list, show, run; `eigenpairs lab run all --fast` runs everything")


def _named(names: list[str] | None) -> list[str]:
    """The experiments meant; all of them for the word all."""
    from eigenpairs.lab.catalogue import experiment_called, experiments

    if not names:
        raise ValueError("NAME: is missing; give an experiment's name, or all; `eigenpairs lab list` has them")
    if names == ["all"]:
        return list(experiments())
    for name in names:
        experiment_called(name)
    return names


def list_experiments(as_json: bool) -> None:
    """Every experiment with its paper and claim."""
    from eigenpairs.lab.catalogue import experiments

    found = [
        {"name": name, "paper": kind.paper, "claim": kind.paragraph("Claim")} for name, kind in experiments().items()
    ]
    if as_json:
        print_json(found)
        return
    for entry in found:
        print(f"{entry['name']}  ({entry['paper']})\n    {entry['claim']}")


def show(name: str, as_json: bool) -> None:
    """Claim, source, setting, expected outcome and parameters of one experiment."""
    from eigenpairs.lab.catalogue import experiment_called

    kind = experiment_called(name)
    words = ("Claim", "Source", "Setting", "Expected")
    about: dict[str, Any] = {"name": name} | {word.lower(): kind.paragraph(word) for word in words}
    about["parameters"] = kind().get_params()
    if as_json:
        print_json(about)
        return
    print(name)
    for word in words:
        print(f"\n{word}: {about[word.lower()]}")
    print("\nParameters (--set NAME=VALUE):")
    for key, value in about["parameters"].items():
        print(f"  {key} = {value}")


def run_experiments(
    names: list[str], fast: bool, settings: list[str], report: str | None, force: bool, as_json: bool
) -> None:
    """Run experiments in turn and print a table, or JSON; a page on request."""
    from eigenpairs.cli.report import check_report, write_report
    from eigenpairs.lab.catalogue import experiment_called
    from eigenpairs.lab.run import run

    check_report(report, force)
    if settings and len(names) > 1:
        raise ValueError(f"--set: is for one experiment, and {len(names)} are asked for; run them one by one")
    parameters = parse_settings("--set", settings, names[0], experiment_called(names[0]).parameter_types())
    outcomes = []
    for at, name in enumerate(names):
        with progress_bar(f"{name} ({at + 1} of {len(names)})") as progress:
            outcomes.append(run(name, fast, progress, **parameters))
        if not as_json and len(names) > 1:
            print(f"{name}: {outcomes[-1].verdict} ({outcomes[-1].seconds:.1f} s)", file=sys.stderr)
    write_report(report, outcomes, force, title="eigenpairs: the lab")
    if as_json:
        print_json([outcome.to_dict() for outcome in outcomes])
        return
    if len(outcomes) == 1:
        for check in outcomes[0].result.checks:
            print(f"{'holds' if check.holds else 'FAILS'}  {check.sentence}")
    rows = []
    for outcome in outcomes:
        head = outcome.result.headline
        said = (
            ("-", "-", "-") if head is None else (number(head.measured), number(head.expected), number(head.tolerance))
        )
        rows.append([outcome.name, outcome.verdict, *said, f"{outcome.seconds:.1f}"])
    print_table(["experiment", "verdict", "measured", "expected", "tolerance", "seconds"], rows)
    for outcome in outcomes:
        for note in outcome.result.notes:
            print(f"{outcome.name}: {note}")
