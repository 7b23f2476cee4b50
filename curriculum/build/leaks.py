"""What a student version must not hold."""

from __future__ import annotations

from nbformat import NotebookNode

from curriculum.build.exercises import HIDDEN, REGION
from curriculum.build.notebooks import Role, role


def leaks(source: NotebookNode, release: NotebookNode) -> list[str]:
    """Solutions, hidden tests and outputs that a student version still holds."""
    text = "\n".join(cell.source for cell in release.cells)
    secret = [cell.source for cell in source.cells if role(cell) is Role.ANSWER]
    for cell in source.cells:
        for region in (*REGION.finditer(cell.source), *HIDDEN.finditer(cell.source)):
            secret.append(region["lines"])
    found = [f"it holds '{one.strip().splitlines()[0]}…'" for one in secret if one.strip() in text]
    found += [f"it says '{mark}'" for mark in ("SOLUTION", "HIDDEN TESTS") if mark in text]
    return found + [f"cell {c.id} has outputs" for c in release.cells if c.get("outputs")]
