"""The API: ``/api/v1``; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cohort.errors import Refusal
from experiments.requests import refusal
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
    """What FastAPI refuses by itself, said as everything else that is wrong with a request."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return Refusal("The body of the request is not valid JSON.", code="request_invalid")
    said = PydanticCustomError(first["type"], "{said}", {"said": first["msg"]})
    # Without its first part, which says where in the request it was found: body, query, path.
    detail = InitErrorDetails(type=said, loc=first["loc"][1:], input=None)
    return refusal(ValidationError.from_exception_data("request", [detail]))
