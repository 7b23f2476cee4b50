"""nbgrader's commands and pages with the lab's exchange, in containers of the workspace image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.grading.desks import HIDDEN, Desk, desk, service_for_desks, source_notebook
from tests.grading.services import COURSE, Service, hand_back, mark

MINE = "assignments/ai/ps1"
WORK = f"{MINE}/work.ipynb"
ACCOUNTS = ("course-ai", "ada", "ben", "team-apollo")


class School:
    """A service, and the servers of a course, of two people and of a team."""

    def __init__(self, service: Service, desks: dict[str, Desk]) -> None:
        self.service = service
        self.course, self.ada, self.ben, self.team = (desks[name] for name in ACCOUNTS)

    def submissions(self, name: str = "ps1") -> list[dict]:
        """All hand-ins of an assignment."""
        return self.of("course-ai").get(f"{COURSE}/assignments/{name}/submissions").json()

    def of(self, account: str):
        """A client that calls the API as an account."""
        return self.service.to(account, Authorization=f"token {account}")


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Iterator[School]:
    """A course with an assignment that is released."""
    folder = tmp_path_factory.mktemp("school")
    with ExitStack() as stack:
        service = stack.enter_context(service_for_desks(folder))
        desks = {name: stack.enter_context(desk(service, name, folder)) for name in ACCOUNTS}
        school = School(service, desks)
        school.course.write(
            {
                "source/ps1/work.ipynb": source_notebook(),
                "source/ps1/data/a.csv": b"1,2\n",
                "source/ps1/assignment.toml": b"attempts = 3\npenalty = {percent_per_day = 10}\n",
            }
        )
        school.course.nbgrader("generate_assignment", "ps1")
        school.course.call("set_due", assignment="ps1", due="2098-12-31 10:00:00 UTC")
        said = school.course.nbgrader("release_assignment", "ps1")
        assert "Released as: ai ps1, version 1" in said
        yield school


def test_release_sends_both_versions_and_the_rules(school):
    instructor = school.of("course-ai")
    rules = instructor.get(f"{COURSE}/assignments/ps1").json()
    assert rules["attempts"] == 3
    assert rules["penalty"]["percent_per_day"] == 10
    assert rules["due"].startswith("2098-12-31T18:00:00+08:00")  # the gradebook's 10:00 UTC
    source = instructor.get(f"{COURSE}/assignments/ps1/source").content
    release = school.of("ada").get(f"{COURSE}/assignments/ps1/release").content
    assert source != release
    assert "is released already" in school.course.nbgrader("release_assignment", "ps1", fails=True)
    school.course.write({"source/ps1/data/a.csv": b"1,2\n3,4\n"})
    school.course.nbgrader("generate_assignment", "ps1", "--force")
    said = school.course.nbgrader("release_assignment", "ps1", "--force")
    assert "version 2" in said


def test_what_is_released_is_listed_with_its_deadline_and_fetched_once(school):
    assert "ai ps1 (due Wed 31 Dec 2098 18:00 Asia/Hong_Kong, 3 attempts left)" in (
        school.ada.nbgrader("list", "--course", "ai")
    )
    school.ada.nbgrader("fetch_assignment", "ps1", "--course", "ai")
    fetched = (school.ada.home / WORK).read_text()
    assert "YOUR ANSWER HERE" in fetched
    assert HIDDEN not in fetched
    assert "answer = 42" not in fetched
    assert (school.ada.home / MINE / "data/a.csv").read_text() == "1,2\n3,4\n"

    (school.ada.home / WORK).write_text("mine")
    said = school.ada.nbgrader("fetch_assignment", "ps1", "--course", "ai", fails=True)
    assert "You have a copy of ps1 already" in said
    (school.ada.home / MINE / "data/a.csv").unlink()
    school.ada.nbgrader("fetch_assignment", "ps1", "--course", "ai", "--replace")
    assert (school.ada.home / MINE / "data/a.csv").is_file()
    assert (school.ada.home / WORK).read_text() == "mine"
    (school.ada.home / WORK).write_text(fetched)


def test_handing_in_tells_the_receipt_and_takes_no_links(school):
    school.ada.nbgrader("fetch_assignment", "ps1", "--course", "ai", "--replace")
    (school.ada.home / MINE / "stolen").symlink_to("/etc/passwd")
    said = school.ada.nbgrader("submit", "ps1", "--course", "ai")
    assert "Not handed in (links, too large): stolen" in said
    (one,) = [one for one in school.submissions() if one["owner"] == "ada"]
    assert f"number 1, received {one['received_at']}, receipt {one['receipt']}" in said
    assert one["author"] == "ada"
    assert one["missing"] == []


def test_who_is_handed_in_for_is_for_the_service_to_say(school):
    before = school.submissions()
    said = school.ada.nbgrader("submit", "ps1", "--course", "ai", "--student=ben", fails=True)
    assert "You cannot hand in for ben" in said
    assert school.submissions() == before


def test_work_of_a_team_is_the_teams_and_a_desk_is_told_where_to_go(school):
    school.course.write(
        {
            "source/tp/work.ipynb": source_notebook(),
            "source/tp/assignment.toml": b'kind = "team"\n',
        }
    )
    school.course.nbgrader("generate_assignment", "tp")
    school.course.nbgrader("release_assignment", "tp")
    for one in (school.team, school.ben):
        one.nbgrader("fetch_assignment", "tp", "--course", "ai")
    school.team.nbgrader("submit", "tp", "--course", "ai")
    (handed_in,) = school.submissions("tp")
    assert (handed_in["owner"], handed_in["members"]) == ("team-apollo", ["ada", "ken"])
    said = school.ben.nbgrader("submit", "tp", "--course", "ai", fails=True)
    assert "tp is handed in by teams: use the team's workspace." in said


def test_collecting_puts_whose_it_is_and_when_it_came_in(school):
    school.ben.nbgrader("fetch_assignment", "ps1", "--course", "ai")
    forged = {"timestamp.txt": b"1999-01-01 00:00:00 UTC", "cohort_submission.json/x": b"{}"}
    school.ben.write({f"{MINE}/{name}": content for name, content in forged.items()})
    school.ben.nbgrader("submit", "ps1", "--course", "ai")
    school.course.nbgrader("collect", "ps1")
    folder = school.course.home / "submitted/ben/ps1"
    (one,) = [one for one in school.submissions() if one["owner"] == "ben"]
    received = datetime.fromisoformat(one["received_at"]).astimezone(UTC)
    assert (folder / "timestamp.txt").read_text() == f"{received:%Y-%m-%d %H:%M:%S.%f} UTC"
    assert json.loads((folder / "cohort_submission.json").read_text())["id"] == one["id"]
    assert (folder / "work.ipynb").is_file()

    school.ben.nbgrader("submit", "ps1", "--course", "ai")
    assert "Collected already: ben" in school.course.nbgrader("collect", "ps1")
    school.course.nbgrader("collect", "ps1", "--update")
    newest = json.loads((folder / "cohort_submission.json").read_text())
    assert newest["number"] == 2
    listed = school.course.nbgrader("list", "ps1", "--inbound")
    assert listed.count("ai ben ps1") == 2


def test_feedback_is_fetched_to_where_the_list_shows_it(school):
    school.ada.nbgrader("fetch_assignment", "ps1", "--course", "ai", "--replace")
    school.ada.nbgrader("submit", "ps1", "--course", "ai")
    said = school.ada.nbgrader("fetch_feedback", "ps1", "--course", "ai", fails=True)
    assert "There is no feedback on ps1 yet" in said
    work = [one for one in school.submissions() if one["owner"] == "ada"][-1]
    instructor = school.of("course-ai")
    instructor.put(f"{COURSE}/marks", json=[mark("ps1", work, 7.5)])
    assert hand_back(instructor, "ps1", work).status_code == 201
    school.ada.nbgrader("fetch_feedback", "ps1", "--course", "ai")
    (page,) = (school.ada.home / MINE / "feedback").glob("*/work.html")
    assert "Well done" in page.read_text()
    actions = [["list_submitted_assignments", "ai"]]
    (entry,) = school.ada.call("assignment_list", actions=actions)
    shown = {one["timestamp"]: one for one in entry["value"][0]["submissions"]}
    one = shown[f"{page.parent.name} · 7.5 of 10 points"]
    assert one["has_local_feedback"]
    assert one["local_feedback_path"] == f"{MINE}/feedback/{page.parent.name}"
    assert HIDDEN not in school.ada.nbgrader("list", "--course", "ai", "--cached")


def test_assignment_list_tells_deadlines_and_refusals_as_sentences(school):
    released, courses, _, again, nothing, unknown = school.ben.call(
        "assignment_list",
        actions=[
            ["list_assignments", "ai"],
            ["list_courses"],
            ["fetch_assignment", "ai", "ps1 · due"],
            ["list_assignments", "ai"],
            ["submit_assignment", "ai", "nothing"],
            ["list_assignments", "ml2"],
        ],
    )
    shown = [one["assignment_id"] for one in released["value"]]
    assert any(one.startswith("ps1 · due Wed 31 Dec 2098") for one in shown)
    assert courses["value"] == ["ai"]
    assert again["value"].startswith("You have a copy of ps1 already")
    assert nothing["value"].startswith(
        "There is no folder /home/jovyan/assignments/ai/nothing to hand in"
    )
    assert unknown["value"].startswith("There is no course ml2")


def test_withdrawing_hides_the_assignment_and_keeps_what_was_handed_in(school):
    school.course.write({"source/old/work.ipynb": source_notebook()})
    school.course.nbgrader("generate_assignment", "old")
    school.course.nbgrader("release_assignment", "old")
    school.course.nbgrader("list", "old", "--remove")
    said = school.ada.nbgrader("fetch_assignment", "old", "--course", "ai", fails=True)
    assert "There is no assignment old in this course" in said
    assert " old" not in school.ada.nbgrader("list", "--course", "ai")


def test_without_the_service_people_are_told_so(school, tmp_path):
    with desk(None, "ada", tmp_path) as lost:
        said = lost.nbgrader("list", "--course", "ai", fails=True)
        assert "There is no grading service here" in said
        actions = [["list_assignments", "ai"]]
        (told,) = lost.call("assignment_list", actions=actions)
        assert told["value"].startswith("There is no grading service here")
