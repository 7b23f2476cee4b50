"""Every lesson and assignment is run, marked, answered wrongly and run with other parameters."""

from __future__ import annotations

import pytest

from curriculum.build import table
from curriculum.build.course import HOME, lessons

NAMES = [lesson.name for lesson in lessons()]

pytestmark = pytest.mark.parametrize("name", NAMES)


def test_it_runs_to_the_end_within_a_minute_and_with_nothing_on_stderr(proofs, name):
    assert proofs[name]["problems"]["runs"] == []


def test_every_figure_is_drawn_and_shows_something(proofs, name):
    assert proofs[name]["problems"]["figures"] == []
    assert proofs[name]["facts"]["lesson"]["figures"] > 0


def test_the_solution_gets_full_marks(proofs, name):
    assert proofs[name]["problems"]["solution"] == []


def test_a_blank_release_gets_no_point(proofs, name):
    assert proofs[name]["problems"]["blank"] == []


def test_the_student_version_holds_no_solution_and_no_hidden_test(proofs, name):
    assert proofs[name]["problems"]["student"] == []


def test_wrong_answers_lose_exactly_the_points_named(proofs, name):
    assert proofs[name]["problems"]["wrong"] == []


def test_papermill_runs_it_with_other_parameters(proofs, name):
    assert proofs[name]["problems"]["papermill"] == []


def test_its_row_in_the_readme_is_of_these_sources(proofs, name):
    [lesson] = [one for one in lessons() if one.name == name]
    row = table.row(lesson, proofs[name]["facts"])
    kept = table.kept().get(str(lesson.notebook.relative_to(HOME)), "")
    assert table.without_times(kept) == table.without_times(row), "python -m curriculum.build prove"
