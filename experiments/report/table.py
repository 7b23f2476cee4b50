"""Parameters and metrics of many runs as one table, for sorting and for drawing.

Invariant: every row has a value, or None, for every column, in the columns' order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.errors import ExperimentError
from experiments.tables import Run

MAX_RUNS = 100


def table_of(runs: Sequence[Run], defaults: Mapping[str, Mapping] | None = None) -> dict:
    """Columns (``kind``, ``name``, ``numeric``, ``varies``) and rows of up to 100 runs.

    Raises `ExperimentError` for more. ``numeric`` columns can be drawn; those that vary are
    what a sweep was about. Parameters come before metrics, each in the order of first use.
    ``defaults`` are what notebooks give their parameters themselves, by the run's id: they stand
    in the columns of parameters that another run was given.
    """
    if len(runs) > MAX_RUNS:
        raise ExperimentError(
            f"{len(runs)} runs are too many to compare: choose up to {MAX_RUNS}.",
            code="too_many_runs",
            most=MAX_RUNS,
        )
    given = {"parameter": [run.parameters or {} for run in runs],
             "metric": [run.metrics or {} for run in runs]}  # fmt: skip
    own = defaults or {}
    values = given | {
        "parameter": [{**own.get(run.id, {}), **(run.parameters or {})} for run in runs]
    }
    columns = [
        _column(kind, name, [one.get(name) for one in values[kind]])
        for kind, ones in given.items()
        for name in dict.fromkeys(name for one in ones for name in one)
    ]
    rows = [
        {**_row(run), "values": [values[c["kind"]][place].get(c["name"]) for c in columns]}
        for place, run in enumerate(runs)
    ]
    return {"columns": columns, "rows": rows}


def _column(kind: str, name: str, values: list) -> dict:
    there = [value for value in values if value is not None]
    numeric = bool(there) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in there
    )
    varies = any(value != values[0] for value in values)
    return {"kind": kind, "name": name, "numeric": numeric, "varies": varies}


def _row(run: Run) -> dict:
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
    }
