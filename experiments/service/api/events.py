"""A run while it runs: its events as a stream that a browser follows.

Invariant: the id of an event is where the next one begins in the run's event log, so that
whoever lost the connection goes on where they were; the log outlives the run's own folder.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from experiments.errors import ExperimentError
from experiments.live_files import open_regular
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.context import Context
from experiments.service.shapes import run_shape
from experiments.states import ENDED

router = APIRouter(prefix="/runs/{run_id}", tags=["events"], responses=REFUSALS)

LOOK_SECONDS = 0.3
PIECE = 1 << 20
STREAMS = 20  # of one caller at a time
KINDS = {"run_started", "cell_started", "output", "cell_ended", "run_ended"}

_open: Counter[str] = Counter()


@router.get("/events", response_class=EventSourceResponse)
async def events(
    context: Parts, caller: Who, run_id: str,
    last_event_id: Annotated[str, Header(max_length=20)] = "0",
) -> EventSourceResponse:  # fmt: skip
    """Follow a run: its states, its cells and their outputs, as they come."""
    await run_in_threadpool(_find, context, caller, run_id)
    if _open[caller.login] >= STREAMS:
        raise ExperimentError(
            f"You follow {STREAMS} runs already: close one of those pages.",
            code="too_many_streams", status=429,
        )  # fmt: skip
    start = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
    return EventSourceResponse(_follow(context, caller, run_id, start), ping=15)


async def _follow(context: Context, caller, run_id: str, at: int) -> AsyncIterator[dict]:
    _open[caller.login] += 1
    known = None
    try:
        while True:
            # In this order: what was written before the end is read after the end is seen.
            run = await run_in_threadpool(_find, context, caller, run_id)
            shape = run_shape(run, caller)
            state = {"state": shape.state, "reason": shape.reason, "message": shape.message,
                     "cells_done": shape.cells_done, "cells_total": shape.cells_total,
                     "attempt": shape.attempt}  # fmt: skip
            if state != known:
                if known and known["attempt"] != state["attempt"]:
                    at = 0
                known = state
                yield {"event": "state", "data": json.dumps(state), "id": str(at)}
            while True:
                lines, after = await run_in_threadpool(_read, context, run, at)
                for end, line in lines:
                    yield {"event": line["kind"], "data": json.dumps(line), "id": str(end)}
                if after == at:
                    break
                at = after
            if run.state in ENDED:
                yield {"event": "end", "data": json.dumps(state), "id": str(at)}
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        _open[caller.login] -= 1


def _find(context: Context, caller, run_id: str):
    with context.reading() as session:
        return find_run(session, caller, run_id)


def _read(context: Context, run, at: int) -> tuple[list[tuple[int, dict]], int]:
    """Whole lines from an offset on, each with the offset after it, and the last of these."""
    lines: list[tuple[int, dict]] = []
    for path in _places(context, run):
        try:
            with open_regular(path) as file:
                file.seek(at)
                data = file.read(PIECE)
        except OSError:
            continue
        for raw in data.splitlines(keepends=True):
            # A line that is longer than a piece is none of ours: it is passed over.
            if not raw.endswith(b"\n") and len(data) < PIECE:
                break
            at += len(raw)
            event = _event(raw)
            if event:
                lines.append((at, event))
        break
    return lines, at


def _places(context: Context, run) -> list[Path]:
    live = context.folders.of(run.id, run.attempt) / "result" / "events.jsonl"
    kept = context.folders.kept(run.id) / "events.jsonl"
    return [kept, live] if run.state in ENDED else [live]


def _event(raw: bytes) -> dict | None:
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    known = isinstance(event, dict) and event.get("kind") in KINDS
    return event if known else None
