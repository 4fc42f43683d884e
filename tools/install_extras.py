"""Install every extra into the environment that runs this file, torch first, and write STAMP last.

torch comes as a CPU build or not at all, unless `--torch any` says otherwise: on some systems a package index
offers only a build that brings several gigabytes of CUDA libraries. Where torch is left out, so are the
extras that need it. With EIGENPAIRS_REQUIRE_ALL=1 that is an error, unless `--torch none` asked for it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
INSTALL = [*PIP, "install", "--quiet", "--constraint", "constraints.txt"]
COMPLETE = "complete"
LEFT_OUT = "torch is left out, and the tests that need it skip: "
ASKED = "TORCH=none"
HEAVY = re.compile(r"(nvidia|cuda|triton|pytorch-triton|rocm|intel-)", re.IGNORECASE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Install every extra, torch first.")
    parser.add_argument("--torch", choices=["auto", "any", "none"], default="auto")
    parser.add_argument("--after", type=Path, help="a stamp older than this file is out of date")
    parser.add_argument("stamp", type=Path, help="written last; says what is installed")
    args = parser.parse_args()
    os.chdir(ROOT)
    required = os.environ.get("EIGENPAIRS_REQUIRE_ALL") == "1"

    state = args.stamp.read_text() if is_current(args.stamp, args.after) else ""
    if settled(state, args.torch, required):
        if state != COMPLETE:
            print(LEFT_OUT + state)
        return 0
    args.stamp.unlink(missing_ok=True)

    torch = pinned("torch")
    print("Installing the extras and the tools of development", flush=True)
    run([*INSTALL, "pip"])
    reason = ""
    if args.torch == "none":
        reason = ASKED
    elif args.torch == "auto" and not is_installed(torch):
        reason = why_not(torch)
    if reason and required and reason != ASKED:
        print(
            f"eigenpairs: {reason}: say TORCH=any to take what comes, TORCH=none to leave torch out",
            file=sys.stderr,
        )
        return 1
    if reason:
        print(LEFT_OUT + reason, flush=True)
    else:
        run([*INSTALL, torch])
    extras = ",".join(name for name in all_extras() if not (reason and name.startswith("deep")))
    run([*INSTALL, "--no-build-isolation", f".[{extras}]"])
    args.stamp.write_text(reason or COMPLETE)
    return 0


def is_current(stamp: Path, after: Path | None) -> bool:
    return stamp.exists() and (after is None or stamp.stat().st_mtime >= after.stat().st_mtime)


def settled(state: str, mode: str, required: bool) -> bool:
    """Whether what is installed is what is asked for now."""
    if state == COMPLETE:
        return mode != "none"
    if state == ASKED:
        return mode == "none"
    return bool(state) and mode == "auto" and not required


def pinned(name: str) -> str:
    """The line of constraints.txt that pins a package."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.startswith(f"{name}=="):
            return line.strip()
    raise SystemExit(f"eigenpairs: constraints.txt does not pin {name}")


def is_installed(requirement: str) -> bool:
    name, version = requirement.split("==")
    try:
        return metadata.version(name).split("+")[0] == version
    except metadata.PackageNotFoundError:
        return False


def all_extras() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [name for name in project["optional-dependencies"] if name != "all"]


def why_not(torch: str) -> str:
    """Why this build of torch should not be installed unasked; empty if nothing speaks against it.

    pip says which file it would take and what that file needs, without fetching the file itself.
    """
    question = [*INSTALL, "--dry-run", "--no-deps", "--ignore-installed", "--use-feature", "fast-deps"]
    answer = subprocess.run([*question, "--report", "-", torch], capture_output=True, text=True)
    if answer.returncode != 0:
        errors = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")]
        return f"pip finds no {torch} for this Python and system ({(errors or ['no answer'])[-1]})"
    needs = json.loads(answer.stdout)["install"][0]["metadata"].get("requires_dist", [])
    if any(HEAVY.match(need) and applies(need) for need in needs):
        return f"only a CUDA build of {torch} is on offer here, with several gigabytes of libraries"
    return ""


def applies(need: str) -> bool:
    """Whether a requirement holds on this system, extras aside."""
    from pip._vendor.packaging.requirements import Requirement

    marker = Requirement(need).marker
    return marker is None or marker.evaluate({"extra": ""})


def run(command: list[str]) -> None:
    """Run a command; end with its exit code where it fails."""
    done = subprocess.run(command)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
