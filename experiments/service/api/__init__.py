"""The API: ``/api/v1``; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError

from cohort.errors import Refusal
from experiments.service.api import (
    actions,
    compare,
    events,
    files,
    me,
    queue,
    runs,
    schedules,
    snapshots,
    sweeps,
)

router = APIRouter()
for part in (me, snapshots, runs, actions, files, events, compare, sweeps, schedules, queue):
    router.include_router(part.router)
router.include_router(runs.choices_router)


def invalid(error: RequestValidationError) -> Refusal:
    """What FastAPI refuses by itself, in our shape."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])[:120]
    said = first["msg"].rstrip(".")
    return Refusal(
        f'The field "{field}" is not valid: {said[:1].lower() + said[1:]}.',
        code="request_invalid",
        field=field,
    )
