"""Formgrader in a tab of its own for an instructor, and not at all for a participant."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.grading.services import archive, notebook
from tests.labs import Lab
from tests.people_in_browsers import SLOW

COURSE = "course-ai-foundations"
EMPTY = "No data available in table"


def asking(lab: Lab, account: str) -> httpx.Client:
    """The grading service's API, as an account's server asks it."""
    scopes = {"scopes": ["access:services!service=grading"]}
    answer = lab.api("POST", f"/users/{account}/tokens", json=scopes)
    assert answer.status_code == 201, answer.text
    api = f"{lab.url}/services/grading/api/v1/courses/ai-foundations/"
    headers = {"Authorization": f"token {answer.json()['token']}"}
    return httpx.Client(base_url=api, headers=headers, timeout=30)


def test_an_instructor_finds_an_empty_formgrader_and_a_participant_none(fresh, person):
    ines = person("ines")
    ines.log_in()
    page = ines.start(COURSE)
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    with ines.context.expect_page() as opened:
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Formgrader$")).click()
    tab = opened.value
    tab.wait_for_url(f"**/user/{COURSE}/formgrader/manage_assignments", timeout=SLOW)
    expect(tab.get_by_text(EMPTY)).to_be_visible(timeout=SLOW)
    assert tab.evaluate("window === window.top")
    # The service is there: without it formgrader warns, and releases nothing.
    expect(tab.locator(".alert-warning")).to_have_count(0)
    tab.goto(f"{fresh.url}/hub/home")
    tab.locator("#course-ai-foundations").get_by_role("link", name="Progress").click()
    tab.wait_for_url("**/services/grading/courses/ai-foundations")
    expect(tab.locator("h1")).to_contain_text("AI foundations")

    ada = person("ada")
    ada.log_in()
    expect(ada.card("ada")).to_be_visible()
    expect(ada.card(COURSE)).to_have_count(0)
    for path in ("lab", "formgrader"):
        answer = ada.page.goto(f"{fresh.url}/user/{COURSE}/{path}")
        assert answer.status in (403, 404)
        expect(ada.page.get_by_text(EMPTY)).to_have_count(0)


def test_formgraders_links_lead_to_the_courses_own_files(fresh, person):
    ines = person("ines")
    ines.log_in()
    ines.start(COURSE)
    source = fresh.data / "courses" / "ai-foundations" / "source" / "week-1"
    fresh.sh(COURSE, "mkdir -p source/week-1 && echo read me > source/week-1/first.md")
    assert source.is_dir()
    ines.page.goto(f"{fresh.url}/user/{COURSE}/formgrader/manage_assignments")
    with ines.context.expect_page() as opened:
        ines.page.get_by_role("link", name="week-1", exact=True).click()
    opened.value.wait_for_url(f"**/user/{COURSE}/lab/tree/source/week-1", timeout=SLOW)
    expect(opened.value.locator(".jp-DirListing-item", has_text="first.md")).to_be_visible(
        timeout=SLOW
    )


def test_the_courses_card_leads_to_the_assignment_list(fresh, person):
    ada = person("ada")
    ada.log_in()
    ada.start("ada", "desk")
    ada.page.goto(f"{fresh.url}/hub/home")
    course = ada.page.locator("#course-ai-foundations")
    course.get_by_role("link", name="Assignments").click()
    ada.wait_for_lab()
    expect(ada.page.locator("#nbgrader-assignment-list")).to_be_visible(timeout=SLOW)


def test_the_courses_card_says_what_is_due_handed_in_and_marked(lab, person):
    ada = person("ada")
    page = ada.log_in()
    line = page.locator("#course-ai-foundations li").filter(has_text="on-the-card")
    work = archive({"work.ipynb": notebook("answer = 41")})
    files = {"release/work.ipynb": notebook(), "source/work.ipynb": notebook(points=10)}
    with asking(lab, COURSE) as course, asking(lab, "ada") as own:
        where = "assignments/on-the-card"
        rules = {"due": "2099-05-01T12:00:00+00:00"}
        assert course.put(where, json=rules).is_success
        assert course.post(f"{where}/release", content=archive(files)).is_success
        page.reload()
        expect(line).to_contain_text("due")
        expect(line).to_contain_text("2099")
        one = own.post(f"{where}/submissions", content=work).json()
        page.reload()
        expect(line).to_contain_text("handed in")
        mark = {"assignment": "on-the-card", "owner": "ada", "submission": one["id"],
                "score": 7.5, "max_score": 10, "cells": []}  # fmt: skip
        assert course.put("marks", json=[mark]).is_success
        feedback = archive({"work.html": b"<h1>Well done</h1>"})
        back = course.post(f"{where}/submissions/{one['id']}/feedback", content=feedback)
        assert back.is_success, back.text
    page.reload()
    expect(line).to_contain_text("7.5 of 10")
    line.get_by_role("link", name="on-the-card").click()
    expect(page.get_by_role("heading", name="Well done")).to_be_visible()
