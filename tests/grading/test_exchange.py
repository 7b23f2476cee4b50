"""Release, fetch, hand in, list, take: everybody theirs and only theirs, on both databases."""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime, timedelta

import pytest

from grading.submissions import receipt
from grading.tables import Submission
from tests.grading.services import (
    COURSE,
    archive,
    hand_in,
    notebook,
    refused,
    release,
    unpacked,
)

PS1 = f"{COURSE}/assignments/ps1"


@pytest.fixture
def out(either):
    """A service with ``ps1`` (for people) and ``project`` (for teams) released."""
    with either.to("course-ai") as course:
        release(course, attempts=3)
        release(course, "project", kind="team")
    return either


def listed(client, name: str, **params) -> dict:
    answer = client.get(f"{COURSE}/assignments", params=params)
    assert answer.status_code == 200, answer.text
    return next(one for one in answer.json() if one["name"] == name)


def test_what_is_handed_in_is_what_the_instructor_takes(out):
    files = {"work.ipynb": notebook("x"), "pictures/a.png": b"\x89PNG", "extra.ipynb": notebook()}
    with out.to("ada") as ada, out.to("ines") as ines:
        answer = hand_in(ada, files=files)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert (made["owner"], made["author"], made["number"]) == ("ada", "ada", 1)
        assert (made["missing"], made["extra"]) == ([], ["extra.ipynb"])
        assert (made["members"], made["late_seconds"]) == (["ada"], 0)
        assert len(made["sha256"]) == len(made["receipt"]) == 64
        assert datetime.fromisoformat(made["received_at"]).utcoffset() is not None
        [found] = ines.get(f"{PS1}/submissions", params={"latest": 1}).json()
        assert found == made | {"feedback": False, "score": None, "max_score": None}
        taken = ines.get(f"{PS1}/submissions/{made['id']}/files")
        assert taken.headers["content-type"] == "application/gzip"
        assert unpacked(taken.content) == files
        entry = listed(ada, "ps1")
        assert entry["attempts_left"] == 2
        assert [one["id"] for one in entry["submissions"]] == [made["id"]]
        assert entry["submissions"][0]["receipt"] == made["receipt"]


def test_a_release_is_fetched_without_the_instructors_half(out):
    with out.to("ada") as ada, out.to("ines") as ines:
        assert listed(ada, "ps1")["fetched_at"] is None
        files = unpacked(ada.get(f"{PS1}/release").content)
        assert sorted(files) == ["data/a.csv", "work.ipynb"]
        assert b"answer" not in files["work.ipynb"]
        entry = listed(ada, "ps1")
        assert entry["fetched_at"] is not None
        assert (entry["files"], entry["max_score"]) == (sorted(files), 10)
        refused(ada.get(f"{PS1}/source"), 403, "instructors_only")
        assert b"answer == 42" in unpacked(ines.get(f"{PS1}/source").content)["work.ipynb"]


def test_a_new_version_leaves_the_old_one_and_a_withdrawal_the_records(out):
    other = {"release/work.ipynb": notebook("v2"), "source/work.ipynb": notebook("v2s")}
    with out.to("course-ai") as course, out.to("ada") as ada:
        first = unpacked(ada.get(f"{PS1}/release").content)
        made = hand_in(ada).json()
        assert release(course)["version"] == 1, "the same again is no new version"
        second = course.post(f"{PS1}/release", content=archive(other)).json()
        assert second["version"] == 2
        assert unpacked(ada.get(f"{PS1}/release").content) == {"work.ipynb": notebook("v2")}
        assert unpacked(ada.get(f"{PS1}/release", params={"version": 1}).content) == first
        refused(ada.get(f"{PS1}/release", params={"version": 3}), 404, "version_unknown")
        assert course.delete(f"{PS1}/release").status_code == 204
        refused(course.delete(f"{PS1}/release"), 409, "not_released")
        refused(ada.get(f"{PS1}/release"), 404, "assignment_unknown")
        refused(hand_in(ada), 409, "not_released")
        entry = listed(ada, "ps1")
        assert entry["withdrawn"] and entry["closed"]
        assert [one["id"] for one in entry["submissions"]] == [made["id"]]
        with out.to("ben") as ben:
            assert [one["name"] for one in ben.get(f"{COURSE}/assignments").json()] == ["project"]
        assert course.post(f"{PS1}/release", content=archive(other)).json()["version"] == 2
        assert hand_in(ada).json()["version"] == 2


def test_the_same_key_is_the_same_hand_in(out):
    with out.to("ada") as ada, out.to("ben") as ben:
        first = hand_in(ada, key="a-1").json()
        before = out.everything()
        assert hand_in(ada, key="a-1").json() == first
        other = hand_in(ada, files={"work.ipynb": notebook("other")}, key="a-1")
        assert refused(other, 409, "key_used")["submission"] == first["id"]
        rows = {name: rows for name, rows in out.everything().items() if name != "files"}
        assert rows == {name: rows for name, rows in before.items() if name != "files"}
        assert hand_in(ben, key="a-1").json()["id"] != first["id"], "a key is its owner's"


def test_ten_at_once_with_one_key_are_one_hand_in_and_without_each_counts(out):
    def storm(keys: list[str | None]) -> list:
        answers, start = [], threading.Barrier(len(keys))

        def send(key: str | None) -> None:
            with out.to("ada") as client:
                start.wait()
                answers.append(hand_in(client, key=key))

        threads = [threading.Thread(target=send, args=(key,)) for key in keys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    same = storm(["storm"] * 10)
    assert [a.status_code for a in same] == [201] * 10, [a.text for a in same]
    assert len({a.json()["id"] for a in same}) == 1
    answers = storm([None] * 6)
    codes = sorted(a.status_code for a in answers)
    assert codes == [201, 201, 409, 409, 409, 409], "three attempts, of which one is used"
    assert sorted(a.json()["number"] for a in answers if a.status_code == 201) == [2, 3]
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {
        "no_attempts_left"
    }


def test_a_teams_work_is_handed_in_from_its_workspace_or_by_a_member(out):
    with out.to("team-apollo") as team, out.to("ken") as ken, out.to("ada") as ada:
        first = hand_in(team, "project").json()
        assert (first["owner"], first["author"]) == ("team-apollo", "team-apollo")
        assert first["members"] == ["ada", "ken"], "a mentor is no member"
        second = hand_in(ken, "project", owner="team-apollo").json()
        assert (second["owner"], second["author"], second["number"]) == ("team-apollo", "ken", 2)
        seen = listed(ada, "project", owner="team-apollo")["submissions"]
        assert [one["id"] for one in seen] == [first["id"], second["id"]]
        refused(hand_in(team), 422, "wrong_kind")
        refused(hand_in(ada, "project", owner="ada"), 422, "wrong_kind")
        refused(hand_in(ada, "project", owner="team-borealis"), 403, "owner_not_yours")
        refused(hand_in(ada, owner="ken"), 403, "owner_not_yours")
        before = ada.put(f"{COURSE}/assignments/project", json={"kind": "person"})
        refused(before, 403, "instructors_only")
    with out.to("ines") as ines:
        changed = ines.put(f"{COURSE}/assignments/project", json={"kind": "person"})
        refused(changed, 409, "already_handed_in")


def test_nobody_sees_what_is_anothers(out):
    with out.to("ada") as ada:
        made = hand_in(ada).json()
    where = f"{PS1}/submissions/{made['id']}"
    with out.to("ines") as ines:
        assert ines.post(
            f"{where}/feedback", content=archive({"work.html": b"<p>"})
        ).is_success  # fmt: skip
    with out.to("ben") as ben, out.to("team-apollo") as team, out.to("course-ml") as other:
        for client in (ben, team):
            refused(client.get(f"{where}/files"), 404, "submission_unknown")
            refused(client.get(f"{where}/feedback"), 404, "submission_unknown")
            assert client.get(f"{PS1}/submissions").json() == []
            refused(client.get(f"{COURSE}/assignments?owner=ada"), 403, "owner_not_yours")
        refused(other.get(f"{where}/files"), 404, "course_unknown")
        elsewhere = f"/courses/ml/assignments/ps1/submissions/{made['id']}/files"
        refused(other.get(elsewhere), 404, "submission_unknown")
    for login in ("eve", "otto", "mia", "ivan"):
        with out.to(login) as stranger:
            refused(stranger.get(f"{PS1}/release"), 404, "course_unknown")
            refused(hand_in(stranger), 404, "course_unknown")
            assert stranger.get("/courses").json() == [] or login == "ivan"
    with out.to("") as nobody:
        refused(nobody.get("/courses"), 401, "login_needed")
        refused(hand_in(nobody), 401, "login_needed")


def test_only_instructors_change_an_assignment(out):
    with out.to("ada") as ada:
        made = hand_in(ada).json()
        before = out.everything()
        body = archive({"release/a.ipynb": notebook(), "source/a.ipynb": notebook()})
        where = f"{PS1}/submissions/{made['id']}/feedback"
        for answer in (
            ada.put(PS1, json={"due": "2030-01-01T00:00"}),
            ada.post(f"{PS1}/release", content=body),
            ada.delete(f"{PS1}/release"),
            ada.post(where, content=archive({"a.html": b"<p>"})),
            ada.put(f"{PS1}/extensions/ada", json={"due": "2030-01-01T00:00", "reason": "r"}),
            ada.put(f"{COURSE}/marks", json=[]),
            ada.get(f"{COURSE}/marks.csv"),
            ada.get(f"{COURSE}/changes"),
            ada.get(f"{PS1}/extensions"),
        ):
            refused(answer, 403, "instructors_only")
        assert out.everything() == before
    with out.to("ines") as ines:
        refused(hand_in(ines), 403, "students_only")


def test_courses_are_those_one_is_in(out):
    def courses(login: str) -> list[tuple[str, str]]:
        with out.to(login) as client:
            return [(one["id"], one["role"]) for one in client.get("/courses").json()]

    assert courses("ada") == [("ai", "student")]
    assert courses("ben") == [("ai", "student"), ("ml", "student")]
    assert courses("ines") == courses("course-ai") == [("ai", "instructor")]
    with out.to("ada") as ada:
        [one] = ada.get("/courses").json()
        assert (one["account"], one["owners"]) == ("course-ai", ["ada", "team-apollo"])


def test_feedback_is_handed_back_to_its_owner_and_the_newest_is_shown(out):
    with out.to("ada") as ada, out.to("ines") as ines:
        made = hand_in(ada).json()
        where = f"{PS1}/submissions/{made['id']}/feedback"
        refused(ada.get(where), 404, "no_feedback_yet")
        first = ines.post(where, content=archive({"work.html": b"<p>one"})).json()
        again = ines.post(where, content=archive({"work.html": b"<p>one"})).json()
        assert (first, first["number"]) == (again, 1)
        assert ines.post(where, content=archive({"work.html": b"<p>two"})).json()["number"] == 2
        assert unpacked(ada.get(where).content) == {"work.html": b"<p>two"}
        assert listed(ada, "ps1")["submissions"][0]["feedback"]
        refused(ines.post(where, content=archive({"a.txt": b""})), 422, "no_feedback")


def test_a_receipt_proves_who_handed_in_what_and_when(out):
    with out.to("ada") as ada:
        made = hand_in(ada).json()
    with out.context.transaction() as session:
        row = session.get_one(Submission, made["id"])
        assert receipt(out.context.secret, row) == made["receipt"]
        assert receipt(b"another lab's key", row) != made["receipt"]
        for name, value in (
            ("owner", "ben"),
            ("sha256", "0" * 64),
            ("received_at", row.received_at - timedelta(days=1)),
        ):
            known = getattr(row, name)
            setattr(row, name, value)
            assert receipt(out.context.secret, row) != made["receipt"]
            setattr(row, name, known)


def test_every_acknowledged_file_is_in_the_store_under_its_hash(out):
    with out.to("ada") as ada:
        hand_in(ada)
    blobs = out.data / "exchange" / "blobs"
    stored = [path for path in blobs.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
