"""Lists that are read page by page: newest first, each page from a key on.

Invariant: a page begins at a time and an id, not at a number, so that what is added meanwhile
shifts nothing: no entry is left out and none comes twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import literal, tuple_

from cohort.database import UtcDateTime
from experiments.errors import ExperimentError

CURSOR = re.compile(r"(\d{8}T\d{12})~([a-z]+-[a-z0-9]{12})")
CURSOR_TIME = "%Y%m%dT%H%M%S%f"


def cursor_after(at: datetime, id_: str) -> str:
    """The ``after`` of the page that follows an entry."""
    return f"{at.astimezone(UTC).strftime(CURSOR_TIME)}~{id_}"


def position(cursor: str | None):
    """Time and id after which a page begins, as SQL; None for the first.

    Raises `ExperimentError` ``page_unknown`` for what no page gave.
    """
    if cursor is None:
        return None
    match = CURSOR.fullmatch(cursor)
    try:
        at = datetime.strptime(match[1], CURSOR_TIME).replace(tzinfo=UTC) if match else None
    except ValueError:
        at = None
    if at is None:
        raise ExperimentError(
            "That is no page of this list: begin with the first.", code="page_unknown"
        )
    return tuple_(literal(at, UtcDateTime()), literal(match[2]))
