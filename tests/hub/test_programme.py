"""The programme's page and its calendar file, for who takes the course and for nobody else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import httpx
import pytest
from icalendar import Calendar

from cohort.programme import plan
from cohort.settings import Course
from hub_config.programme import as_ical
from tests.cohort.test_programme import lesson, settings
from tests.visitors import Visitor


@pytest.fixture
def ada(lab):
    """A participant, logged in."""
    visitor = Visitor(lab.url, "ada")
    visitor.log_in(lab.password("ada"))
    yield visitor
    visitor.close()


def events(text: bytes) -> dict[str, tuple[date, date]]:
    """{summary: (start, end)} of a calendar file."""
    book = Calendar.from_ical(text)
    return {
        str(event["summary"]): (event["dtstart"].dt, event["dtend"].dt)
        for event in book.walk("VEVENT")
    }


def test_the_page_shows_weeks_holidays_and_lessons(lab, ada):
    home = ada.http.get(f"{lab.url}/hub/home").text
    assert 'href="/hub/programme"' in home
    page = ada.http.get(f"{lab.url}/hub/programme")
    assert page.status_code == 200
    order = ["Week 1", "Week 2", "Data &amp; splits", "no lab on Mon 8 Feb, Tue 9 Feb", "Holiday",
             "Week 3", "Capstone", "until 5 Mar", "Week 4", "Capstone"]  # fmt: skip
    places, at = [], 0
    for words in order:
        at = page.text.find(words, at)
        places.append((words, at))
        assert at > 0, places


def test_the_file_is_a_calendar_of_whole_days(lab, ada):
    answer = ada.http.get(f"{lab.url}/hub/programme.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    found = events(answer.content)
    assert found["Data & splits (AI foundations)"] == (date(2027, 2, 10), date(2027, 2, 13))
    assert found["Capstone (AI foundations)"] == (date(2027, 2, 22), date(2027, 3, 6))
    assert "No lab: holiday" in found


@pytest.mark.parametrize("path", ["programme", "programme.ics"])
def test_who_is_not_logged_in_is_sent_to_the_log_in(lab, path):
    answer = httpx.get(f"{lab.url}/hub/{path}")
    assert answer.status_code == 302
    assert "login" in answer.headers["location"]


def test_an_event_that_moves_keeps_its_name():
    now = datetime(2027, 1, 1, tzinfo=UTC)
    uids = []
    for week in (1, 2):
        lab = settings({"start": "2027-02-01", "weeks": 4}, [lesson(week)])
        book = Calendar.from_ical(as_ical(lab, plan(lab, list(lab.courses)), now))
        uids.append([str(event["uid"]) for event in book.walk("VEVENT")])
    assert uids[0] == uids[1] == ["ai/01-lab@127.0.0.1"]


def test_hostile_titles_stay_text():
    title = "Week\r\nEND:VCALENDAR\r\n; , \\ "
    lab = settings({"start": "2027-02-01", "weeks": 4}, [lesson(1)])
    course = Course(id="ai", title=title, plan=lab.courses[0].plan)
    found = events(as_ical(lab, plan(lab, [course]), datetime(2027, 1, 1, tzinfo=UTC)))
    assert len(found) == 1
