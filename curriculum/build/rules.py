"""The rules that every lesson and assignment keeps, checked on the source without running it.

Invariant: each rule is a function of a notebook (and its proof sheet) that yields one sentence
for each place where the rule is broken; `LESSON` and `ASSIGNMENT` list the rules in force.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from curriculum.build.course import LIBRARY, Lesson, Proof, load_proof
from curriculum.build.exercises import HIDDEN, REGION, Exercise, exercises
from curriculum.build.notebooks import Role, dump, grade_id, load, role, tidy, words

CELLS = (25, 40)
WORDS = (900, 1500)
CODE_LINES = 25
GAP_LINES = 10
FIGURE_EVERY = 5
PREDICTIONS = 3
WRONG_ANSWERS = 2
TIME = re.compile(r"\*\*Time\*\*: (\d+) minutes")

Rule = Callable[[NotebookNode], Iterator[str]]


def size(notebook: NotebookNode) -> Iterator[str]:
    """25 to 40 cells, 900 to 1,500 words."""
    for what, count, (low, high) in (("cells", len(notebook.cells), CELLS),
                                     ("words", words(notebook), WORDS)):  # fmt: skip
        if not low <= count <= high:
            yield f"{count} {what}, not {low} to {high}"


def short_cells(notebook: NotebookNode) -> Iterator[str]:
    """No code cell over 25 lines, no gap over 10."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = len(cell.source.splitlines())
            if lines > CODE_LINES:
                yield f"cell {cell.id}: {lines} lines of code, at most {CODE_LINES}"
            for gap in REGION.finditer(cell.source):
                if len(gap["lines"].splitlines()) > GAP_LINES:
                    yield f"cell {cell.id}: a gap of more than {GAP_LINES} lines"


def opening(notebook: NotebookNode) -> Iterator[str]:
    """The first cell says what one will be able to do, how long it takes, on CPU or GPU."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell is no title"
    for wanted in ("You will be able to", "CPU"):
        if wanted not in first.source:
            yield f"the opening cell does not say '{wanted}'"
    if not TIME.search(first.source):
        yield "the opening cell does not say '**Time**: … minutes'"


def parameters(notebook: NotebookNode) -> Iterator[str]:
    """One cell of parameters, assignments of literals, among the first five cells."""
    found = [i for i, cell in enumerate(notebook.cells) if role(cell) is Role.PARAMETERS]
    if len(found) != 1 or found[0] >= 5:
        yield f"there must be one parameters cell among the first five; found at {found}"
        return
    source = notebook.cells[found[0]].source
    if not names(source):
        yield "the parameters cell sets nothing"
    for line in source.splitlines():
        if "=" in line and "#" not in line:
            yield f"the parameter in '{line}' has no comment that explains it"


def names(source: str) -> set[str]:
    """Names that a parameters cell sets."""
    body = ast.parse(source).body
    plain = {t.id for s in body if isinstance(s, ast.Assign) for t in s.targets}
    return plain | {s.target.id for s in body if isinstance(s, ast.AnnAssign)}


def predictions(notebook: NotebookNode) -> Iterator[str]:
    """At least three questions to answer before running the cell that comes next."""
    asked = 0
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if "**Predict.**" in cell.source:
            asked += 1
            if after.cell_type != "code":
                yield f"cell {cell.id}: after a prediction comes the cell to run"
    if asked < PREDICTIONS:
        yield f"{asked} predictions, at least {PREDICTIONS}"


def ending(notebook: NotebookNode) -> Iterator[str]:
    """It ends with a summary, three stretch tasks and one experiment to hand in."""
    tail = "\n".join(cell.source for cell in notebook.cells[-4:])
    at = [tail.find(f"## {title}") for title in ("Summary", "Stretch", "Hand in")]
    if -1 in at or at != sorted(at):
        yield "the last cells are not '## Summary', '## Stretch', '## Hand in'"
    elif len(re.findall(r"^\d\. ", tail[at[1] : at[2]], re.MULTILINE)) != 3:
        yield "there are not three stretch tasks, numbered 1 to 3"


def stated(notebook: NotebookNode) -> Iterator[str]:
    """Every exercise states difficulty, minutes and points, and its cells have those points."""
    found = exercises(notebook)
    if not found:
        yield "there is no exercise"
    for one in found:
        if one.stated is None:
            yield f"exercise '{one.name}' lacks '*Difficulty 2 of 5 · 10 minutes · 3 points*'"
        elif one.stated[2] != one.points:
            yield f"exercise '{one.name}' states {one.stated[2]} points, not {one.points}"
        if any(other.name.startswith(f"{one.name}-") for other in found):
            yield f"'{one.name}-…' names another exercise: its tests could not be told apart"
    yield from strays(notebook, found)


def strays(notebook: NotebookNode, found: list[Exercise]) -> Iterator[str]:
    """Every test is of an exercise before it; every gap to be marked by tests has some."""
    tested = {name: one for one in found for name in one.tests}
    for index, cell in enumerate(notebook.cells):
        one = tested.get(grade_id(cell))
        if role(cell) is Role.TESTS and (one is None or one.index > index):
            yield f"test '{grade_id(cell)}' comes after no exercise of that name"
        if role(cell) is Role.SOLUTION and len(REGION.findall(cell.source)) != 1:
            yield f"gap '{grade_id(cell)}' must have one region ### BEGIN SOLUTION … END SOLUTION"
    for one in found:
        if role(notebook.cells[one.index]) is Role.SOLUTION and not one.tests:
            yield f"exercise '{one.name}' has no test"


def hidden(notebook: NotebookNode) -> Iterator[str]:
    """Every exercise that tests mark has a visible check and a hidden one."""
    for one in exercises(notebook):
        cells = [c.source for c in notebook.cells if grade_id(c) in one.tests]
        seen = [HIDDEN.sub("", source) for source in cells]
        if cells and not any(HIDDEN.search(source) for source in cells):
            yield f"exercise '{one.name}' has no hidden test"
        if cells and not any("assert" in source for source in seen):
            yield f"exercise '{one.name}' has no visible check"


def no_mathjax(notebook: NotebookNode) -> Iterator[str]:
    """No LaTeX: reports and feedback are read where there is no MathJax to set it."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "$" in re.sub(r"`[^`]*`", "", cell.source):
            yield f"cell {cell.id}: write formulas as code or draw them; `$` is not set in reports"


def alone(notebook: NotebookNode) -> Iterator[str]:
    """An assignment travels as one file: it imports nothing of the course."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and LIBRARY in cell.source:
            yield f"cell {cell.id} needs {LIBRARY}, which is not where it is marked"


def worth(notebook: NotebookNode) -> Iterator[str]:
    """The opening of an assignment says its minutes and points, and they are right."""
    total = sum(one.points for one in exercises(notebook))
    minutes = sum(one.minutes for one in exercises(notebook))
    if f"**{total} points**" not in notebook.cells[0].source:
        yield f"the opening cell does not say '**{total} points**'"
    if f"**Time**: {minutes} minutes" not in notebook.cells[0].source:
        yield f"the opening cell does not say '**Time**: {minutes} minutes'"


EVERY: tuple[Rule, ...] = (short_cells, stated, no_mathjax)
LESSON: tuple[Rule, ...] = (*EVERY, size, opening, parameters, predictions, ending)
ASSIGNMENT: tuple[Rule, ...] = (*EVERY, hidden, alone, worth)


def figures_every(count: int, figures: list[int]) -> Iterator[str]:
    """No five cells in a row without a figure; ``figures`` are the cells that drew one."""
    for before, after in zip([-1, *figures], [*figures, count], strict=True):
        if after - before > FIGURE_EVERY:
            yield f"no figure among cells {before + 2} to {after}"


def sheet(proof: Proof, lesson: NotebookNode, assignment: NotebookNode) -> Iterator[str]:
    """The proof sheet changes parameters that exist and tries two wrong answers an exercise."""
    given = [cell.source for cell in lesson.cells if role(cell) is Role.PARAMETERS]
    for name in sorted(set(proof.parameters) - names("\n".join(given))):
        yield f"'{name}' is no parameter"
    if not proof.parameters:
        yield "no parameter is changed"
    marked = [one.name for n in (lesson, assignment) for one in exercises(n) if one.tests]
    for name in sorted({name for name in marked if marked.count(name) > 1}):
        yield f"lesson and assignment both have an exercise '{name}'"
    tried = [one.exercise for one in proof.wrong]
    for name in sorted(set(tried) - set(marked)):
        yield f"'{name}' is no exercise that tests mark"
    for name in marked:
        if tried.count(name) < WRONG_ANSWERS:
            yield f"{tried.count(name)} wrong answers to '{name}', at least {WRONG_ANSWERS}"
    for one in proof.wrong:
        if not one.loses:
            yield f"a wrong answer to '{one.exercise}' ({one.why}) loses nothing"


def check(lesson: Lesson) -> list[str]:
    """All rules on a lesson, its assignment and its proof sheet; [] if they are kept."""
    taught, given = load(lesson.notebook), load(lesson.assignment)
    found = [f"lesson: {what}" for rule in LESSON for what in rule(taught)]
    found += [f"assignment: {what}" for rule in ASSIGNMENT for what in rule(given)]
    found += [f"proof sheet: {what}" for what in sheet(load_proof(lesson.proof), taught, given)]
    for path in (lesson.notebook, lesson.assignment):
        if path.read_text(encoding="utf-8") != dump(tidy(load(path))):
            found.append(f"{path.name} has outputs or leftovers: `python -m curriculum.build tidy`")
    return [f"{lesson.name} {what}" for what in found]
