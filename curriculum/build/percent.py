"""Notebooks as text for editors: the percent format, one line of header a cell.

Invariant: text and notebook say the same; ``read(write(n))`` is ``n``, ids included. The text is
a view to work in and is not kept: the notebook is the source.

    # %% [markdown] id=opening
    # # 3 · Gradients
    # %% parameters
    seed = 0
    # %% solution=slope
    # %% tests=slope-values points=2
    # %% [markdown] answer=why points=3
"""

from __future__ import annotations

import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from curriculum.build.errors import CurriculumError
from curriculum.build.notebooks import FLAGS, Role, grade_id, points, role, set_role, tidy

HEADER = re.compile(r"# %%(?: \[(?P<kind>markdown)\])?(?P<words>(?: \S+)*)\s*")


def write(notebook: NotebookNode) -> str:
    """A notebook as text."""
    return "\n".join(f"{header(cell)}\n{body(cell)}\n" for cell in notebook.cells)


def header(cell: NotebookNode) -> str:
    """The line that opens a cell."""
    parts = ["# %%", "[markdown]" if cell.cell_type == "markdown" else "", f"id={cell.id}"]
    what = role(cell)
    if what in FLAGS:
        parts.append(f"{what}={grade_id(cell)}")
    elif what is Role.PARAMETERS:
        parts.append(what)
    if points(cell):
        parts.append(f"points={points(cell)}")
    return " ".join(filter(None, parts))


def body(cell: NotebookNode) -> str:
    """A cell's source; text is commented out."""
    if cell.cell_type == "code":
        return cell.source
    return "\n".join(f"# {line}".rstrip() for line in cell.source.split("\n"))


def read(text: str) -> NotebookNode:
    """The notebook that a text describes; CurriculumError names the line that is wrong."""
    cells: list[NotebookNode] = []
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%"):
            finish(cells, lines)
            cells.append(new_cell(line, number))
            lines = []
        elif cells:
            lines.append(line)
        elif line.strip():
            raise CurriculumError(f"line {number} stands before the first '# %%'")
    finish(cells, lines)
    notebook = new_notebook()
    notebook.cells = cells  # not at once: it would object to cells that have no id yet
    return tidy(notebook)


def new_cell(line: str, number: int) -> NotebookNode:
    """An empty cell from its header."""
    match = HEADER.fullmatch(line)
    if match is None:
        raise CurriculumError(f"line {number}: '{line}' is no header of a cell")
    cell = (new_markdown_cell if match["kind"] else new_code_cell)()
    given = dict(word.partition("=")[::2] for word in match["words"].split())
    cell["id"] = given.pop("id", "")
    worth = given.pop("points", "0")
    if not worth.isdecimal():
        raise CurriculumError(f"line {number}: 'points={worth}' is no whole number")
    if given == {"parameters": ""}:
        cell.metadata["tags"] = ["parameters"]
    elif len(given) == 1 and set(given) <= set(FLAGS):
        [(what, name)] = given.items()
        set_role(cell, Role(what), name, int(worth))
    elif given:
        raise CurriculumError(f"line {number}: '{' '.join(given)}' is not a role of a cell")
    return cell


def finish(cells: list[NotebookNode], lines: list[str]) -> None:
    """Give the last cell its source."""
    if cells:
        if cells[-1].cell_type == "markdown":
            lines = [re.sub(r"^# ?", "", line) for line in lines]
        cells[-1].source = "\n".join(lines).strip("\n")
