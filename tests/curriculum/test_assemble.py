"""What learners get: everything they need, and nothing that answers for them."""

from __future__ import annotations

import pytest

from curriculum.build.container import INSIDE
from curriculum.build.course import COURSE, LIBRARY, lessons
from curriculum.build.exercises import REGION
from curriculum.build.notebooks import load


@pytest.fixture(scope="module")
def learners(box):
    """The folder that learners get."""
    box.module("assemble", str(INSIDE / COURSE.name), "/out/course")
    return box.out / "course"


def test_every_lesson_is_there_with_the_library_beside_it(learners):
    assert {lesson.notebook.name for lesson in lessons()} <= {p.name for p in learners.iterdir()}
    ours = {p.name for p in (COURSE / LIBRARY).glob("*.py")}
    assert {p.name for p in (learners / LIBRARY).iterdir()} == ours


def test_sources_and_proofs_are_kept_back(learners):
    assert {"source", "proofs", "ruff.toml"} & {p.name for p in learners.iterdir()} == set()


def test_no_solution_is_in_any_file(learners):
    text = "\n".join(p.read_text(encoding="utf-8") for p in learners.rglob("*") if p.is_file())
    assert "BEGIN SOLUTION" not in text and "HIDDEN TESTS" not in text
    for lesson in lessons():
        student = "\n".join(cell.source for cell in load(learners / lesson.notebook.name).cells)
        gaps = [m["lines"] for c in load(lesson.notebook).cells for m in REGION.finditer(c.source)]
        assert gaps and [gap for gap in gaps if gap in student] == []
        assert student.count("raise NotImplementedError()") >= len(gaps)
