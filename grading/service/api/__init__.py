"""The API: ``/api/v1``; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError

from cohort.errors import Refusal
from grading.errors import GradingError
from grading.service.api import (
    assignments,
    autograde,
    courses,
    extensions,
    feedback,
    marks,
    progress,
    releases,
    submissions,
)

router = APIRouter()
for part in (
    courses, assignments, releases, submissions, feedback, extensions, marks, progress,
    autograde,
):  # fmt: skip
    router.include_router(part.router)


def invalid(error: RequestValidationError) -> Refusal:
    """What FastAPI refuses by itself, said as everything else that is wrong with a request."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return GradingError("The body of the request is not valid JSON.", code="request_invalid")
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    said = said[:1].lower() + said[1:]
    # Without its first part, which says where in the request it was found: body, query, path.
    place = ".".join(str(part) for part in first["loc"][1:])[:120]
    field = "".join(c if c.isprintable() else "?" for c in place)
    if not field:
        return GradingError(f"The request is not valid: {said}.", code="request_invalid")
    return GradingError(
        f'The field "{field}" is not valid: {said}.', code="request_invalid", field=field
    )
