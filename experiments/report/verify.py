"""Whether a run that was run again gave the same: the verdict that stays on its report.

Invariant: REPRODUCED needs equal outputs of every cell. WITHIN TOLERANCE needs somebody to have
declared a tolerance beforehand, for at least one metric; a metric for which none is declared
must be equal. Everything else is DIVERGED.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.report.compare import compare
from experiments.report.executed import load_bytes
from experiments.report.pool import WorkerPool
from experiments.states import TELLING, State

REPRODUCED, WITHIN, DIVERGED = "REPRODUCED", "WITHIN TOLERANCE", "DIVERGED"
MAX_METRICS = 200
MAX_SHOWN = 4000  # characters of an output in the verdict, which is a row of the database


@dataclass(frozen=True)
class Ended:
    """A run that has ended: what a verdict needs of it."""

    run: str
    state: str
    metrics: Mapping[str, object]


def verdict(
    pool: WorkerPool,
    original: tuple[Ended, Path],
    again: tuple[Ended, Path],
    tolerances: Mapping | None = None,
) -> dict:
    """Judge a second run of the same record; each comes with its kept notebook.

    ``tolerances`` ({metric: {"abs": x, "rel": y}}) of the request count before what the
    original notebook's metadata declares at ``cohort.tolerance``. Returns the data of
    ``Run.verdict``: ``verdict``, ``sentence``, ``original`` and ``again`` (run ids),
    ``metrics``, ``tolerances``, ``cells`` (``compared``, ``different``) and ``first``, the first
    cell that differs with both sides. Raises `ExperimentError` where there is nothing to judge.
    """
    for ended, _ in (original, again):
        if ended.state not in TELLING:
            raise ExperimentError(
                f"{ended.run} {_ENDED.get(ended.state, 'has not ended')}, which says nothing "
                "about its numbers: verify again.",
                code="verify_not_possible",
                status=409,
                run=ended.run,
            )
    facts = {
        "original": asdict(original[0]),
        "again": asdict(again[0]),
        "tolerances": None if tolerances is None else check_tolerances(tolerances),
    }
    notebooks = [load_bytes(path) for _, path in (original, again)]
    return json.loads(pool.ask("verify", *notebooks, json.dumps(facts).encode())[0])


def check_tolerances(raw: object) -> dict[str, dict[str, float]]:
    """``{metric: {"abs": x, "rel": y}}`` with both numbers in place; one may be left out.

    Raises `ExperimentError` naming the metric.
    """
    if not isinstance(raw, Mapping) or len(raw) > MAX_METRICS:
        raise _refused("Tolerances are written as {metric: {abs: 0.01, rel: 0.05}}.", None)
    for name in raw:
        if not isinstance(name, str) or not name.isprintable() or len(name) > 200:
            raise _refused("A tolerance's name is that of a metric.", None)
    return {name: _bounds(name, bounds) for name, bounds in raw.items()}


def _bounds(name: str, raw: object) -> dict[str, float]:
    if not isinstance(raw, Mapping) or not raw or not set(raw) <= {"abs", "rel"}:
        raise _refused(f'The tolerance of {name} needs "abs", "rel" or both.', name)
    for value in raw.values():
        sound = isinstance(value, int | float) and not isinstance(value, bool)
        if not sound or not 0 <= value < 1e300:
            raise _refused(f"The tolerance of {name} must be numbers from 0 up.", name)
    return {key: float(raw.get(key, 0)) for key in ("abs", "rel")}


def judge(original: dict, again: dict, facts: dict) -> dict:
    """The verdict on two notebooks as `read_notebook` returns them; runs in a worker."""
    tolerances, note = _declared(original, facts["tolerances"])
    compared = compare(original, again)
    one, other = facts["original"], facts["again"]
    metrics = [
        _metric(name, one["metrics"], other["metrics"], tolerances)
        for name in dict.fromkeys((*one["metrics"], *other["metrics"]))
    ]
    within = all(metric["within"] for metric in metrics)
    ended_alike = one["state"] == other["state"]
    if ended_alike and not compared["different"] and all(m["same"] for m in metrics):
        word = REPRODUCED
    elif ended_alike and within and any(m["tolerance"] for m in metrics):
        word = WITHIN
    else:
        word = DIVERGED
    first = compared["cells"][compared["first"]] if compared["different"] else None
    return {
        "verdict": word,
        "sentence": _sentence(word, compared, metrics, first, facts) + note,
        "original": one["run"],
        "again": other["run"],
        "metrics": metrics,
        "tolerances": tolerances,
        "cells": {key: compared[key] for key in ("compared", "different")},
        "first": _shortened(first),
    }


def _declared(notebook: dict, asked: dict | None) -> tuple[dict, str]:
    if asked is not None:
        return asked, ""
    try:
        return check_tolerances(notebook["metadata"]["cohort"].get("tolerance", {})), ""
    except ExperimentError as e:
        return {}, f" The notebook's own tolerances were not used: {e}"


def _metric(name: str, one: dict, other: dict, tolerances: dict) -> dict:
    left, right = one.get(name), other.get(name)
    tolerance = tolerances.get(name)
    # In Python 1 is True; a metric that was a number and is a truth value has changed.
    same = left == right and isinstance(left, bool) == isinstance(right, bool)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    bounds = tolerance or {"abs": 0, "rel": 0}
    within = same or (
        numbers and math.isclose(left, right, rel_tol=bounds["rel"], abs_tol=bounds["abs"])
    )
    return {
        "name": name,
        "original": left,
        "again": right,
        "same": same,
        "within": within,
        "tolerance": tolerance,
    }


def _sentence(word: str, compared: dict, metrics: list, first: dict | None, facts: dict) -> str:
    cells, different = compared["compared"], compared["different"]
    if word == REPRODUCED:
        counts = [_count(cells, "cell"), *([_count(len(metrics), "metric")] if metrics else [])]
        return f"Run again, everything came out equal: {' and '.join(counts)}."
    if word == WITHIN:
        changed = f"{different} of {_count(cells, 'cell')} gave other output"
        return f"Run again, {changed}, and every metric stayed within what is declared."
    parts = []
    if facts["original"]["state"] != facts["again"]["state"]:
        parts.append(f"it {facts['again']['state']} where it had {facts['original']['state']}")
    off = next((m for m in metrics if not m["within"]), None)
    if off:
        parts.append(f"{off['name']} was {_said(off['original'])} and is {_said(off['again'])}")
    if first:
        where = first["left"] or first["right"]
        parts.append(f"cell {where['index'] + 1} is the first whose output differs")
    return f"Run again, {'; '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _said(value: object) -> str:
    return "not recorded" if value is None else str(value)


def _shortened(pair: dict | None) -> dict | None:
    """The pair with texts that fit a row of the database, and pictures only named."""
    if pair is None:
        return None
    short = dict(pair)
    for side in ("left", "right"):
        if pair[side]:
            outputs = [
                {"kind": o["kind"], "text": o.get("text", "(a picture)")[:MAX_SHOWN]}
                for o in pair[side]["outputs"][:20]
            ]
            short[side] = {**pair[side], "outputs": outputs}
    return short


def _refused(message: str, metric: str | None) -> ExperimentError:
    details = {} if metric is None else {"metric": metric}
    return ExperimentError(message, code="tolerance_invalid", **details)


_ENDED = {State.CANCELLED: "was cancelled", State.TIMED_OUT: "timed out", State.LOST: "was lost"}
