"""The rules of lessons and assignments: kept by all, and broken ones are named."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

from curriculum.build import rules
from curriculum.build.course import COURSE, Lesson, find, lessons, load_proof
from curriculum.build.errors import CurriculumError
from curriculum.build.notebooks import Role, load, role

MODEL = find("03")


@pytest.mark.parametrize("name", [lesson.name for lesson in lessons()])
def test_every_lesson_keeps_the_rules(name):
    assert rules.check(find(name)) == []


def cell_of(notebook: NotebookNode, text: str) -> NotebookNode:
    """The first cell whose source has a text."""
    return next(cell for cell in notebook.cells if text in cell.source)


def drop(text: str):
    """A change: the cell with that text goes."""
    return lambda notebook: notebook.cells.remove(cell_of(notebook, text))


def swap(old: str, new: str):
    """A change: in the first cell that has it, one text becomes another."""

    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, old)
        cell.source = cell.source.replace(old, new)

    return change


def duplicate(count: int):
    """A change: so many copies of the last cell more."""
    return lambda notebook: notebook.cells.extend([notebook.cells[-1]] * count)


BROKEN = [
    (duplicate(20), "cells, not 25 to 40"),
    (duplicate(20), "words, not 900 to 1500"),
    (drop("You will be able to"), "the first cell is no title"),
    (swap("You will be able to", "It is about"), "does not say 'You will be able to'"),
    (swap("75 minutes", "long"), "does not say '**Time**"),
    (swap("CPU", "the machine"), "does not say 'CPU'"),
    (drop("learning_rate = "), "there must be one parameters cell"),
    (swap("# how far one step goes", ""), "has no comment that explains it"),
    (swap("## Summary", "## End"), "the last cells are not"),
    (swap("\n3. Let the rate", "\n- Let the rate"), "not three stretch tasks"),
    (swap("*Difficulty 4 of 5 · 20 minutes · 4 points*", ""), "exercise 'backward' lacks"),
    (swap("20 minutes · 4 points", "20 minutes · 5 points"), "states 5 points, not 4"),
    (drop("def backward"), "test 'backward-check' comes after no exercise"),
    (drop("gradient of {name}"), "exercise 'backward' has no test"),
    (swap("### END SOLUTION", ""), "must have one region"),
    (swap("pictures.network", "\n" * 25 + "pictures.network"), "26 lines of code, at most 25"),
    (swap("dh[h <= 0] = 0", "dh[h <= 0] = 0" + "\n" * 8), "a gap of more than 10 lines"),
    (swap("`(w * x - y)²`", "$(wx - y)^2$"), "`$` is not set in reports"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN, ids=lambda value: str(value)[:40])
def test_a_broken_rule_of_lessons_is_named(change, said):
    notebook = load(MODEL.notebook)
    change(notebook)
    found = [what for rule in rules.LESSON for what in rule(notebook)]
    assert any(said in what for what in found), found


def test_a_prediction_stands_before_the_cell_to_run():
    notebook = load(MODEL.notebook)
    asked = notebook.cells.index(cell_of(notebook, "**Predict.** Batches"))
    del notebook.cells[asked + 1]
    assert any("after a prediction" in what for what in rules.predictions(notebook))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap("import numpy", "import cohort_course\nimport numpy"), "needs cohort_course"),
        (swap("**20 points**", "**21 points**"), "does not say '**20 points**'"),
        (swap("65 minutes", "60 minutes"), "does not say '**Time**: 65 minutes'"),
        (swap("### BEGIN HIDDEN TESTS", "# more"), "'line'"),
    ],
    ids=str,
)
def test_a_broken_rule_of_assignments_is_named(change, said):
    notebook = load(MODEL.assignment)
    change(notebook)
    if said == "'line'":
        swap("### BEGIN HIDDEN TESTS", "# more")(notebook)
    found = [what for rule in rules.ASSIGNMENT for what in rule(notebook)]
    assert any(said in what for what in found), found


def test_figures_are_never_five_cells_apart():
    assert list(rules.figures_every(15, [4, 9, 14])) == []
    assert list(rules.figures_every(10, [5])) == ["no figure among cells 1 to 5"]
    assert list(rules.figures_every(12, [2, 6])) == ["no figure among cells 8 to 12"]


def test_a_proof_sheet_is_held_against_the_notebooks():
    proof = load_proof(MODEL.proof)
    taught, given = load(MODEL.notebook), load(MODEL.assignment)
    assert list(rules.sheet(proof, taught, given)) == []
    taught.cells = [cell for cell in taught.cells if role(cell) is not Role.PARAMETERS]
    assert "'seed' is no parameter" in list(rules.sheet(proof, taught, given))
    few = type(proof)(parameters={}, wrong=proof.wrong[1:])
    found = list(rules.sheet(few, load(MODEL.notebook), given))
    assert found == ["no parameter is changed", "1 wrong answers to 'nudge', at least 2"]
    assert "'line' is no exercise that tests mark" in list(
        rules.sheet(proof, load(MODEL.notebook), load(MODEL.notebook))
    )


def test_a_proof_sheet_with_an_unknown_key_is_refused(tmp_path):
    sheet = tmp_path / "03-gradients.toml"
    sheet.write_text('[[wrong]]\nexercise = "nudge"\ncosts = 2\n', encoding="utf-8")
    with pytest.raises(CurriculumError, match="is no proof sheet"):
        load_proof(sheet)


def test_a_source_with_outputs_is_seen(tmp_path):
    lesson = Lesson(tmp_path, MODEL.name)
    for ours, theirs in ((lesson.notebook, MODEL.notebook), (lesson.proof, MODEL.proof),
                         (lesson.assignment, MODEL.assignment)):  # fmt: skip
        ours.parent.mkdir(parents=True, exist_ok=True)
        ours.write_text(theirs.read_text(encoding="utf-8"), encoding="utf-8")
    assert rules.check(lesson) == []
    text = lesson.notebook.read_text(encoding="utf-8")
    lesson.notebook.write_text(text.replace('"execution_count": null', '"execution_count": 1', 1))
    assert any("has outputs or leftovers" in what for what in rules.check(lesson))


def test_lessons_are_found_by_number_and_others_named():
    assert find("03") == MODEL == find("03-gradients")
    with pytest.raises(CurriculumError, match="there is no lesson 'x' among"):
        find("x")
    assert all(lesson.course == COURSE for lesson in lessons())
