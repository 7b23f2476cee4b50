"""Schedules: right over clock changes, once a time, and forgiving of a lab that was off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.database import open_database
from experiments import schedules
from experiments.cron import check_cron, check_zone, last_times, next_times
from experiments.errors import ExperimentError
from experiments.offer import Shares
from experiments.requests import ScheduleChange, ScheduleRequest, parse
from experiments.states import State
from experiments.tables import Run, Schedule
from tests.experiments.queueing import APOLLO, BOREALIS, HASH, Desk

HOURLY = "0 * * * *"
NIGHTLY = "0 2 * * *"


def asked(cron: str = HOURLY, **fields) -> ScheduleRequest:
    run = {"notebook": "work.ipynb", "snapshot": HASH, **fields.pop("run", {})}
    return parse(ScheduleRequest, {"run": run, "cron": cron, **fields})


def create(desk: Desk, cron: str = HOURLY, origin=APOLLO, **fields) -> str:
    with Session(desk.database) as session, session.begin():
        return schedules.create(session, asked(cron, **fields), origin, desk.offer).id


def read(desk: Desk, schedule_id: str) -> Schedule:
    with Session(desk.database, expire_on_commit=False) as session, session.begin():
        return session.get_one(Schedule, schedule_id)


def fire(desk: Desk) -> list[Run]:
    return [desk.run(run_id) for run_id in schedules.due(desk.database, desk.offer)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def times(cron: str, zone: str, after: datetime, count: int) -> list[str]:
    found = next_times(cron, zone, after, count)
    return [f"{time.astimezone(UTC):%d %H:%M}" for time in found]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        # Spring: 01:00 to 02:00 is skipped in London, 02:00 to 03:00 in New York.
        ("Europe/London", "30 1 * * *", utc(2026, 3, 28), ["28 01:30", "29 01:00", "30 00:30"]),
        ("Europe/London", "30 2 * * *", utc(2026, 3, 28), ["28 02:30", "29 01:30", "30 01:30"]),
        ("Europe/London", "*/30 1 * * *", utc(2026, 3, 28, 12), ["30 00:00", "30 00:30"]),
        ("Europe/London", "0 * * * *", utc(2026, 3, 29), ["29 01:00", "29 02:00", "29 03:00"]),
        ("America/New_York", "30 2 * * *", utc(2026, 3, 7), ["07 07:30", "08 07:00", "09 06:30"]),
        # Autumn: 01:00 to 02:00 comes twice in both.
        ("Europe/London", "30 1 * * *", utc(2026, 10, 24), ["24 00:30", "25 00:30", "26 01:30"]),
        ("Europe/London", "30 1 * * *", utc(2026, 10, 25, 1), ["26 01:30", "27 01:30"]),
        ("Europe/London", "0 * * * *", utc(2026, 10, 24, 23), ["25 00:00", "25 01:00", "25 02:00"]),
        ("America/New_York", "30 1 * * *", utc(2026, 10, 31), ["31 05:30", "01 05:30", "02 06:30"]),
        ("America/New_York", "*/20 * * * *", utc(2026, 11, 1, 5, 30), ["01 05:40", "01 06:00"]),
        # No clock is ever changed here.
        ("Asia/Hong_Kong", "0 2 * * *", utc(2026, 3, 28), ["28 18:00", "29 18:00", "30 18:00"]),
    ],
)
def test_clock_changes(zone, cron, after, expected):
    assert times(cron, zone, after, len(expected)) == expected


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York"])
@pytest.mark.parametrize(
    "cron", ["30 1 * * *", "0,30 1,2 * * *", "*/20 * * * *", "15 */2 * * *", "59 0-3 * * *"]
)
def test_the_next_time_is_the_same_from_wherever_one_looks(zone, cron):
    """Over every change of a year, from every 13th minute, forwards and backwards."""
    for day in (utc(2026, 3, 7), utc(2026, 3, 28), utc(2026, 10, 24), utc(2026, 10, 31)):
        end = day + timedelta(days=3)
        every = [t for t in next_times(cron, zone, day, 300) if t.astimezone(UTC) <= end]
        moments = [t.astimezone(UTC) for t in every]
        assert moments == sorted(set(moments))
        for minute in range(0, 2 * 24 * 60, 13):
            look = day + timedelta(minutes=minute)
            assert next_times(cron, zone, look, 1)[0] == next(t for t in every if t > look)
            before = [t for t in every if t <= look][-3:]
            assert last_times(cron, zone, day + timedelta(seconds=1), look, 3) == before


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("nonsense", "write five fields"), ("", "write five fields"), ("@daily", "write five"),
        ("* * * * * *", "write five fields"), ("60 * * * *", "its minute is wrong"),
        ("0 24 * * *", "its hour is wrong"), ("*/0 * * * *", "its minute is wrong"),
        ("0 0 30 2 *", "its day-of-month is wrong"), ("0 0 31 4,6 *", "its day-of-month is wrong"),
        ("0 0 */31 2 MON#5", "never happens"), ("5-1 * * * *", "its minute is wrong"),
        ("0 0 * * MON#1/2", "its day-of-week is wrong"),
        ("0 0 * * L", "its day-of-week is wrong"), ("² * * * *", "its minute is wrong"),
    ],
)  # fmt: skip
def test_what_is_no_cron_expression(cron, words):
    with pytest.raises(ExperimentError, match=words) as caught:
        check_cron(cron)
    assert (caught.value.code, caught.value.details) == ("cron_invalid", {"field": "cron"})


def test_a_rare_day_is_found():
    assert next_times("0 0 29 2 *", "UTC", utc(2026, 1, 1), 1) == [utc(2028, 2, 29)]
    assert next_times("0 0 * 2 MON#5", "UTC", utc(2026, 1, 1), 1) == [utc(2044, 2, 29)]


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "HKT", "a\0b"])
def test_what_is_no_time_zone(zone):
    with pytest.raises(ExperimentError, match="There is no time zone"):
        check_zone(zone)


def test_a_bad_schedule_leaves_nothing(desk):
    bad = [{"cron": "x"}, {"timezone": "Mars/Olympus"}, {"run": {"gpus": 9}},
           {"run": {"snapshot": "b" * 64}}, {"run": {"image": "none"}}]  # fmt: skip
    for fields in bad:
        with pytest.raises(ExperimentError):
            create(desk, **fields)
    with pytest.raises(ExperimentError):
        create(desk, origin=replace(APOLLO, owner="team-nobody"))
    with Session(desk.database) as session, session.begin():
        assert session.scalars(select(Schedule)).all() == []


def test_nobody_has_any_number_of_schedules(desk):
    desk.offer = replace(desk.offer, shares=Shares(schedules=1))
    first = create(desk)
    with pytest.raises(ExperimentError, match="team apollo has 1 schedules, as many as it may"):
        create(desk)
    create(desk, origin=BOREALIS)
    with Session(desk.database) as session, session.begin():
        schedules.retire(session, session.get_one(Schedule, first), desk.clock())
    assert create(desk)


def test_it_fires_at_its_time_in_its_zone(desk):
    schedule_id = create(desk, NIGHTLY, run={"title": "nightly", "secrets": {"key": "abcdef"}})
    assert read(desk, schedule_id).timezone == "Asia/Hong_Kong"
    assert read(desk, schedule_id).next_at == utc(2026, 11, 23, 18)
    desk.clock.time = utc(2026, 11, 23, 17, 59, 59)
    assert fire(desk) == []
    desk.clock.later(seconds=2)
    run, *others = fire(desk)
    assert others == [] == fire(desk)
    assert (run.schedule_id, run.owner, run.author) == (schedule_id, "team-apollo", "ada")
    assert run.title == "nightly" and desk.offer.seal.open(run.secrets) == {"key": "abcdef"}
    assert run.idempotency_key == f"{schedule_id}:2026-11-23T18:00Z"
    schedule = read(desk, schedule_id)
    assert (schedule.last_at, schedule.next_at, schedule.note) == (
        utc(2026, 11, 23, 18), utc(2026, 11, 24, 18), None
    )  # fmt: skip


def test_over_a_clock_change_it_fires_every_day_once(desk):
    desk.clock.time = utc(2026, 10, 24)
    schedule_id = create(desk, "30 1 * * *", timezone="Europe/London", overlap="queue")
    fired = []
    for _ in range(4 * 24 * 4):
        desk.clock.later(minutes=15)
        fired += fire(desk)
    keys = [run.idempotency_key.removeprefix(f"{schedule_id}:") for run in fired]
    assert keys == [
        "2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z", "2026-10-27T01:30Z"
    ]  # fmt: skip


def test_two_services_that_look_at_once_fire_once(desk, database_url):
    for _ in range(5):
        create(desk)
    desk.clock.later(hours=1)
    services = [open_database(database_url) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: schedules.due(services[i % 2], desk.offer), range(16)))
    for service in services:
        service.dispose()
    assert len([run_id for ids in found for run_id in ids]) == len(desk.runs()) == 5
    assert len({run.schedule_id for run in desk.runs()}) == 5


def test_killed_while_it_fires(desk, monkeypatch):
    """Run and next time are one transaction: nothing of a time is written, or all of it."""
    schedule_id = create(desk)
    before = read(desk, schedule_id).next_at
    desk.clock.later(hours=1)

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(schedules, "_next", die)  # the last step, when the run is written
        fire(desk)
    assert desk.runs() == [] and read(desk, schedule_id).next_at == before
    assert len(fire(desk)) == 1
    # And a schedule whose next time was set back makes no second run of the same time.
    with Session(desk.database) as session, session.begin():
        session.get_one(Schedule, schedule_id).next_at = before
        session.get_one(Schedule, schedule_id).overlap = "queue"
    fire(desk)
    assert len(desk.runs()) == 1


@pytest.mark.parametrize(
    ("missed", "hours", "count", "note"),
    [
        ("skip", 5, 0, "The times since 15:00 were missed and left out."),
        ("one", 5, 1, "The times since 15:00 were missed and made up for by one run."),
        ("all", 5, 5, None),
        ("all", 60, 24, "The times since 15:00 were missed and left out but for the last 24."),
        ("skip", 1, 0, "The times since 15:00 were missed and left out."),
    ],
)
def test_missed_times(desk, missed, hours, count, note):
    schedule_id = create(desk, missed=missed, overlap="queue")
    desk.clock.time = utc(2026, 11, 23, 6, 30) + timedelta(hours=hours)
    assert len(fire(desk)) == count
    schedule = read(desk, schedule_id)
    said = schedule.note and schedule.note.replace("23 November, ", "")
    assert said == note
    assert schedule.next_at == utc(2026, 11, 23, 7) + timedelta(hours=hours)
    # What comes on time afterwards is fired, whatever was missed.
    desk.clock.time = schedule.next_at + timedelta(seconds=30)
    assert len(fire(desk)) == 1
    assert read(desk, schedule_id).note is None


def test_skip_leaves_out_the_missed_and_fires_what_is_on_time(desk):
    create(desk, missed="skip", overlap="queue")
    desk.clock.time = utc(2026, 11, 23, 12, 1)
    assert [run.idempotency_key[-6:] for run in fire(desk)] == ["12:00Z"]


def test_years_off(desk):
    schedule_id = create(desk, "* * * * *", missed="all", overlap="queue")
    desk.clock.later(days=1000)
    assert len(fire(desk)) == 24
    assert read(desk, schedule_id).next_at == desk.clock.time + timedelta(minutes=1)


def test_overlap(desk):
    ids = {name: create(desk, overlap=name) for name in ("forbid", "queue", "replace")}
    desk.clock.time = utc(2026, 11, 23, 7)
    first = {run.schedule_id: run.id for run in fire(desk)}
    desk.move(first[ids["replace"]], State.STARTING, State.RUNNING)
    desk.clock.later(hours=1)
    second = {run.schedule_id: run.id for run in fire(desk)}
    assert set(second) == {ids["queue"], ids["replace"]}
    note = "No run at 16:00: the one before it had not ended."
    assert read(desk, ids["forbid"]).note == note
    assert desk.run(first[ids["queue"]]).state == "waiting"
    replaced = desk.run(first[ids["replace"]])
    assert (replaced.state, replaced.cancel_by) == ("running", ids["replace"])
    desk.clock.later(hours=1)
    fire(desk)
    assert desk.run(second[ids["replace"]]).state == "cancelled"  # it only waited
    desk.finish(first[ids["forbid"]])
    desk.clock.later(hours=1)
    assert ids["forbid"] in {run.schedule_id for run in fire(desk)}


def test_pause_and_resume(desk):
    schedule_id = create(desk, overlap="queue", missed="all")

    def do(action, *args) -> None:
        with Session(desk.database) as session, session.begin():
            action(session, session.get_one(Schedule, schedule_id), *args)

    do(schedules.pause)
    assert read(desk, schedule_id).next_at is None
    desk.clock.time = utc(2026, 11, 23, 12, 30)
    assert fire(desk) == []
    do(schedules.resume, desk.clock())
    assert read(desk, schedule_id).next_at == utc(2026, 11, 23, 13)
    assert fire(desk) == []  # nothing of the pause is made up for
    desk.clock.later(hours=1)
    assert len(fire(desk)) == 1
    do(schedules.retire, desk.clock())
    do(schedules.resume, desk.clock())
    desk.clock.later(hours=1)
    assert fire(desk) == [] and read(desk, schedule_id).secrets is None


def test_change(desk):
    schedule_id = create(desk)

    def change(**fields) -> None:
        wanted = parse(ScheduleChange, fields)
        with Session(desk.database) as session, session.begin():
            schedule = session.get_one(Schedule, schedule_id)
            schedules.change(session, schedule, wanted, desk.clock())

    change(cron=NIGHTLY, title="nightly", overlap="queue")
    assert read(desk, schedule_id).next_at == utc(2026, 11, 23, 18)
    change(timezone="Europe/London")
    schedule = read(desk, schedule_id)
    assert schedule.next_at == utc(2026, 11, 24, 2)
    assert (schedule.title, schedule.cron, schedule.overlap) == ("nightly", NIGHTLY, "queue")
    for fields in ({"cron": "0 0 30 2 *"}, {"timezone": "Mars/Olympus", "title": "x"}):
        with pytest.raises(ExperimentError):
            change(**fields)
    assert read(desk, schedule_id).title == "nightly"
    assert read(desk, schedule_id).next_at == schedule.next_at


def test_a_schedule_that_cannot_run_holds_up_no_other(desk):
    broken, full = create(desk, run={"cpus": 8}), create(desk, run={"tags": ["full"]})
    good = create(desk, origin=BOREALIS)
    desk.submit()
    desk.offer = replace(
        desk.offer, total=replace(desk.offer.total, cpus=4), shares=Shares(waiting=1)
    )
    desk.clock.later(hours=1)
    assert [run.schedule_id for run in fire(desk)] == [good]
    assert read(desk, broken).note.startswith("No run at 15:00: The run asks for 8 CPUs")
    assert read(desk, full).note.startswith("No run at 15:00: No more than 1 runs of team apollo")
    assert read(desk, broken).next_at == utc(2026, 11, 23, 8)
