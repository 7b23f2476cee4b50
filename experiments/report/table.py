"""Parameters and metrics of many runs as one table, for sorting and for drawing.

Invariant: every row has a value, or None, for every column, in the columns' order.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.errors import ExperimentError
from experiments.tables import Run

MAX_RUNS = 100


def table_of(runs: Sequence[Run]) -> dict:
    """Columns (``kind``, ``name``, ``numeric``, ``varies``) and rows of up to 100 runs.

    Raises `ExperimentError` for more. ``numeric`` columns can be drawn; those that vary are
    what a sweep was about. Parameters come before metrics, each in the order of first use.
    """
    if len(runs) > MAX_RUNS:
        raise ExperimentError(
            f"{len(runs)} runs are too many to compare: choose up to {MAX_RUNS}.",
            code="too_many_runs",
            most=MAX_RUNS,
        )
    columns = [
        _column(kind, name, [values(run).get(name) for run in runs])
        for kind, values in (("parameter", _parameters), ("metric", _metrics))
        for name in dict.fromkeys(name for run in runs for name in values(run))
    ]
    return {"columns": columns, "rows": [_row(run, columns) for run in runs]}


def _parameters(run: Run) -> dict:
    return run.parameters or {}


def _metrics(run: Run) -> dict:
    return run.metrics or {}


def _column(kind: str, name: str, values: list) -> dict:
    there = [value for value in values if value is not None]
    numeric = bool(there) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in there
    )
    varies = any(value != values[0] for value in values)
    return {"kind": kind, "name": name, "numeric": numeric, "varies": varies}


def _row(run: Run, columns: list[dict]) -> dict:
    by_kind = {"parameter": _parameters(run), "metric": _metrics(run)}
    seconds = None
    if run.started_at and run.ended_at:
        seconds = (run.ended_at - run.started_at).total_seconds()
    return {
        "run": run.id,
        "title": run.title,
        "author": run.author,
        "state": run.state,
        "verdict": (run.verdict or {}).get("verdict"),
        "created": run.created_at.isoformat(),
        "seconds": seconds,
        "values": [by_kind[column["kind"]].get(column["name"]) for column in columns],
    }
