"""The proofs see what is wrong: each fault in a lesson is reported, and nothing in a good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from curriculum.build import container, percent
from curriculum.build.exercises import answer
from curriculum.build.leaks import leaks
from tests.curriculum.example import BAD, BAD_PROOF, GOOD, write

FAULTS = [
    ("runs", "cell raises raises ZeroDivisionError"),
    ("runs", "cell says writes to stderr: careful"),
    ("figures", "1 empty axes"),
    ("figures", "cell white draws an image of one colour"),
    ("figures", "no figure among cells 6 to 12"),
    ("solution", "'twice-values' gives the solution 0 of 2"),
    ("blank", "'twice-words' gives 1 points to a blank release"),
    ("wrong", "(squares) loses {'twice-values': 2}, not {'twice-values': 2, 'twice-words': 1}"),
    ("wrong", "(leaves) does not come to an end"),
    ("papermill", "ZeroDivisionError"),
]


@pytest.fixture(scope="module")
def found(box) -> dict[str, dict]:
    """The reports on a good lesson and on a bad one."""
    course = box.out / "example"
    course.mkdir()
    write(course, "00-good")
    write(course, "01-bad", BAD, BAD_PROOF)
    return container.prove(box, ["00-good", "01-bad"], Path("/out/example"))


def test_a_good_lesson_has_no_problem(found):
    problems = found["00-good"]["problems"]
    assert {kind: said for kind, said in problems.items() if said} == {}
    assert found["00-good"]["facts"]["lesson"]["figures"] == 1


@pytest.mark.parametrize(("kind", "said"), FAULTS)
def test_a_fault_is_reported(found, kind, said):
    problems = found["01-bad"]["problems"]
    assert any(said in one for one in problems[kind]), problems


def test_the_student_version_is_searched_for_what_it_must_not_hold():
    source, uncut, cut = (percent.read(GOOD) for _ in range(3))
    for cell in uncut.cells:
        cell.source = answer(cell.source)
    assert [one for one in leaks(source, uncut) if "'return 2 * x…'" in one]
    assert [one for one in leaks(source, uncut) if "'assert twice(-3) == -6…'" in one]
    cut.cells = [cell for cell in cut.cells if "return 2 * x" not in cell.source]
    cut.cells = [cell for cell in cut.cells if "HIDDEN" not in cell.source]
    assert leaks(source, cut) == []
    cut.cells[1].outputs = [{"output_type": "stream", "name": "stdout", "text": "4"}]
    assert leaks(source, cut) == [f"cell {cut.cells[1].id} has outputs"]
