"""Write docs/lab.md and its figures from one run of every experiment.

    python tools/build_lab_page.py [--fast] [NAME ...]

With names, only these are run, and the lines of the others stay as they are. Needs the extras `deep` and `plot`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from eigenpairs import lab

DOCS = Path(__file__).resolve().parents[1] / "docs"
NUMBERS = DOCS / "lab" / "results.json"
PAPERS = {
    "A": "Closed forms (Balestriero & LeCun 2022)",
    "B": "Laplacian and matrix completion (Munkhoeva & Oseledets 2023)",
    "C": "Dynamics without negatives (Wang et al. 2021)",
    "D": "Nonlinear networks (Yang et al. 2024)",
    "ours": "Beyond the papers",
}
HEAD = """\
# The lab

Results of four papers on self-supervised learning, and ours, re-run by one command each and judged by their numbers:

```sh
eigenpairs lab list
eigenpairs lab show sample-complexity
eigenpairs lab run sample-complexity --fast
```

`eigenpairs lab run all --fast` runs everything in minutes; `--report page.html` writes one page with every figure,
`--set NAME=VALUE` changes a parameter. A verdict is *holds*, *fails* or *not testable here*, computed from what was
measured, what was expected and the tolerance; an honest "fails" is a result. The numbers below are of default
parameters; seconds are processor time. A new experiment is one file in
`src/eigenpairs/lab/experiments/`, without registration.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="all by default")
    parser.add_argument("--fast", action="store_true")
    args = parser.parse_args()
    NUMBERS.parent.mkdir(exist_ok=True)
    known = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for name in args.names or lab.experiments():
        start = time.process_time()
        outcome = lab.run(name, args.fast)
        known[name] = outcome.to_dict() | {"seconds": time.process_time() - start}
        draw(name, outcome)
        print(outcome, f"{known[name]['seconds']:.1f} s", flush=True)
        NUMBERS.write_text(json.dumps(known, indent=1) + "\n")
    known = {name: known[name] for name in lab.experiments() if name in known}
    (DOCS / "lab.md").write_text(page(known))
    return 0


def draw(name: str, outcome: lab.Outcome) -> None:
    """The figures as one SVG, the same for the same numbers."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = name
    import matplotlib.pyplot as plt

    if outcome.result.figures:
        axes = outcome.result.plot()
        axes.ravel()[0].figure.savefig(NUMBERS.parent / f"{name}.svg", metadata={"Date": None})
        plt.close("all")


def page(found: dict[str, dict]) -> str:
    """docs/lab.md: a table per paper, one line each."""
    lines = [HEAD]
    for paper, title in PAPERS.items():
        own = {name: one for name, one in found.items() if one["paper"] == paper}
        if not own:
            continue
        lines += [f"## {title}\n", "| experiment | claim | verdict | figure | seconds |", "|---|---|---|---|---|"]
        for name, one in own.items():
            figure = f"[figure](lab/{name}.svg)" if (NUMBERS.parent / f"{name}.svg").exists() else ""
            lines.append(
                f"| `{name}` | {one['claim']} *{one['source']}* | {verdict(one)} | {figure} | {one['seconds']:.0f} |"
            )
        lines.append("")
        notes = [f"- `{name}`: {note}" for name, one in own.items() for note in one["notes"]]
        lines += [*notes, ""] if notes else []
    return "\n".join(lines).rstrip() + "\n"


def verdict(one: dict) -> str:
    """The verdict with the check that fails."""
    failed = [check for check in one["checks"] if not check["holds"]]
    if not failed:
        return f"{one['verdict']} ({len(one['checks'])} checks)"
    first = failed[0]
    said = f"{first['what']}: {first['measured']:.3g}, expected {first['kind']} {first['expected']:.3g}"
    return f"**{one['verdict']}**: {said}"


if __name__ == "__main__":
    sys.exit(main())
