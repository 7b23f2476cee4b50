"""Schedules: runs asked for by the clock, whether or not their author's server is up.

Invariant: one time of one schedule is at most one run. The run's idempotency key is made of both,
and the run and the schedule's next time are written in one transaction: two services that look
at once, or one that is killed in between, change nothing of that.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cohort.errors import CohortError
from experiments.changes import StateError, cancel
from experiments.cron import check_cron, check_zone, last_times, next_times
from experiments.errors import ExperimentError
from experiments.offer import Offer, people
from experiments.queue import Origin, check_snapshot, latest_hand_in, submit
from experiments.requests import RunRequest, ScheduleChange, ScheduleRequest
from experiments.states import ACTIVE, State
from experiments.tables import Run, Schedule, new_id

LATE = timedelta(minutes=2)  # a time found later than this was missed
MOST_AT_ONCE = 24  # times that are made up for, by schedules that make up for all
PER_LOOK = 100  # schedules


def create(session: Session, request: ScheduleRequest, origin: Origin, offer: Offer) -> Schedule:
    """Add a schedule; raises `ExperimentError` for one that never fires or could never run."""
    check_cron(request.cron)
    check_zone(request.timezone)
    offer.check(request.run, origin.owner)
    offer.image(request.run.image)
    check_snapshot(session, request.run.snapshot, origin.owner)
    _check_number(session, origin.owner, offer)
    now = offer.now()
    schedule = Schedule(
        id=new_id("schedule"),
        owner=origin.owner,
        author=origin.author,
        title=request.run.title or PurePosixPath(request.run.notebook).stem[:200],
        request=request.run.stored(),
        hand_in=latest_hand_in(session, request.run.snapshot, origin),
        secrets=offer.seal.seal(request.run.secrets),
        created_at=now,
        **request.model_dump(include={"cron", "timezone", "missed", "overlap"}),
    )
    schedule.next_at = _next(schedule, now)
    session.add(schedule)
    session.flush()
    return schedule


def change(session: Session, schedule: Schedule, wanted: ScheduleChange, now: datetime) -> None:
    """Alter a schedule; what is wrong is refused and alters nothing."""
    session.refresh(schedule, with_for_update=True)
    new = wanted.model_dump(exclude_none=True)
    check_cron(new.get("cron", schedule.cron))
    check_zone(new.get("timezone", schedule.timezone))
    for name, value in new.items():
        setattr(schedule, name, value)
    if not schedule.paused and {"cron", "timezone"} & set(new):
        schedule.next_at = _next(schedule, now)
    session.flush()


def pause(session: Session, schedule: Schedule) -> None:
    """Let a schedule rest; its times pass, and are not missed."""
    session.refresh(schedule, with_for_update=True)
    schedule.paused, schedule.next_at = True, None
    session.flush()


def resume(session: Session, schedule: Schedule, now: datetime) -> None:
    """Let a paused schedule go on from now."""
    session.refresh(schedule, with_for_update=True)
    if schedule.paused and schedule.retired_at is None:
        schedule.paused, schedule.next_at = False, _next(schedule, now)
    session.flush()


def retire(session: Session, schedule: Schedule, now: datetime) -> None:
    """Take a schedule away for good, with its secrets; its runs stay."""
    session.refresh(schedule, with_for_update=True)
    schedule.retired_at = schedule.retired_at or now
    schedule.paused, schedule.next_at, schedule.secrets = True, None, None
    session.flush()


def due(engine: Engine, offer: Offer) -> list[str]:
    """Fire every schedule whose time has come; return the ids of the runs that were made."""
    now = offer.now()
    waiting = select(Schedule.id).where(Schedule.next_at <= now).order_by(Schedule.next_at)
    with Session(engine) as session, session.begin():
        ids = session.scalars(waiting.limit(PER_LOOK)).all()
    fired = []
    for schedule_id in ids:
        # One transaction each: what is wrong with one schedule holds up no other.
        with Session(engine) as session, session.begin():
            schedule = session.scalar(
                select(Schedule)
                .where(Schedule.id == schedule_id, Schedule.next_at <= now)
                .with_for_update(skip_locked=True)
            )
            if schedule is not None:  # else another service fires it, or has
                fired += _fire(session, schedule, now, offer)
    return fired


def _fire(session: Session, schedule: Schedule, now: datetime, offer: Offer) -> list[str]:
    times, schedule.note = _times_to_run(schedule, now, offer)
    fired = []
    for time in times:
        try:
            with session.begin_nested():
                run = _run_at(session, schedule, time, offer)
        except CohortError as error:
            schedule.note = f"No run at {offer.clock_time(time)}: {error}"
            continue
        if run is None:
            schedule.note = f"No run at {offer.clock_time(time)}: the one before it had not ended."
            continue
        fired.append(run.id)
        schedule.last_at = time
    schedule.next_at = _next(schedule, now)
    return fired


def _times_to_run(
    schedule: Schedule, now: datetime, offer: Offer
) -> tuple[list[datetime], str | None]:
    """Which of the times since the last look get a run, and a sentence on those that do not."""
    first = schedule.next_at
    times = last_times(schedule.cron, schedule.timezone, first, now, MOST_AT_ONCE + 1)
    on_time = [time for time in times[-1:] if now - time <= LATE]
    keep = {"skip": on_time, "one": times[-1:], "all": times[-MOST_AT_ONCE:]}[schedule.missed]
    if len(keep) == len(times):
        return keep, None
    ran = {"skip": "left out", "one": "made up for by one run"}.get(
        schedule.missed, f"left out but for the last {MOST_AT_ONCE}"
    )
    return keep, f"The times since {offer.clock_time(first)} were missed and {ran}."


def _run_at(session: Session, schedule: Schedule, time: datetime, offer: Offer) -> Run | None:
    """Submit the run of one time; None if the schedule forbids two at once and one goes on."""
    unfinished = session.scalars(
        select(Run)
        .where(Run.schedule_id == schedule.id, Run.state.in_((State.WAITING, *ACTIVE)))
        .order_by(Run.id)
    ).all()
    if unfinished and schedule.overlap == "forbid":
        return None
    if schedule.overlap == "replace":
        for run in unfinished:
            with suppress(StateError):  # it has ended since it was read
                cancel(session, run, schedule.id, offer.now())
    secrets = offer.seal.open(schedule.secrets)
    request = RunRequest.restored(schedule.request, secrets, title=schedule.title)
    key = f"{schedule.id}:{time.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    origin = Origin(schedule.owner, schedule.author, schedule_id=schedule.id, key=key,
                    hand_in=schedule.hand_in)  # fmt: skip
    return submit(session, request, origin, offer)


def _check_number(session: Session, owner: str, offer: Offer) -> None:
    mine = select(func.count()).where(Schedule.owner == owner, Schedule.retired_at.is_(None))
    if session.scalar(mine) >= offer.shares.schedules:
        raise ExperimentError(
            f"{people(owner)} has {offer.shares.schedules} schedules, as many as it may: take "
            f"one away first.",
            code="too_many_schedules",
            status=429,
        )


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    found = next_times(schedule.cron, schedule.timezone, after, 1)
    return found[0] if found else None
