"""Marks of people and teams, what one member gets instead, and the record of every change."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.grading.services import (
    COURSE,
    hand_back,
    hand_in,
    mark,
    refused,
    release,
)

MARKS = f"{COURSE}/marks"
PROJECT = f"{COURSE}/assignments/project"


@pytest.fixture
def handed_in(either):
    """A service where ada and team apollo have handed in."""
    with either.to("course-ai") as course:
        release(course)
        release(course, "project", kind="team")
    with either.to("ada") as ada, either.to("team-apollo") as team:
        either.ada = hand_in(ada).json()
        either.team = hand_in(team, "project").json()
    return either


def put(service, *given: dict, by: str = "course-ai"):
    with service.to(by) as client:
        return client.put(MARKS, json=list(given))


def seen(service, login: str) -> list[tuple]:
    with service.to(login) as client:
        return [(one["owner"], one["total"]) for one in client.get(MARKS).json()]


def changes(service) -> list[dict]:
    with service.to("ines") as ines:
        return ines.get(f"{COURSE}/changes").json()


def test_a_mark_is_seen_by_its_owner_once_it_is_handed_back(handed_in):
    service = handed_in
    assert put(service, mark("ps1", service.ada, 7, penalty=2)).json() == {"changed": 1}
    assert seen(service, "ada") == []
    with service.to("ada") as ada, service.to("ines") as ines:
        [entry] = [e for e in ada.get(f"{COURSE}/assignments").json() if e["name"] == "ps1"]
        assert entry["submissions"][0]["score"] is None
        [one] = ines.get(MARKS).json()
        assert (one["score"], one["penalty"], one["total"], one["by"]) == (7, 2, 5, "course-ai")
        assert one["returned_at"] is None
        assert hand_back(ines, "ps1", service.ada).status_code == 201
        [entry] = [e for e in ada.get(f"{COURSE}/assignments").json() if e["name"] == "ps1"]
        assert entry["submissions"][0]["score"] == 5
        assert entry["submissions"][0]["max_score"] == 10
        assert entry["submissions"][0]["feedback"]
        [own] = ada.get(MARKS).json()
        assert own["cells"] == [{"name": "t", "score": 7, "max_score": 10, "comment": "well"}]
    assert seen(service, "ada") == [("ada", 5)]
    assert seen(service, "ben") == seen(service, "ken") == seen(service, "team-apollo") == []


def test_every_member_has_the_teams_mark_but_for_an_adjustment_with_a_reason(handed_in):
    service = handed_in
    put(service, mark("project", service.team, 8))
    with service.to("ines") as ines:
        [work] = ines.get(f"{PROJECT}/submissions").json()
        assert (work["score"], work["max_score"], work["feedback"]) == (8, 10, False)
        hand_back(ines, "project", service.team)
        where = f"{PROJECT}/adjustments/team-apollo/ken"
        refused(ines.put(where, json={"score": 3}), 422, "request_invalid")
        refused(ines.put(where, json={"score": 3, "reason": "  "}), 422, "request_invalid")
        answer = ines.put(where, json={"score": 3, "reason": "was away"})
        assert answer.status_code == 200, answer.text
        nowhere = f"{PROJECT}/adjustments/team-borealis/ben"
        refused(ines.put(nowhere, json={"score": 3, "reason": "r"}), 409, "no_mark")
        person = f"{COURSE}/assignments/ps1/adjustments/ada/ada"
        refused(ines.put(person, json={"score": 3, "reason": "r"}), 422, "not_a_team")
    assert seen(service, "ada") == [("team-apollo", 8)]
    assert seen(service, "ken") == [("team-apollo", 3)]
    assert seen(service, "team-apollo") == [("team-apollo", 8)]
    with service.to("ada") as ada, service.to("ken") as ken, service.to("team-apollo") as team:
        assert "was away" not in ada.get(MARKS).text + team.get(MARKS).text
        assert "was away" in ken.get(MARKS).text
        params = {"owner": "team-apollo"}
        found = ken.get(f"{COURSE}/assignments", params=params).json()
        [entry] = [one for one in found if one["name"] == "project"]
        assert entry["submissions"][0]["score"] == 3
        [work] = ken.get(f"{PROJECT}/submissions").json()
        assert (work["score"], work["feedback"]) == (3, True)
    with service.to("ines") as ines:
        ines.put(where, json={"score": None, "reason": "was ill"})
    assert seen(service, "ken") == [("team-apollo", 8)]


def test_every_change_of_a_mark_is_on_record_and_nothing_else(handed_in):
    service = handed_in
    known = len(changes(service))
    first = mark("ps1", service.ada, 7)
    assert put(service, first).json() == {"changed": 1}
    assert put(service, first).json() == {"changed": 0}, "the same again is no change"
    assert put(service, mark("ps1", service.ada, 9), by="ines").json() == {"changed": 1}
    with service.to("ines") as ines:
        put(service, mark("project", service.team, 8))
        ines.put(f"{PROJECT}/adjustments/team-apollo/ken", json={"score": 3, "reason": "r"})
    found = changes(service)[known:]
    told = [
        (c["who"], c["what"], c["owner"], (c["before"] or {}).get("score"), c["after"]["score"])
        for c in found
    ]
    assert told == [
        ("course-ai", "mark", "ada", None, 7),
        ("ines", "mark", "ada", 7, 9),
        ("course-ai", "mark", "team-apollo", None, 8),
        ("ines", "adjustment", "team-apollo", None, 3),
    ]
    with service.to("ines") as ines:
        after = {"after": found[0]["number"], "limit": 2}
        assert ines.get(f"{COURSE}/changes", params=after).json() == found[1:3]


def test_of_many_marks_all_are_set_or_none(handed_in):
    service = handed_in
    before = service.everything()
    good = mark("ps1", service.ada, 7)
    for bad, status, code in (
        ({**good, "submission": service.team["id"]}, 422, "submission_unknown"),
        ({**good, "submission": "sub-nothingthere"}, 422, "submission_unknown"),
        ({**good, "owner": "ben"}, 422, "submission_unknown"),
        ({**good, "assignment": "other"}, 404, "assignment_unknown"),
        ({**good, "score": "NaN"}, 422, "request_invalid"),
        ({**good, "score": 1e300}, 422, "request_invalid"),
        ({**good, "penalty": -1}, 422, "request_invalid"),
        ({**good, "grade": 1}, 422, "request_invalid"),
    ):
        refused(put(service, good, bad), status, code)
    assert service.everything() == before
    body = json.dumps([good]).replace('"score": 7', '"score": Infinity')
    with service.to("ines") as ines:
        headers = {"Content-Type": "application/json"}
        refused(ines.put(MARKS, content=body, headers=headers), 422, "request_invalid")
    assert service.everything() == before


def test_a_penalty_takes_nobody_below_nothing(handed_in):
    service = handed_in
    put(service, mark("ps1", service.ada, 3, penalty=5))
    put(service, mark("project", service.team, -1, penalty=5))
    assert sorted(seen(service, "ines")) == [("ada", 0), ("team-apollo", -1)]


def test_the_table_has_a_line_for_each_person_also_of_a_team(handed_in):
    service = handed_in
    put(service, mark("ps1", service.ada, 7, penalty=2), mark("project", service.team, 8))
    with service.to("ines") as ines:
        reason = "=HYPERLINK(1)"
        where = f"{PROJECT}/adjustments/team-apollo/ken"
        assert ines.put(where, json={"score": 3, "reason": reason}).is_success
        answer = ines.get(f"{COURSE}/marks.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["login"], r["assignment"], r["owner"], r["total"], r["adjusted"]) for r in rows] == [
        ("ada", "project", "team-apollo", "8.0", "False"),
        ("ada", "ps1", "ada", "5.0", "False"),
        ("ken", "project", "team-apollo", "3.0", "True"),
    ]
    assert rows[2]["reason"] == "'=HYPERLINK(1)", "no formula for a spreadsheet to run"


def test_progress_shows_everybody_to_instructors_and_students_their_own(handed_in):
    service = handed_in
    put(service, mark("ps1", service.ada, 7), mark("project", service.team, 10))
    with service.to("ken") as ken, service.to("ines") as ines:
        assert ken.get(f"{COURSE}/assignments/ps1/release").is_success
        hand_back(ines, "project", service.team)
        ines.put(f"{PROJECT}/adjustments/team-apollo/ken", json={"score": 4, "reason": "r"})
        whole = ines.get(f"{COURSE}/progress").json()
        own = ken.get(f"{COURSE}/progress").json()
    rows = {row["owner"]: row for row in whole["rows"]}
    assert list(rows) == ["ada", "ben", "ken", "team-apollo", "team-borealis"]
    assert rows["ada"]["assignments"]["ps1"]["score"] == 7
    assert rows["ada"]["assignments"]["ps1"]["returned_at"] is None
    assert rows["ken"]["assignments"]["ps1"]["fetched_at"]
    assert rows["ken"]["assignments"]["ps1"]["handed_in_at"] is None
    assert rows["team-apollo"]["assignments"]["project"]["returned_at"]
    assert rows["ben"] == {"owner": "ben", "name": "Ben", "assignments": {}}
    columns = {one["name"]: one for one in whole["assignments"]}
    assert columns["ps1"]["histogram"] == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert columns["project"]["histogram"] == [0] * 9 + [1]
    assert columns["ps1"]["failing"] == [{"name": "t", "failed": 1, "marked": 1}]
    assert columns["project"]["failing"] == []
    assert [row["owner"] for row in own["rows"]] == ["ken", "team-apollo"]
    assert own["rows"][1]["assignments"]["project"]["score"] == 4
    assert all(one["histogram"] == one["failing"] == [] for one in own["assignments"])
    with service.to("ada") as ada:
        [row] = [r for r in ada.get(f"{COURSE}/progress").json()["rows"] if r["owner"] == "ada"]
        standing = row["assignments"]["ps1"]
        assert standing["handed_in_at"]
        assert (standing["score"], standing["graded_at"]) == (None, None), "not returned yet"


def test_who_left_the_team_keeps_the_mark_of_their_work(handed_in, monkeypatch):
    service = handed_in
    monkeypatch.setattr(type(service.context.roster), "everybody", nobody)
    put(service, mark("project", service.team, 8))
    with service.to("ines") as ines:
        table = list(csv.DictReader(io.StringIO(ines.get(f"{COURSE}/marks.csv").text)))
    assert [(row["login"], row["total"]) for row in table] == [("ada", "8.0"), ("ken", "8.0")]


async def nobody(_) -> tuple:
    """Everybody has left."""
    return ()


def test_feedback_is_no_page_of_ours(handed_in):
    service = handed_in
    with service.to("ines") as ines, service.to("ada") as ada:
        hand_back(ines, "ps1", service.ada)
        where = f"{COURSE}/assignments/ps1/submissions/{service.ada['id']}/feedback"
        answer = ada.get(where)
        assert answer.headers["content-security-policy"] == "sandbox"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["cache-control"] == "private, no-store"
