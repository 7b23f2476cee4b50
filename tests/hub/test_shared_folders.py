"""Scenarios stand among everybody's files and nobody can write them; the course is a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from curriculum.build.publish import Repository
from tests.curriculum.test_publish import course
from tests.labs import eventually


def test_everybody_sees_the_scenarios_among_their_files(fresh):
    card = fresh.data / "scenarios" / "card.md"
    card.write_text("# Prices\n")
    fresh.start("ada", "desk")
    listed = fresh.request("GET", "/user/ada/api/contents/scenarios")
    assert listed.status_code == 200, listed.text
    assert "card.md" in [entry["name"] for entry in listed.json()["content"]]
    body = {"type": "file", "format": "text", "content": "changed"}
    answer = fresh.request("PUT", "/user/ada/api/contents/scenarios/card.md", json=body)
    assert answer.status_code >= 400
    assert card.read_text() == "# Prices\n"


@pytest.fixture
def repository(lab) -> Iterator[Repository]:
    """The lab's course; other tests have none."""
    one = Repository(lab.data / "curriculum" / "ai-foundations.git")
    yield one
    shutil.rmtree(one.path)


def test_everybody_has_the_course_and_may_write_in_it(fresh, repository, tmp_path):
    repository.follow(repository.add(course(tmp_path / "course", lesson="{}")))
    fresh.start("ada", "desk")
    lesson = fresh.data / "people" / "ada" / "ai-foundations" / "lesson.ipynb"
    eventually(lesson.is_file, 30, "the course came")
    fresh.sh("ada", "echo mine > ai-foundations/lesson.ipynb")
    assert "mine" in lesson.read_text()


def test_what_a_person_put_there_is_left_alone(fresh):
    own = fresh.data / "people" / "ada" / "scenarios"
    fresh.start("ada", "desk")
    fresh.sh("ada", "rm scenarios && mkdir scenarios && echo mine > scenarios/notes.txt")
    fresh.stop("ada")
    fresh.start("ada", "desk")
    assert (own / "notes.txt").read_text() == "mine\n"
    fresh.sh("ada", "rm -r scenarios")
