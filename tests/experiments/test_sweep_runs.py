"""Sweeps: a run for each member, which fails alone and is run again alone."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from experiments import sweep_runs
from experiments.errors import ExperimentError
from experiments.requests import SweepRequest
from experiments.states import State
from experiments.tables import Sweep
from tests.experiments.queueing import APOLLO, HASH, Desk, counts

MEMBERS = [{"lr": lr, "seed": seed} for lr in (0.1, 0.01) for seed in (1, 2, 3)]
SWEEP = {"run": {"notebook": "work.ipynb", "snapshot": HASH, "parameters": {"epochs": 3}},
         "spec": {"kind": "grid", "axes": {"lr": "0.1,0.01", "seed": "1:3"}}}  # fmt: skip


def sweep(desk: Desk, members=MEMBERS, **fields) -> str:
    asked = SweepRequest.model_validate({**SWEEP, **fields})
    with Session(desk.database) as session, session.begin():
        return sweep_runs.submit_sweep(session, asked, members, APOLLO, desk.offer).id


def missing(desk: Desk, sweep_id: str, **secrets) -> list[str]:
    with Session(desk.database) as session, session.begin():
        found = session.get_one(Sweep, sweep_id)
        again = sweep_runs.run_missing(session, found, "ben", secrets, desk.offer)
        return [run.id for run in again]


def progress(desk: Desk, sweep_id: str) -> Counter:
    with Session(desk.database) as session, session.begin():
        return sweep_runs.progress(session, [session.get_one(Sweep, sweep_id)])[sweep_id]


def test_a_sweep_is_a_run_for_each_member(desk):
    sweep_id = sweep(desk, [*MEMBERS, MEMBERS[0]], idempotency_key="s", max_running=2)
    runs = desk.runs(sweep_id=sweep_id)
    found = sorted((run.parameters["lr"], run.parameters["seed"]) for run in runs)
    assert found == sorted((member["lr"], member["seed"]) for member in MEMBERS)
    assert {run.parameters["epochs"] for run in runs} == {3}
    assert sweep(desk, idempotency_key="s", max_running=2) == sweep_id
    for other in ({"spec": {"kind": "list"}}, {"max_running": 3}):
        with pytest.raises(ExperimentError, match="used for another sweep"):
            sweep(desk, **{"idempotency_key": "s", "max_running": 2, **other})
    assert len(desk.runs()) == 6


@pytest.mark.parametrize("members", [[], [{"n": n} for n in range(501)]])
def test_a_sweep_has_a_size(desk, members):
    with pytest.raises(ExperimentError, match="1 to 500"):
        sweep(desk, members)


def test_a_sweep_that_is_refused_leaves_nothing(desk):
    before = counts(desk)
    with pytest.raises(ExperimentError) as caught:
        sweep(desk, [*MEMBERS, {"lr": float("nan")}])
    assert caught.value.details["parameter"] == "lr"
    assert counts(desk) == before


def test_the_missing_ones_again(desk):
    sweep_id = sweep(desk)
    first = desk.runs(sweep_id=sweep_id)
    ends = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.LOST]
    for run, state in zip(first, ends, strict=False):
        desk.finish(run.id, state)
    desk.move(first[4].id, State.STARTING)  # and the last one waits
    again = [desk.run(run_id) for run_id in missing(desk, sweep_id)]
    values = {tuple(sorted(run.parameters.items())) for run in again}
    assert values == {tuple(sorted(run.parameters.items())) for run in first[1:4]}
    assert {(run.author, run.owner) for run in again} == {("ben", "team-apollo")}
    assert missing(desk, sweep_id) == []
    desk.finish(again[0].id, State.FAILED)
    third = missing(desk, sweep_id)
    assert len(third) == 1 and desk.run(third[0]).parameters == again[0].parameters
    assert progress(desk, sweep_id) == {"succeeded": 1, "starting": 1, "waiting": 4}


def test_two_who_ask_for_the_missing_ones_get_them_once(desk):
    sweep_id = sweep(desk)
    for run in desk.runs(sweep_id=sweep_id):
        desk.finish(run.id, State.FAILED)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: missing(desk, sweep_id), range(4)))
    assert sorted(map(len, found)) == [0, 0, 0, 6]
    assert len(desk.runs()) == 12


def test_secrets_of_a_sweep_are_asked_for_again(desk):
    sweep_id = sweep(desk, run={**SWEEP["run"], "secrets": {"key": "hunter2"}})
    for run in desk.runs(sweep_id=sweep_id):
        assert desk.offer.seal.open(run.secrets) == {"key": "hunter2"}
        desk.finish(run.id, State.FAILED)
    with pytest.raises(ExperimentError, match="give key again"):
        missing(desk, sweep_id)
    again = missing(desk, sweep_id, key="hunter3")
    assert desk.offer.seal.open(desk.run(again[0]).secrets) == {"key": "hunter3"}


def test_a_whole_sweep_is_cancelled(desk):
    sweep_id = sweep(desk)
    done, running, *_ = [run.id for run in desk.runs(sweep_id=sweep_id)]
    desk.finish(done)
    desk.move(running, State.STARTING)
    with Session(desk.database) as session, session.begin():
        found = session.get_one(Sweep, sweep_id)
        assert sweep_runs.cancel_sweep(session, found, "ben", desk.clock()) == 5
    assert desk.run(running).cancel_by == "ben"
    assert progress(desk, sweep_id) == {"succeeded": 1, "starting": 1, "cancelled": 4}
