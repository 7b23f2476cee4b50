"""Lists of jobs and job definitions: which of them, in which order, which page.

Invariant: what is asked for and cannot be is refused, never answered with another list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import (
    DEFAULT_MAX_ITEMS,
    DescribeJob,
    DescribeJobDefinition,
    ListJobDefinitionsQuery,
    ListJobsQuery,
    SortDirection,
    SortField,
)

Described = TypeVar("Described", DescribeJob, DescribeJobDefinition)


def arranged(described: list[Described], sort_by: Sequence[SortField]) -> list[Described]:
    """Sorted as asked for, by the first field first; what has no value comes last."""
    for field in reversed(sort_by):
        if any(field.name not in one.__fields__ for one in described):
            raise SchedulerError(f"Jobs cannot be sorted by {field.name[:60]!r}.")
        there = [one for one in described if getattr(one, field.name) is not None]
        missing = [one for one in described if getattr(one, field.name) is None]
        down = field.direction == SortDirection.desc
        there.sort(key=lambda one: _sortable(getattr(one, field.name)), reverse=down)
        described = there + missing
    return described


def _sortable(value: object) -> object:
    return value if isinstance(value, int) else str(value).casefold()


def page_of(query: ListJobsQuery | ListJobDefinitionsQuery) -> tuple[int, int]:
    """Where the page that is asked for begins and ends."""
    token = query.next_token or "0"
    if not token.isdecimal() or len(token) > 9:
        raise SchedulerError("next_token is not one that was given.")
    most = DEFAULT_MAX_ITEMS if query.max_items is None else max(0, query.max_items)
    return int(token), int(token) + min(most, DEFAULT_MAX_ITEMS)


def is_called(
    one: DescribeJob | DescribeJobDefinition, query: ListJobsQuery | ListJobDefinitionsQuery
) -> bool:
    """Whether its name begins, and its tags are, as is asked for."""
    return one.name.startswith(query.name or "") and set(query.tags or ()) <= set(one.tags or ())
