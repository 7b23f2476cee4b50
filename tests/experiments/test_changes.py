"""Changes of state: one way, by one of many, with all that follows from them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.database import open_database
from experiments import changes
from experiments.changes import Cause, StateError, after_failure, cancel
from experiments.states import ENDED, NEXT, RETRY, Reason, State
from experiments.tables import Notice, Run
from tests.experiments.queueing import START, Desk


def test_states_change_along_the_way_only(desk):
    """Every pair of states: what `NEXT` has works, and all else is refused and changes nothing."""
    ways = {
        State.WAITING: [],
        State.STARTING: [State.STARTING],
        State.RUNNING: [State.STARTING, State.RUNNING],
        **{state: [State.STARTING, state] for state in ENDED},
    }
    for start, way in ways.items():
        for target in State:
            run_id = desk.submit()
            desk.move(run_id, *way)
            before = desk.history(run_id)
            if target in NEXT[start]:
                desk.move(run_id, target)
                assert desk.run(run_id).state == target
                assert desk.history(run_id) == [*before, (target, "lab")]
            else:
                with pytest.raises(StateError) as caught:
                    desk.move(run_id, target)
                assert caught.value.status == 409
                assert (desk.run(run_id).state, desk.history(run_id)) == (start, before)


def test_a_life(desk, clock):
    hook = "https://example.org/h"
    run_id = desk.submit(secrets={"key": "wxyz"}, notify={"webhook": hook, "email": "a@b.org"})
    clock.later(seconds=5)
    desk.move(run_id, State.STARTING)
    run = desk.run(run_id)
    assert (run.attempt, run.started_at, run.ended_at) == (1, None, None)
    desk.move(run_id, State.RUNNING)
    started = clock()
    clock.later(seconds=90)
    evil = "no\0 \ud800" + "x" * 5000
    desk.move(run_id, State.FAILED, reason=Reason.USER_ERROR, message=evil)
    run = desk.run(run_id)
    assert (run.started_at, run.ended_at) == (started, clock())
    assert run.reason == "user error" and run.message.startswith("no ?xxx")
    assert len(run.message) < 2001
    assert run.secrets is None
    with Session(desk.database) as session, session.begin():
        notices = session.scalars(select(Notice).order_by(Notice.kind)).all()
        found = [(n.run_id, n.kind, n.target, n.next_at) for n in notices]
    assert found == [(run_id, "email", "a@b.org", clock()), (run_id, "webhook", hook, clock())]


def test_of_many_who_move_a_run_one_does(desk, database_url):
    run_id = desk.submit()
    services = [open_database(database_url) for _ in range(2)]

    def start(number: int) -> bool:
        with Session(services[number % 2]) as session, session.begin():
            run = session.get_one(Run, run_id)
            try:
                changes.move(session, run, State.STARTING, START)
            except StateError:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(24))) == 1
    for service in services:
        service.dispose()
    assert desk.run(run_id).attempt == 1
    assert desk.history(run_id) == [("waiting", "ada"), ("starting", "lab")]


def fail(desk: Desk, run_id: str, reason: Reason) -> State:
    with Session(desk.database) as session, session.begin():
        run = session.get_one(Run, run_id)
        return after_failure(session, run, desk.clock(), Cause(reason))


@pytest.mark.parametrize("reason", list(RETRY))
def test_failures_of_the_lab_are_tried_again(desk, reason):
    run_id = desk.submit(max_attempts=4, secrets={"key": "wxyz"})
    for number, seconds in enumerate(RETRY[reason], 1):
        desk.move(run_id, State.STARTING, State.RUNNING)
        desk.alter(run_id, devices=["d"], container="c", cells_done=3, cells_total=9)
        assert fail(desk, run_id, reason) == State.WAITING
        run = desk.run(run_id)
        assert run.not_before == desk.clock() + timedelta(seconds=seconds)
        assert (run.attempt, run.reason, run.ended_at) == (number, reason, None)
        assert (run.devices, run.container, run.cells_done, run.started_at) == (None, None, 0, None)
        assert run.secrets is not None
    desk.move(run_id, State.STARTING)
    assert desk.run(run_id).not_before is None
    assert fail(desk, run_id, reason) in (State.LOST, State.FAILED)
    assert desk.run(run_id).secrets is None


def test_no_more_attempts_than_asked_for(desk):
    run_id = desk.submit(max_attempts=1)
    desk.move(run_id, State.STARTING, State.RUNNING)
    assert fail(desk, run_id, Reason.ENGINE_GONE) == State.LOST


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (Reason.USER_ERROR, State.FAILED), (Reason.GPU_MEMORY, State.FAILED),
        (Reason.TIME_LIMIT, State.TIMED_OUT), (Reason.CELL_LIMIT, State.TIMED_OUT),
        (Reason.CANCELLED, State.CANCELLED), (Reason.BAD_NOTEBOOK, State.FAILED),
    ],
)  # fmt: skip
def test_failures_of_the_notebook_are_not(desk, reason, state):
    run_id = desk.submit()
    desk.move(run_id, State.STARTING, State.RUNNING)
    assert fail(desk, run_id, reason) == state
    assert (desk.run(run_id).reason, desk.run(run_id).state) == (reason, state)


def stop(desk: Desk, run_id: str, who: str = "ben") -> None:
    with Session(desk.database) as session, session.begin():
        cancel(session, session.get_one(Run, run_id), who, desk.clock())


def test_cancel(desk):
    waiting, running = desk.submit(), desk.submit()
    stop(desk, waiting)
    run = desk.run(waiting)
    assert (run.state, run.reason, run.cancel_by) == ("cancelled", "cancelled", "ben")
    assert desk.history(waiting)[-1] == ("cancelled", "ben")
    with pytest.raises(StateError, match="already ended: it is cancelled"):
        stop(desk, waiting)
    desk.move(running, State.STARTING, State.RUNNING)
    stop(desk, running)
    stop(desk, running, "cleo")
    assert (desk.run(running).state, desk.run(running).cancel_by) == ("running", "ben")
    assert desk.history(running)[-1] == ("cancel asked", "ben")
    assert fail(desk, running, Reason.ENGINE_GONE) == State.CANCELLED  # no retry of that
    assert desk.history(running)[-1] == ("cancelled", "ben")
