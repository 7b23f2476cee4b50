"""Autograding with nbgrader's own command: the service's containers run what was handed in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.grading.desks import (
    HIDDEN,
    Desk,
    answered,
    desk,
    service_for_desks,
    source_notebook,
)
from tests.grading.services import COURSE, Service

FORGERY = """answer = 42
import os, sqlite3
for place in ("/home/jovyan/gradebook.db", "gradebook.db"):
    try:
        sqlite3.connect(place).execute("update grade set auto_score = 10")
    except Exception:
        pass
os._exit(0)
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Iterator[tuple[Service, dict[str, Desk]]]:
    """A service, and the servers of a course and of three owners whose work is autograded."""
    folder = tmp_path_factory.mktemp("graded")
    with ExitStack() as stack:
        service = stack.enter_context(service_for_desks(folder, grades=True))
        names = ("course-ai", "ada", "ben", "ken")
        desks = {name: stack.enter_context(desk(service, name, folder)) for name in names}
        course = desks["course-ai"]
        course.write(
            {
                "source/ps1/work.ipynb": source_notebook(),
                "source/ps1/helper.py": b"ONE = 1\n",
                "source/ps1/assignment.toml": b"penalty = {percent_per_day = 10}\n",
            }
        )
        course.nbgrader("generate_assignment", "ps1")
        course.nbgrader("release_assignment", "ps1")
        for name, answer in (("ada", "answer = 42"), ("ben", "answer = 1"), ("ken", FORGERY)):
            _hand_in(desks[name], answer)
        course.nbgrader("collect", "ps1")
        course.nbgrader("autograde", "ps1")
        yield service, desks


def _hand_in(one: Desk, answer: str) -> None:
    one.nbgrader("fetch_assignment", "ps1", "--course", "ai", "--replace")
    work = "assignments/ai/ps1/work.ipynb"
    one.write({work: answered((one.home / work).read_text(), answer)})
    one.nbgrader("submit", "ps1", "--course", "ai")


def test_points_come_from_containers_and_forgeries_get_none(graded):
    _, desks = graded
    found = desks["course-ai"].call("gradebook", assignment="ps1")
    assert {owner: one["points"]["test"] for owner, one in found.items()} == {
        "ada": 10, "ben": 0, "ken": 0,
    }  # fmt: skip
    assert found["ken"]["flagged"]
    assert found["ken"]["look"]
    assert not found["ada"]["flagged"]


def test_instructors_see_the_notebook_as_it_ran_with_what_to_look_at(graded):
    home = graded[1]["course-ai"].home
    cells = json.loads((home / "autograded/ken/ps1/work.ipynb").read_text())["cells"]
    assert "Tampering" in "".join(cells[0]["source"])
    ran = json.loads((home / "autograded/ada/ps1/work.ipynb").read_text())["cells"]
    assert HIDDEN in "".join(ran[1]["source"])


def test_feedback_and_marks_go_back_to_each_alone(graded):
    service, desks = graded
    course = desks["course-ai"]
    course.nbgrader("generate_feedback", "ps1")
    before = service.to("ada", Authorization="token ada").get(f"{COURSE}/marks").json()
    assert before == []
    course.nbgrader("release_feedback", "ps1")
    for name, points in (("ada", 10), ("ben", 0)):
        one = desks[name]
        one.nbgrader("fetch_feedback", "ps1", "--course", "ai")
        (folder,) = (one.home / "assignments/ai/ps1/feedback").iterdir()
        assert [path.name for path in folder.iterdir()] == ["work.html"]
        page = (folder / "work.html").read_text()
        assert f"{points} of 10 points" in page
        assert HIDDEN not in page
        assert "not 42" not in page
        token = f"token {name}"
        (mark,) = service.to(name, Authorization=token).get(f"{COURSE}/marks").json()
        assert (mark["owner"], mark["score"]) == (name, points)
    course.nbgrader("export", "--to=/home/jovyan/marks.csv", "--assignment=['ps1']")
    with (course.home / "marks.csv").open(newline="") as file:
        rows = {row["login"]: float(row["total"]) for row in csv.DictReader(file)}
    assert rows == {"ada": 10, "ben": 0, "ken": 0}


def test_a_late_hand_in_is_graded_again_alone_and_loses_what_the_rule_says(graded):
    service, desks = graded
    course = desks["course-ai"]
    instructor = service.to("course-ai", Authorization="token course-ai")
    (ben,) = [one for one in instructor.get(f"{COURSE}/assignments/ps1/submissions").json()
              if one["owner"] == "ben"]  # fmt: skip
    soon = {"due": ben["received_at"]}
    assert instructor.put(f"{COURSE}/assignments/ps1", json=soon).is_success
    _hand_in(desks["ben"], "answer = 42")
    course.nbgrader("collect", "ps1", "--update")
    said = course.nbgrader("autograde", "ps1")
    assert said.count("Autograding") == 1
    found = course.call("gradebook", assignment="ps1")
    assert (found["ben"]["score"], found["ben"]["penalty"]) == (10, 1)
    assert found["ada"]["penalty"] == 0
    course.call("mark_by_hand", assignment="ps1", student="ben", cell="words", points=5)
    course.nbgrader("generate_feedback", "ps1", "--student=ben", "--force")
    found = course.call("gradebook", assignment="ps1")
    assert (found["ben"]["score"], found["ben"]["penalty"]) == (15, 1.5)


def test_formgraders_buttons_work_and_tell_refusals_in_their_log(graded):
    _, desks = graded
    course = desks["course-ai"]
    released, collected, judged, missing, listed, submissions = course.call(
        "formgrader",
        actions=[
            ["release_assignment", "ps1"],
            ["collect", "ps1"],
            ["autograde", "ps1", "ada"],
            ["autograde", "ps1", "nobody"],
            ["get_assignments"],
            ["get_submissions", "ps1"],
        ],
    )
    assert not released["success"]
    assert "ps1 is released already: withdraw it first" in released["log"]
    assert "Collected already: ada" in collected["log"]
    assert judged["success"], judged
    assert not missing["success"]
    (one,) = listed
    assert (one["status"], one["num_submissions"]) == ("released", 3)
    scores = {one["student"]: one["score"] for one in submissions}
    assert scores["ada"] == 10


def test_what_was_not_collected_is_not_graded_and_the_rest_is(graded):
    course = graded[1]["course-ai"]
    course.write({"submitted/zoe/ps1/work.ipynb": source_notebook()})
    said = course.nbgrader("autograde", "ps1", "--force", "--student=zoe", fails=True)
    assert "was not collected from the exchange" in said
    assert course.call("gradebook", assignment="ps1").get("zoe", {"score": 0})["score"] == 0
    assert not (course.home / "autograded/zoe/ps1").exists()
