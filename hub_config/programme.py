"""The programme as a page and as an iCalendar file: weeks, holidays, lessons.

Invariant: a person sees the lessons of courses that they take; the lab's staff see all. An
event keeps its UID when its date moves, so that a calendar moves it too.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event
from jupyterhub.handlers.base import BaseHandler
from tornado import web

from cohort.membership import Membership, membership_of
from cohort.programme import Placed, Week, calendar, plan
from cohort.settings import Course, Settings


def courses_for(settings: Settings, membership: Membership) -> list[Course]:
    """The courses that a participant takes; the lab's staff see all of them."""
    staff = membership.role != "participant"
    return [course for course in settings.courses if staff or course.taken_by(membership.teams)]


class ProgrammeHandler(BaseHandler):
    """``/hub/programme``: the weeks, this one marked."""

    @web.authenticated
    async def get(self):
        """Render the person's plan."""
        settings, placed = _plan_of(self)
        html = await self.render_template(
            "programme.html",
            weeks=[
                {"week": week, "lessons": [one for one in placed if _within(one, week)]}
                for week in calendar(settings.programme)
            ],
            today=date.today(),
            several=len({one.course.id for one in placed}) > 1,
        )
        self.finish(html)


class CalendarHandler(BaseHandler):
    """``/hub/programme.ics``: the same for a calendar program."""

    @web.authenticated
    async def get(self):
        """Send the file."""
        settings, placed = _plan_of(self)
        self.set_header("Content-Type", "text/calendar; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="programme.ics"')
        self.finish(as_ical(settings, placed, datetime.now(UTC)))


def as_ical(settings: Settings, placed: list[Placed], now: datetime) -> bytes:
    """Lessons and holidays as all-day events (RFC 5545); ``now`` is their DTSTAMP."""
    book = Calendar()
    book.add("prodid", "-//Cohort//Programme//EN")
    book.add("version", "2.0")
    book.add("x-wr-calname", settings.lab.name)
    host = settings.address.host
    for one in placed:
        uid = f"{one.course.id}/{one.lesson.lesson}@{host}"
        title = f"{one.lesson.title} ({one.course.title})"
        book.add_component(_event(uid, title, one.first, one.last, now))
    for week in calendar(settings.programme):
        for day in week.off:
            book.add_component(_event(f"off/{day}@{host}", "No lab: holiday", day, day, now))
    return book.to_ical()


def _event(uid: str, title: str, first: date, last: date, now: datetime) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("summary", title)
    event.add("dtstamp", now)
    event.add("dtstart", first)
    # The day after the last one, as RFC 5545 has it.
    event.add("dtend", last + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    return event


def _plan_of(handler: BaseHandler) -> tuple[Settings, list[Placed]]:
    """The settings and the person's plan; 404 in a lab without a programme."""
    settings = handler.authenticator.settings
    if settings.programme.start is None:
        raise web.HTTPError(404, "This lab has no programme: ask its operator for [programme].")
    membership = membership_of(role.name for role in handler.current_user.roles)
    return settings, plan(settings, courses_for(settings, membership))


def _within(one: Placed, week: Week) -> bool:
    return week.number is not None and one.lesson.week <= week.number <= one.lesson.last_week
