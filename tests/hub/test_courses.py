"""A course's account and server: there from the start, its instructors' alone, hardened."""

from __future__ import annotations

import json

import pytest

from tests.labs import docker
from tests.visitors import Visitor

COURSE = "course-ai-foundations"
# What a container may do; `tests/attacks` compares a desk's with a probe from inside.
HARDENED = (
    "CapDrop", "CapAdd", "SecurityOpt", "PidsLimit", "Privileged", "NetworkMode", "Init",
    "MemorySwappiness", "Sysctls", "Devices", "DeviceRequests", "PortBindings", "ReadonlyPaths",
    "MaskedPaths", "LogConfig", "RestartPolicy", "UsernsMode", "PidMode", "IpcMode",
)  # fmt: skip


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


def test_a_course_has_an_account_before_anybody_came(lab):
    account = lab.api("GET", f"/users/{COURSE}").json()
    assert account["kind"] == "user"
    assert not account["admin"]


def test_an_instructor_opens_it_and_finds_the_courses_own_folder(fresh, visit):
    ines = visit("ines")
    assert f'id="card-{COURSE}"' in ines.http.get(f"{fresh.url}/hub/home").text
    ines.start(COURSE, "course")
    fresh.sh(COURSE, "echo week 1 > notes.txt")
    assert (fresh.data / "courses" / "ai-foundations" / "notes.txt").read_text() == "week 1\n"
    found = ines.http.get(f"{fresh.url}/user/{COURSE}/api/me").json()["identity"]
    assert (found["username"], found["name"]) == ("ines", "Ines Ho")
    page = ines.http.get(f"{fresh.url}/user/{COURSE}/formgrader/manage_assignments")
    assert page.status_code == 200
    assert "Manage Assignments" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_its_container_is_locked_in_as_a_desk_is(fresh, visit):
    visit("ines").start(COURSE, "course")
    fresh.start("ada", "desk")
    course, desk = fresh.inspect(COURSE), fresh.inspect("ada")
    assert course["Config"]["Labels"]["cohort.kind"] == "course"
    assert course["Config"]["User"] == "1000:1000"
    assert {k: course["HostConfig"].get(k) for k in HARDENED} == {
        k: desk["HostConfig"].get(k) for k in HARDENED
    }
    assert course["HostConfig"]["Memory"] == course["HostConfig"]["MemorySwap"] == 2 * 1024**3
    mine = f"{fresh.data}/courses/ai-foundations:/home/jovyan:rw"
    assert mine in course["HostConfig"]["Binds"]
    assert course["HostConfig"]["Binds"][1:] == desk["HostConfig"]["Binds"][1:]
    code = (
        "import os, json; print(json.dumps({k: v for k, v in os.environ.items() if 'COHORT' in k}))"
    )
    env = json.loads(fresh.sh(COURSE, f'python -c "{code}"'))
    assert (env["COHORT_KIND"], env["COHORT_COURSE"]) == ("course", "ai-foundations")
    assert env["COHORT_GRADING_URL"].endswith(":8084/services/grading")


@pytest.mark.parametrize("login", ["ada", "marco", "olga"])
def test_nobody_else_opens_it(fresh, visit, login):
    visit("ines").start(COURSE, "course")
    other = visit(login)
    assert f'id="card-{COURSE}"' not in other.http.get(f"{fresh.url}/hub/home").text
    for path in ("lab", "formgrader", "api/contents"):
        answer = other.http.get(f"{fresh.url}/user/{COURSE}/{path}")
        assert answer.status_code in (403, 404), answer.text[:300]
        assert "nbgrader" not in answer.text


@pytest.mark.parametrize("login", ["ada", "marco"])
def test_a_participant_and_a_mentor_do_not_even_start_it(fresh, visit, login):
    other = visit(login)
    answer = other.http.post(
        f"{fresh.url}/hub/spawn/{COURSE}", params={"_xsrf": other.xsrf}, data={"profile": "course"}
    )
    assert answer.status_code in (403, 404)
    assert not fresh.server(COURSE)
    assert fresh.container(COURSE) not in docker("ps", "-a", "--format", "{{.Names}}")


def test_the_service_knows_the_courses_server_from_a_desk(fresh, visit):
    """Roles come with the token, which nobody in a container can change."""
    visit("ines").start(COURSE, "course")
    fresh.start("ada", "desk")
    fresh.start("team-apollo", "team-cpu")
    code = (
        "from grading.nbgrader.client import service; import json;"
        "print(json.dumps([[c['id'], c['role']] for c in service().get('courses')]))"
    )
    roles = {
        account: json.loads(fresh.sh(account, f'python -c "{code}"'))
        for account in (COURSE, "ada", "team-apollo")
    }
    assert roles == {
        COURSE: [["ai-foundations", "instructor"]],
        "ada": [["ai-foundations", "student"]],
        "team-apollo": [["ai-foundations", "student"]],
    }
