"""The rooms of the house: they stand on cohort, and not on one another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"cohort", "hub_config", "grading", "experiments", "curriculum"}
MAY = {"hub_config": {"cohort"}, "grading": {"cohort"}, "experiments": {"cohort"}, "cohort": set()}


def imported(path: Path) -> set[str]:
    """The rooms that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found & ROOMS


@pytest.mark.parametrize("room", MAY)
def test_a_room_imports_what_it_may(room):
    files = list((ROOT / room).rglob("*.py"))
    assert files
    wrong = {str(f.relative_to(ROOT)): imported(f) - {room} - MAY[room] for f in files}
    assert {name: rooms for name, rooms in wrong.items() if rooms} == {}
