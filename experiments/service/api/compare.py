"""Runs side by side: a table of many, two reports cell by cell."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from experiments.report.compare import compare_runs
from experiments.report.table import table_of
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.api.files import find, inside, kept_folder

router = APIRouter(prefix="/compare", tags=["compare"], responses=REFUSALS)


@router.get("")
def table(
    context: Parts, caller: Who, run: Annotated[list[str], Query(min_length=1, max_length=100)]
) -> dict[str, Any]:
    """Parameters and metrics of up to 100 runs."""
    with context.reading() as session:
        return table_of([find_run(session, caller, name) for name in dict.fromkeys(run)])


@router.get("/cells")
def cells(context: Parts, caller: Who, one: str, other: str) -> dict[str, Any]:
    """Two executed notebooks, cell by cell."""
    paths = [
        inside(kept_folder(context, find(context, caller, name)), "notebook.ipynb")
        for name in (one, other)
    ]
    return compare_runs(context.pool, *paths)
