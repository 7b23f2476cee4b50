"""The landing notebook: lists the lessons as they are, its links lead somewhere, its code runs."""

from __future__ import annotations

import shutil

import pytest

from curriculum.build import landing, percent
from curriculum.build.container import INSIDE
from curriculum.build.course import COURSE, lessons
from curriculum.build.errors import CurriculumError
from curriculum.build.notebooks import dump, load, save, tidy
from tests.curriculum.example import write

LANDING = COURSE / landing.NAME
OPENING = "# %% [markdown]\n# # 1 · Twice\n# **Time**: 5 minutes · for a team of two\n"


@pytest.fixture
def course(tmp_path):
    """A course of one lesson, with the landing notebook and what it links to."""
    write(tmp_path, "01-twice", OPENING)
    save(percent.read(OPENING), tmp_path / "source" / "01-twice" / "01-twice.ipynb")
    for name in (landing.NAME, "Glossary.md"):
        shutil.copy(COURSE / name, tmp_path)
    landing.keep(tmp_path)
    return tmp_path


def test_it_lists_the_lessons_as_they_are_and_its_links_lead_somewhere():
    assert landing.problems() == []
    text = landing.path()
    assert all(f"]({lesson.notebook.name})" in text for lesson in lessons())


def test_it_is_kept_without_outputs():
    assert LANDING.read_text(encoding="utf-8") == dump(tidy(load(LANDING)))


def test_a_lesson_has_its_title_minutes_and_whose_work_its_assignment_is(course):
    lines = landing.path(course).splitlines()
    assert "| 1 | [Twice](01-twice.ipynb) | 5 | **01-twice** | 5 | your team |" in lines
    assert "| 2 | Data | | *to come* | | |" in lines
    assert landing.problems(course) == []


def test_a_lesson_without_its_assignment_is_still_to_come(course):
    (course / "source" / "01-twice" / "01-twice.ipynb").unlink()
    assert "| 1 | The lab: your first run and its report | | *to come* | | |" in landing.path(
        course
    )


def test_an_old_list_and_a_link_to_nowhere_are_named(course):
    write(course, "02-more", OPENING.replace("# 1", "# 2"))
    (course / "Glossary.md").unlink()
    said = landing.problems(course)
    assert len(said) == 2
    assert "leads to 'Glossary.md'" in said[0] and "curriculum.build landing" in said[1]
    landing.keep(course)
    assert "(02-more.ipynb)" in landing.cell_of(load(course / landing.NAME)).source
    assert len(landing.problems(course)) == 1


def test_without_its_cell_it_is_refused(course):
    save(percent.read("# %% [markdown] id=other\n# none\n"), course / landing.NAME)
    with pytest.raises(CurriculumError, match="no cell with the id 'path'"):
        landing.keep(course)


def test_its_code_runs_and_draws(box):
    code = "\n".join(cell.source for cell in load(LANDING).cells if cell.cell_type == "code")
    box.python(
        "-W", "error", "-c",
        f"import sys; sys.path.insert(0, '{INSIDE}/{COURSE.name}')\n{code}\n"
        "from curriculum.build.figures import emptiness\n"
        "from matplotlib import pyplot\n"
        "assert pyplot.get_fignums() and not emptiness(pyplot.gcf())",
    )  # fmt: skip
