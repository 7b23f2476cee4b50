"""A run while it runs: its events as a stream that a browser follows.

Invariant: the id of an event is the attempt, and where the next one begins in the event log of
that attempt, so that whoever lost the connection goes on where they were; the log outlives the
run's own folder.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from cohort.service.callers import Caller
from experiments import waiting
from experiments.errors import ExperimentError
from experiments.live_files import open_regular
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.context import Context
from experiments.service.shapes import run_shape
from experiments.states import ENDED, State
from experiments.tables import Run

router = APIRouter(prefix="/runs/{run_id}", tags=["events"], responses=REFUSALS)

LOOK_SECONDS = 0.3
WHY_SECONDS = 3.0  # the whole queue is looked at for it
PIECE = 1 << 20
STREAMS = 20  # of one caller at a time
PLACE = re.compile(r"([0-9]{1,4})-([0-9]{1,15})")
KINDS = {"run_started", "cell_started", "output", "output_cleared", "cell_ended", "run_ended"}

_open: Counter[str] = Counter()


@router.get("/events", response_class=EventSourceResponse)
async def events(
    context: Parts, caller: Who, run_id: str,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> EventSourceResponse:  # fmt: skip
    """Follow a run: its states, its cells and their outputs, as they come."""
    await run_in_threadpool(_find, context, caller, run_id)
    if _open[caller.login] >= STREAMS:
        raise ExperimentError(
            f"You follow {STREAMS} runs already: close one of those pages.",
            code="too_many_streams", status=429,
        )  # fmt: skip
    found = PLACE.fullmatch(last_event_id)
    place = (int(found[1]), int(found[2])) if found else (0, 0)
    return EventSourceResponse(_follow(context, caller, run_id, place), ping=15)


async def _follow(
    context: Context, caller: Caller, run_id: str, place: tuple[int, int]
) -> AsyncIterator[dict]:
    attempt, at = place
    _open[caller.login] += 1
    known, why, next_why = None, {}, 0.0
    try:
        while True:
            # In this order: what was written before the end is read after the end is seen.
            run = await run_in_threadpool(_find, context, caller, run_id)
            shape = run_shape(run, caller)
            state = {"state": shape.state, "reason": shape.reason, "message": shape.message,
                     "cells_done": shape.cells_done, "cells_total": shape.cells_total,
                     "attempt": shape.attempt}  # fmt: skip
            if run.state == State.WAITING:
                if time.monotonic() >= next_why:
                    next_why = time.monotonic() + WHY_SECONDS
                    why = await run_in_threadpool(_why, context, run_id)
                state |= why
            if run.attempt != attempt:  # a new one has a log of its own
                attempt, at = run.attempt, 0
            if state != known:
                known = state
                yield _said("state", state, attempt, at)
            while True:
                lines, after = await run_in_threadpool(_read, context, run, at)
                for end, line in lines:
                    yield _said(line["kind"], line, attempt, end)
                if after == at:
                    break
                at = after
            if run.state in ENDED:
                yield _said("end", state, attempt, at)
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        _open[caller.login] -= 1


def _why(context: Context, run_id: str) -> dict:
    """Why a run waits; empty if it does not any more."""
    claims = context.ledger.claims()
    with context.reading() as session:
        found = waiting.explain(session, context.ledger, claims, context.offer).get(run_id)
    if found is None:
        return {}
    expected = found.expected.isoformat() if found.expected else None
    return {"why": found.sentence, "place": found.place, "expected": expected}


def _said(name: str, data: dict, attempt: int, at: int) -> dict:
    return {"event": name, "data": json.dumps(data), "id": f"{attempt}-{at}"}


def _find(context: Context, caller: Caller, run_id: str) -> Run:
    with context.reading() as session:
        return find_run(session, caller, run_id)


def _read(context: Context, run: Run, at: int) -> tuple[list[tuple[int, dict]], int]:
    """Whole lines from an offset on, each with the offset after it, and the last of these."""
    lines: list[tuple[int, dict]] = []
    for path in _places(context, run):
        try:
            with open_regular(path) as file:
                file.seek(at)
                data = file.read(PIECE)
        except OSError:
            continue
        *whole, rest = data.split(b"\n")
        for raw in whole:
            at += len(raw) + 1
            event = _event(raw)
            if event:
                lines.append((at, event))
        if len(rest) == PIECE:
            at += PIECE  # a line that is longer than a piece is none of ours: it is passed over
        break
    return lines, at


def _places(context: Context, run: Run) -> list[Path]:
    live = context.folders.of(run.id, run.attempt) / "result" / "events.jsonl"
    kept = context.folders.kept(run.id) / "events.jsonl"
    return [kept, live] if run.state in ENDED else [live]


def _event(raw: bytes) -> dict | None:
    try:
        # NaN, which a notebook's JSON may hold, is no JSON to a browser.
        event = json.loads(raw, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    known = isinstance(event, dict) and event.get("kind") in KINDS
    return event if known else None
