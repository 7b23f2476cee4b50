"""Schedules: when they run next, and what came of them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from experiments.service.api import schedules as api
from experiments.service.api.common import Parts, Who, find_schedule
from experiments.service.api.runs import Search, find_for
from experiments.service.pages.look import page
from experiments.service.pages.new import PRESETS, zones
from experiments.service.shapes import schedule_shape

router = APIRouter()

RUNS = 25


@router.get("/schedules")
def schedules(request: Request, context: Parts, caller: Who) -> Response:
    """The schedules that the caller may read."""
    found = api.find(context, caller, "").schedules
    return page(request, "schedules.html", caller, schedules=found, said=dict(PRESETS))


@router.get("/schedules/{schedule_id}")
def show(request: Request, context: Parts, caller: Who, schedule_id: str) -> Response:
    """One schedule, its next times and its latest runs."""
    with context.reading() as session:
        row = find_schedule(session, caller, schedule_id)
        schedule = schedule_shape(row, caller, context.offer.now())
    found = find_for(context, caller, Search(schedule=schedule_id, limit=RUNS))
    return page(
        request, "schedule.html", caller, schedule=schedule, note=row.note, runs=found.runs,
        more=found.next is not None, presets=PRESETS, zones=zones(), said=dict(PRESETS),
    )  # fmt: skip
