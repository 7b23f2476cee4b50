"""Changes of state: `move` makes each of them, and writes down what follows from it.

Invariant: a run's row is locked while its state is compared with `states.NEXT` and changed, so
that of two threads or services exactly one makes a change; the other gets `StateError`. The
caller owns the transaction, and releases a run's GPUs once its container is gone, not before:
a run may have ended in here while its processes still hold the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from experiments.errors import ExperimentError
from experiments.states import ENDED, FINAL, NEXT, RETRY, WORDS, Reason, State
from experiments.tables import Notice, Run, RunChange, new_id

MESSAGE_LENGTH = 2000


class StateError(ExperimentError):
    """The run is not in a state from which it could do that."""


@dataclass(frozen=True)
class Cause:
    """Why a run changes: what happened, in a sentence, and on whose word."""

    reason: Reason | None = None
    message: str | None = None
    who: str = "lab"


ITSELF = Cause()


def move(session: Session, run: Run, state: State, now: datetime, cause: Cause = ITSELF) -> None:
    """Bring a run into a state; raises `StateError`, and changes nothing, if it cannot go there.

    Attributes of the run that were set before and not flushed yet are written with it.
    """
    lock(session, run)
    if state not in NEXT[State(run.state)]:
        raise StateError(
            f"The run {run.id} is {run.state} and cannot be {state} any more.",
            code="wrong_state",
            status=409,
            state=run.state,
        )
    run.state = state
    run.reason = cause.reason
    run.message = _storable(cause.message or (WORDS[cause.reason] if cause.reason else None))
    if state == State.STARTING:
        run.attempt += 1
        run.not_before = None
    elif state == State.RUNNING:
        run.started_at = now
    elif state == State.WAITING:
        _forget_attempt(run)
    else:
        run.ended_at = now
        run.secrets = None
        _add_notices(session, run, now)
    record(session, run, now, state, cause)
    session.flush()


def after_failure(session: Session, run: Run, now: datetime, cause: Cause) -> State:
    """Let a failed attempt wait for the next one, or end the run; return which it was.

    An attempt that failed for a reason of `states.RETRY` is repeated after that reason's
    back-off, up to the run's ``max_attempts``, unless somebody asked for the run to stop.
    """
    lock(session, run)
    if run.cancel_by is not None and State.CANCELLED in NEXT[State(run.state)]:
        move(session, run, State.CANCELLED, now, Cause(Reason.CANCELLED, who=run.cancel_by))
        return State.CANCELLED
    waits = RETRY.get(cause.reason, ())
    if run.attempt < run.max_attempts and run.attempt <= len(waits):
        move(session, run, State.WAITING, now, cause)
        run.not_before = now + timedelta(seconds=waits[run.attempt - 1])
        session.flush()
        return State.WAITING
    final = FINAL.get(cause.reason, State.FAILED)
    move(session, run, final, now, cause)
    return final


def cancel(session: Session, run: Run, who: str, now: datetime) -> None:
    """End a run that waits; ask for one that has started to be stopped, which takes a moment.

    Raises `StateError` for a run that has ended. To ask twice changes nothing.
    """
    lock(session, run)
    if run.state in ENDED:
        raise StateError(
            f"The run {run.id} has already ended: it is {run.state}.",
            code="already_ended",
            status=409,
            state=run.state,
        )
    if run.state == State.WAITING:
        run.cancel_by = who
        move(session, run, State.CANCELLED, now, Cause(Reason.CANCELLED, who=who))
    elif run.cancel_by is None:
        run.cancel_by = who
        record(session, run, now, "cancel asked", Cause(who=who))
        session.flush()


def lock(session: Session, run: Run) -> None:
    """Read a run again and keep others from changing it until the transaction ends."""
    session.flush()
    session.refresh(run, with_for_update=True)


def record(session: Session, run: Run, now: datetime, what: str, cause: Cause = ITSELF) -> None:
    """Write down what happened to a run."""
    detail = _storable(cause.message) or cause.reason
    session.add(RunChange(run_id=run.id, at=now, who=cause.who, what=what, detail=detail))


def _forget_attempt(run: Run) -> None:
    run.started_at = run.devices = run.container = run.cells_total = None
    run.cells_done = 0


def _add_notices(session: Session, run: Run, now: datetime) -> None:
    for kind, target in (run.notify or {}).items():
        notice = new_id("notice")
        session.add(Notice(id=notice, run_id=run.id, kind=kind, target=target, next_at=now))


def _storable(message: str | None) -> str | None:
    """Messages may quote what a notebook said: cut to size, without what no database takes."""
    if message is None:
        return None
    short = message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 1] + "…"
    return short.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
