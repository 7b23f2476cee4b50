"""Runs side by side: a table of many, two reports cell by cell."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query

from experiments.errors import ExperimentError
from experiments.parameters import Parameter
from experiments.report.compare import compare_runs
from experiments.report.table import table_of
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.api.files import find, inside, kept_folder
from experiments.service.context import Context
from experiments.service.submission import parameters_in
from experiments.tables import Run

NOTEBOOKS = 20  # different ones that are looked into; each is read and parsed

router = APIRouter(prefix="/compare", tags=["compare"], responses=REFUSALS)


@router.get("")
def table(
    context: Parts, caller: Who, run: Annotated[list[str], Query(min_length=1, max_length=100)]
) -> dict[str, Any]:
    """Parameters and metrics of up to 100 runs."""
    with context.reading() as session:
        runs = [find_run(session, caller, name) for name in dict.fromkeys(run)]
        return table_of(runs, _defaults(context, runs))


def _defaults(context: Context, runs: list[Run]) -> dict[str, dict]:
    """What the runs' notebooks give their parameters themselves, by the run's id."""
    notebooks = dict.fromkeys((run.snapshot, run.notebook) for run in runs)
    known = {}
    for snapshot, notebook in islice(notebooks, NOTEBOOKS):
        with suppress(ExperimentError):  # the snapshot is gone, as the lab's rules say
            found = parameters_in(context, snapshot, notebook)
            known[snapshot, notebook] = {p.name: p.default for p in found if _is_told(p)}
    return {run.id: known.get((run.snapshot, run.notebook), {}) for run in runs}


def _is_told(parameter: Parameter) -> bool:
    return parameter.literal and parameter.kind.name != "secret"


@router.get("/cells")
def cells(context: Parts, caller: Who, one: str, other: str) -> dict[str, Any]:
    """Two executed notebooks, cell by cell."""
    paths = [
        inside(kept_folder(context, find(context, caller, name)), "notebook.ipynb")
        for name in (one, other)
    ]
    return compare_runs(context.pool, *paths)
