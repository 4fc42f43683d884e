"""Data flows one way: nothing imports from a higher floor, and an __init__ only hands names on."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "eigenpairs"
FLOORS = {
    "_arrays": 0,
    "_frames": 0,
    "_html": 0,
    "_json": 0,
    "_names": 0,
    "_plot": 0,
    "_validate": 0,
    "_parameters": 0,
    "files": 0,
    "tables": 0,
    "relation": 1,
    "features": 1,
    "objective": 1,
    "spectrum": 2,
    "advise": 3,
    "deep": 3,
    "diagnose": 3,
    "storage": 3,
    "estimator": 3,
    "lab": 4,
    "report": 4,
    "cli": 5,
}
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if path.parent != SOURCE or path.stem != "__init__"]


def room(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_imports_upward(path):
    own = room(path.relative_to(SOURCE).parts)
    assert own in FLOORS, f"{own} has no floor: add it here and in CONTRIBUTING.md"
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "eigenpairs" and len(parts) > 1:
                assert FLOORS[parts[1]] <= FLOORS[own], f"{path.name} (floor {FLOORS[own]}) imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_stay_readable_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 350, f"{path.name} is long: does it hold one idea?"


def test_rooms_hand_names_on():
    for path in SOURCE.glob("*/__init__.py"):
        kinds = {type(node) for node in ast.parse(path.read_text()).body}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.For, ast.If}, f"{path} does work"
