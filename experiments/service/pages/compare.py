"""Up to 100 runs side by side: a table, charts of it, and two reports cell by cell."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from experiments.report.table import MAX_RUNS
from experiments.service.api import compare as api
from experiments.service.api.common import Parts, Who
from experiments.service.api.runs import Search, find_for
from experiments.service.pages.look import page
from experiments.service.pages.words import pairs

router = APIRouter()


@router.get("/compare")
def compare(
    request: Request, context: Parts, caller: Who,
    run: Annotated[list[str], Query(max_length=MAX_RUNS)] = [],  # noqa: B006
    sweep: Annotated[str, Query(max_length=40)] = "",
) -> Response:  # fmt: skip
    """The runs that are named, or the latest of a sweep."""
    found, more = run, False
    if sweep:
        members = find_for(context, caller, Search(sweep=sweep, limit=MAX_RUNS))
        found, more = [one.id for one in members.runs], members.next is not None
    table = api.table(context, caller, found) if found else {"columns": [], "rows": []}
    return page(
        request, "compare.html", caller, table=table | {"labels": _labels(table)}, sweep=sweep,
        more=more, same=_same(table),
    )  # fmt: skip


def _labels(table: dict[str, Any]) -> list[str]:
    """What tells each run from the others: its number, title, and the parameters that vary."""
    varying = [
        (number, column["name"])
        for number, column in enumerate(table["columns"])
        if column["kind"] == "parameter" and column["varies"]
    ]
    labels = []
    for place, row in enumerate(table["rows"], 1):
        values = {name: row["values"][n] for n, name in varying if row["values"][n] is not None}
        told = f" ({pairs(values)})" if values else ""
        labels.append(f"{place}: {row['title']}{told}")
    return labels


def _same(table: dict[str, Any]) -> list[tuple[str, Any]]:
    """Parameters that are the same in all runs, and need no column."""
    return [
        (column["name"], table["rows"][0]["values"][number])
        for number, column in enumerate(table["columns"])
        if column["kind"] == "parameter" and not column["varies"]
    ]
