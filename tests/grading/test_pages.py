"""The pages: what they show to whom, and that nothing of a notebook becomes a page of ours."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from grading.service.app import PREFIX
from tests.grading.services import (
    COURSE,
    HEADER,
    archive,
    hand_back,
    hand_in,
    mark,
    release,
)

HOSTILE = "<script>parent.OWNED=1</script>"
PROGRESS = "/courses/ai"


@pytest.fixture(scope="module")
def house(service):
    """Ada's and her team's work, marked and handed back; ben's handed in late, no more."""
    with service.to("ines") as ines, service.to("ada") as ada, service.to("ben") as ben:
        release(ines)
        release(ines, "project", kind="team")
        service.ada = hand_in(ada).json()
        service.team = hand_in(ada, "project", owner="team-apollo").json()
        given = mark("ps1", service.ada, 6.5)
        given["cells"][0] |= {"comment": f"nearly {HOSTILE}", "name": f"cell{HOSTILE}"}
        body = [given, mark("project", service.team, 8)]
        assert ines.put(f"{COURSE}/marks", json=body).is_success
        hand_back(ines, "ps1", service.ada)
        ines.put(f"{COURSE}/assignments/ps1", json={"due": "2026-01-01T00:00"})
        hand_in(ben)
    return service


@pytest.fixture
def browser(house) -> Iterator:
    """A factory: a browser of somebody, which asks for pages and follows nothing by itself."""
    opened = []

    def make(login: str, **headers: str) -> httpx.Client:
        one = httpx.Client(
            base_url=house.url + PREFIX, headers={HEADER: login, **headers}, trust_env=False
        )
        opened.append(one)
        return one

    yield make
    for one in opened:
        one.close()


def shown(answer: httpx.Response) -> str:
    """What a reader sees of a page."""
    assert answer.status_code == 200, (answer.status_code, answer.text[:500])
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(text))


def test_everybody_finds_their_courses(browser):
    assert "AI instructor Progress" in shown(browser("ines").get("/"))
    assert "AI student My work" in shown(browser("ben").get("/"))
    assert "You are in no course" in shown(browser("otto").get("/"))


def test_an_instructor_sees_everybody_and_what_fails(browser):
    page = browser("ines").get(PROGRESS)
    text = shown(page)
    assert re.search(r"Ada \S 6.5 of 10 returned", text)
    assert re.search(r"Ben \S handed in \d+ days late", text)
    assert "Team apollo 8 of 10 graded" in text
    assert "1 of 1" in text
    assert page.text.count("data-histogram=") == 2
    assert HOSTILE not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_a_student_sees_their_own_and_no_mark_before_it_is_returned(browser):
    page = browser("ada").get(PROGRESS)
    text = shown(page)
    assert "6.5 of 10" in text
    assert f"nearly {HOSTILE}" in html.unescape(page.text)
    assert HOSTILE not in page.text
    assert "8 of 10" not in text, "the team's work is not handed back"
    assert "Ben" not in text and "echarts" not in page.text
    assert "6.5" not in shown(browser("ben").get(PROGRESS))


def test_feedback_is_shown_in_a_sandbox_to_its_owner_alone(house, browser):
    where = f"{PROGRESS}/assignments/ps1/submissions/{house.ada['id']}/feedback"
    answer = browser("ada").get(where)
    assert answer.status_code == 303
    page = browser("ada").get(answer.headers["location"].removeprefix(PREFIX))
    assert page.text.startswith("<h1>Well done</h1>")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy and "connect-src" not in policy
    for login in ("ben", "team-apollo"):
        for path in (where, f"{where}/0"):
            assert browser(login).get(path).status_code == 404
    assert browser("ada").get(f"{where}/1").status_code == 404
    assert browser("ada").get(f"{where}/-1").status_code == 404


def test_feedback_of_several_pages_is_listed(house, browser):
    pages = {f"{name}{HOSTILE.replace('/', '')}.html": b"<p>" for name in ("one", "two")}
    with house.to("ines") as ines:
        where = f"{COURSE}/assignments/project/submissions/{house.team['id']}/feedback"
        assert ines.post(where, content=archive(pages)).is_success
    page = browser("ada").get(where)
    assert shown(page).count(".html") == 2
    assert "<script>parent" not in page.text


def test_a_page_is_given_to_no_script_and_no_frame(browser):
    for kind in ("empty", "iframe", "script"):
        answer = browser("ada", **{"sec-fetch-dest": kind}).get(PROGRESS)
        assert answer.status_code == 403
        assert "in a tab of its own" in answer.text


def test_who_is_not_logged_in_is_sent_to_log_in_and_who_is_not_in_it_told_so(browser):
    answer = browser("").get(PROGRESS)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{PREFIX}/login?next=")
    answer = browser("eve").get(PROGRESS)
    assert answer.status_code == 404
    assert "There is no course ai that you are in." in html.unescape(answer.text)
    assert answer.headers["content-type"].startswith("text/html")


def test_styles_and_scripts_are_served(browser):
    for name in ("grading.css", "page.js", "progress.js"):
        assert browser("ada").get(f"/static/{name}").status_code == 200
