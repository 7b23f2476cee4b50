"""The service in a lab: who somebody is comes from their server's token or their log-in."""

from __future__ import annotations

import httpx
import pytest

from tests.grading.services import HEADER, PREFIX, archive, notebook
from tests.labs import eventually
from tests.visitors import Visitor

COURSE = "/courses/ai-foundations"
API = f"{PREFIX}/api/v1"


@pytest.fixture
def server(fresh):
    """A factory: the API as an account's server calls it, with the token that it was given."""
    opened = []

    def client(account: str, profile: str) -> httpx.Client:
        fresh.start(account, profile)
        token = fresh.sh(account, "echo $JUPYTERHUB_API_TOKEN").strip()
        # Nobody is who a header of theirs says.
        headers = {"Authorization": f"token {token}", HEADER: "ines"}
        one = httpx.Client(base_url=fresh.url + API, headers=headers, timeout=30)
        opened.append(one)
        return one

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def visit(lab):
    """A factory: somebody logged in."""
    visitors = []

    def log_in(login: str) -> Visitor:
        visitor = Visitor(lab.url, login)
        visitor.log_in(lab.password(login))
        visitors.append(visitor)
        return visitor

    yield log_in
    for visitor in visitors:
        visitor.close()


def test_from_the_courses_server_to_two_desks_and_back(fresh, server, visit):
    ines = visit("ines")
    course = server("course-ai-foundations", "course")
    files = {"release/work.ipynb": notebook(), "source/work.ipynb": notebook(points=4)}
    ps1, project = f"{COURSE}/assignments/in-lab", f"{COURSE}/assignments/in-lab-teams"
    assert course.put(project, json={"kind": "team"}).is_success
    for where in (ps1, project):
        answer = course.post(f"{where}/release", content=archive(files))
        assert answer.status_code == 201, answer.text
    ada, team = server("ada", "desk"), server("team-apollo", "team-cpu")
    work = archive({"work.ipynb": notebook("mine")})
    own = ada.post(f"{ps1}/submissions", content=work).json()
    assert (own["owner"], own["author"], own["members"]) == ("ada", "ada", ["ada"])
    teams = team.post(f"{project}/submissions", content=work).json()
    assert (teams["owner"], teams["author"]) == ("team-apollo", "team-apollo")
    assert "ada" in teams["members"] and "marco" not in teams["members"]
    assert team.get(f"{ps1}/submissions/{own['id']}/files").status_code == 404
    assert ada.put(ps1, json={"attempts": 1}).status_code == 403
    assert ines.http.get(f"{fresh.url}{PREFIX}{COURSE}").status_code == 200
    rows = ines.http.get(f"{fresh.url}{API}{COURSE}/progress").json()["rows"]
    standing = {row["owner"]: row["assignments"].get("in-lab", {}) for row in rows}
    assert standing["ada"]["handed_in_at"]
    assert "team-apollo" in standing and "ines" not in standing and "marco" not in standing


def test_what_is_handed_in_is_graded_in_a_container(fresh, server):
    course, ada = server("course-ai-foundations", "course"), server("ada", "desk")
    where = f"{COURSE}/assignments/in-lab-graded"
    student = notebook("answer = None", "", points=4)
    files = {
        "release/work.ipynb": student,
        "source/work.ipynb": notebook("answer = 42", "assert answer == 42", points=4),
    }
    assert course.post(f"{where}/release", content=archive(files)).status_code == 201
    work = archive({"work.ipynb": notebook("answer = 42", "", points=4)})
    made = ada.post(f"{where}/submissions", content=work).json()
    [job] = course.post(f"{where}/autograde", json={}).json()["jobs"]
    assert job["submission"] == made["id"]

    def verdict() -> dict:
        return course.get(f"{COURSE}/autograde/{job['id']}").json()

    eventually(lambda: verdict()["state"] in ("done", "failed"), 60, "it is graded")
    found = verdict()
    assert found["state"] == "done", found["why"]
    assert found["result"]["notebooks"]["work.ipynb"]["cells"]["t"]["status"] == "passed"
    assert ada.get(f"{COURSE}/autograde/{job['id']}").status_code == 403
    executed = course.get(f"{COURSE}/autograde/{job['id']}/notebooks/work.ipynb")
    assert executed.json()["nbformat"] == 4


def test_pages_are_for_those_in_the_course_after_their_log_in(lab, visit):
    ada, olga = visit("ada"), visit("olga")
    page = ada.http.get(f"{lab.url}{PREFIX}/")
    assert page.status_code == 200
    assert "AI foundations" in page.text and "My work" in page.text
    assert ada.http.get(f"{lab.url}{PREFIX}{COURSE}").status_code == 200
    assert ada.http.get(f"{lab.url}{PREFIX}/static/vendor/echarts.min.js").status_code == 200
    assert "You are in no course" in olga.http.get(f"{lab.url}{PREFIX}/").text
    assert olga.http.get(f"{lab.url}{PREFIX}{COURSE}").status_code == 404


def test_a_browser_changes_nothing_by_itself(lab, visit):
    """Another page of the lab could send it; the service's own pages change nothing."""
    ines = visit("ines")
    assert ines.http.get(f"{lab.url}{PREFIX}/").status_code == 200
    answer = ines.http.put(f"{lab.url}{API}{COURSE}/marks", json=[])
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "reload"


def test_no_token_of_another_service_and_none_at_all_is_taken(lab):
    for headers in ({}, {"Authorization": f"token {lab.token}"}, {"Authorization": "token x"}):
        answer = httpx.get(f"{lab.url}{API}/courses", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "login_needed"
