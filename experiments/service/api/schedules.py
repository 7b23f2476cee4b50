"""Schedules: runs asked for by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from experiments import schedules as clock
from experiments.cron import check_cron, check_zone
from experiments.queue import Origin
from experiments.requests import ScheduleChange, ScheduleRequest
from experiments.service import access
from experiments.service.api.common import REFUSALS, Parts, Who, find_schedule
from experiments.service.shapes import ScheduleShape, schedule_shape, times_of
from experiments.service.submission import create_schedule
from experiments.tables import Schedule

router = APIRouter(prefix="/schedules", tags=["schedules"], responses=REFUSALS)


class Submission(BaseModel):
    """A schedule that is asked for."""

    owner: str
    schedule: ScheduleRequest


class Made(BaseModel):
    """The schedule."""

    schedule: ScheduleShape


class Schedules(BaseModel):
    """Schedules, by their next time."""

    schedules: list[ScheduleShape]


class Wanted(BaseModel):
    """A cron expression and its time zone."""

    cron: Annotated[str, Field(max_length=100)]
    timezone: Annotated[str, Field(max_length=64)] = "Asia/Hong_Kong"


class Times(BaseModel):
    """The next times."""

    times: list[datetime]


@router.post("", status_code=201)
def create(context: Parts, caller: Who, wanted: Submission) -> Made:
    """Have a run at each time that a cron expression names."""
    origin = Origin(access.check_owner(caller, wanted.owner), caller.login)
    with context.writing() as session:
        schedule = create_schedule(context, session, wanted.schedule, origin)
        return Made(schedule=schedule_shape(schedule, caller, context.offer.now()))


@router.post("/preview")
def preview(context: Parts, caller: Who, wanted: Wanted) -> Times:
    """When a cron expression would fire next."""
    check_cron(wanted.cron)
    check_zone(wanted.timezone)
    return Times(times=times_of(wanted.cron, wanted.timezone, context.offer.now()))


@router.get("")
def find(
    context: Parts, caller: Who, owner: Annotated[str, Query(max_length=255)] = ""
) -> Schedules:
    """Schedules that the caller may read."""
    owners = access.readable_owners(caller)
    wanted = select(Schedule).where(Schedule.retired_at.is_(None)).order_by(Schedule.created_at)
    if owners is not None:
        wanted = wanted.where(Schedule.owner.in_(owners))
    if owner:
        wanted = wanted.where(Schedule.owner == owner)
    now = context.offer.now()
    with context.reading() as session:
        found = session.scalars(wanted.limit(500)).all()
        return Schedules(schedules=[schedule_shape(s, caller, now) for s in found])


@router.get("/{schedule_id}")
def show(context: Parts, caller: Who, schedule_id: str) -> ScheduleShape:
    """One schedule and its next times; its runs are found by ``/runs?schedule=``."""
    with context.reading() as session:
        schedule = find_schedule(session, caller, schedule_id)
        return schedule_shape(schedule, caller, context.offer.now())


@router.patch("/{schedule_id}")
def change(context: Parts, caller: Who, schedule_id: str, wanted: ScheduleChange) -> ScheduleShape:
    """Alter what is given; the rest stays."""
    now = context.offer.now()
    with context.writing() as session:
        schedule = find_schedule(session, caller, schedule_id, access.may_use)
        clock.change(session, schedule, wanted, now)
        return schedule_shape(schedule, caller, now)


@router.delete("/{schedule_id}", status_code=204)
def remove(context: Parts, caller: Who, schedule_id: str) -> None:
    """Take a schedule away; its runs stay."""
    with context.writing() as session:
        schedule = find_schedule(session, caller, schedule_id, access.may_use)
        clock.retire(session, schedule, context.offer.now())


@router.post("/{schedule_id}/pause")
def pause(context: Parts, caller: Who, schedule_id: str) -> ScheduleShape:
    """Let it rest: the times that pass are not missed."""
    with context.writing() as session:
        schedule = find_schedule(session, caller, schedule_id, access.may_use)
        clock.pause(session, schedule)
        return schedule_shape(schedule, caller, context.offer.now())


@router.post("/{schedule_id}/resume")
def resume(context: Parts, caller: Who, schedule_id: str) -> ScheduleShape:
    """Let it go on from now."""
    now = context.offer.now()
    with context.writing() as session:
        schedule = find_schedule(session, caller, schedule_id, access.may_use)
        clock.resume(session, schedule, now)
        return schedule_shape(schedule, caller, now)
