"""Asking for submissions to be graded, and reading what came of it; no container is needed."""

from __future__ import annotations

import io

import pytest

from grading.autograder.queue import Result, Wanted
from grading.errors import GradingError
from grading.materials import Materials
from tests.grading.services import COURSE, hand_in, notebook, refused, release

PS1 = f"{COURSE}/assignments/ps1"


@pytest.fixture
def out(either):
    """A service where ada has handed in twice and ben once."""
    with either.to("ines") as ines, either.to("ada") as ada, either.to("ben") as ben:
        release(ines)
        either.first = hand_in(ada).json()["id"]
        either.latest = hand_in(ada, files={"work.ipynb": notebook("two")}).json()["id"]
        either.ben = hand_in(ben).json()["id"]
    return either


def finish(service, job: str, **verdict) -> None:
    """Bring a job to its end, as the autograder does."""
    queue = service.context.queue
    assert queue.start(job, "sha256:image", ())
    with service.context.contents.blobs.batch() as batch:
        executed = {"work.ipynb": batch.put(io.BytesIO(b'{"executed": true}')).sha256}
    assert queue.finish(job, Result(verdict, executed))


def test_the_latest_of_each_is_asked_for_once(out):
    with out.to("course-ai") as course, out.to("ada") as ada:
        refused(ada.post(f"{PS1}/autograde", json={}), 403, "instructors_only")
        answer = course.post(f"{PS1}/autograde", json={})
        assert answer.status_code == 202, answer.text
        jobs = answer.json()["jobs"]
        assert [(j["submission"], j["state"]) for j in jobs] == [
            (out.latest, "waiting"),
            (out.ben, "waiting"),
        ]
        assert course.post(f"{PS1}/autograde", json={"again": True}).json()["jobs"] == jobs
        named = course.post(f"{PS1}/autograde", json={"submissions": [out.first]}).json()["jobs"]
        assert [j["submission"] for j in named] == [out.first]
        before = out.everything()
        wrong = {"submissions": [out.first, "sub-nothingthere"]}
        refused(course.post(f"{PS1}/autograde", json=wrong), 404, "submission_unknown")
        assert out.everything() == before


def test_what_came_of_it_is_read_by_instructors_of_the_course_alone(out):
    with out.to("ines") as ines, out.to("ada") as ada, out.to("course-ml") as other:
        [job] = ines.post(f"{PS1}/autograde", json={"submissions": [out.first]}).json()["jobs"]
        where = f"{COURSE}/autograde/{job['id']}"
        finish(out, job["id"], notebooks={})
        found = ines.get(where).json()
        assert (found["state"], found["result"]) == ("done", {"notebooks": {}})
        assert (found["notebooks"], found["source_version"]) == (["work.ipynb"], 1)
        executed = ines.get(f"{where}/notebooks/work.ipynb")
        assert executed.content == b'{"executed": true}'
        assert executed.headers["content-security-policy"] == "sandbox"
        refused(ines.get(f"{where}/notebooks/other.ipynb"), 404, "notebook_unknown")
        refused(ada.get(where), 403, "instructors_only")
        refused(other.get(where.replace("/ai/", "/ml/")), 404, "job_unknown")
        same = ines.post(f"{PS1}/autograde", json={"submissions": [out.first]}).json()["jobs"]
        assert same == [{**job, "state": "done"}]
        more = {"submissions": [out.first], "again": True}
        [again] = ines.post(f"{PS1}/autograde", json=more).json()["jobs"]
        assert again["id"] != job["id"]


def test_nothing_is_graded_before_there_is_a_release(either):
    with either.to("ines") as ines:
        assert ines.put(PS1, json={}).is_success
        refused(ines.post(f"{PS1}/autograde", json={}), 404, "assignment_unknown")


def test_the_container_gets_what_was_handed_in_and_never_the_tests(out, tmp_path):
    materials = Materials(out.context.database, out.context.contents)
    folder = tmp_path / "attempt"
    for name in ("submitted", "files"):
        (folder / name).mkdir(parents=True)
    source = materials.lay_out(Wanted("ai", "ps1", out.latest, 1), folder)
    written = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert written == {
        "submitted/work.ipynb": notebook("two"),
        "files/work.ipynb": notebook("# your work"),
        "files/data/a.csv": b"1,2\n",
    }
    assert source == {"work.ipynb": notebook("answer = 42", "assert answer == 42", points=10)}
    with pytest.raises(GradingError):
        materials.lay_out(Wanted("ai", "ps1", out.latest, 2), folder)
