"""Admission: room and GPUs are never given twice, whoever is killed or overtaken."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cohort.database import ensure_schema, open_database
from cohort.gpus import GpuLedger, Holder
from experiments.admission import admit, recover, release
from experiments.states import State
from tests.experiments.queueing import (
    APOLLO,
    BOREALIS,
    CORAL,
    DEVICES,
    TEAM,
    Desk,
    over,
    sentence,
    started,
    submit,
)


def test_what_fits_starts_and_the_rest_waits(desk):
    ids = [submit(desk, cpus=3, memory="1G") for _ in range(3)]
    assert started(desk) == ids[:2]
    assert started(desk) == []
    run = desk.run(ids[0])
    assert (run.attempt, run.devices) == (1, None)
    over(desk, ids[0])
    assert started(desk) == ids[2:]


def test_memory_is_room_too(desk):
    ids = [submit(desk, cpus=1, memory="20G") for _ in range(2)]
    assert started(desk) == ids[:1]
    assert sentence(desk, ids[1]) == "It needs 20 GB of memory; 12 GB of memory are free."


def test_gpus_come_from_the_ledger(desk):
    desk.ledger.claim(TEAM, 1)
    ids = [submit(desk, gpus=1) for _ in range(2)]
    assert started(desk) == ids[:1]
    assert desk.run(ids[0]).devices == [DEVICES[1]]
    assert [(c.device, c.holder.kind, c.holder.name) for c in desk.ledger.claims()] == [
        (DEVICES[0], "team", "team-coral"), (DEVICES[1], "run", ids[0])
    ]  # fmt: skip
    assert sentence(desk, ids[1]) == (
        "It needs 1 GPU: GPU 0 is held by team coral, GPU 1 is held by a run of team apollo."
    )
    desk.move(ids[0], State.RUNNING, State.SUCCEEDED)
    assert started(desk) == []  # its container may hold the device still
    release(desk.ledger, ids[0])
    assert started(desk) == ids[1:]


class OvertakenLedger(GpuLedger):
    """A team claims a GPU right after admission has looked at what is free."""

    def claims(self):
        found = super().claims()
        self.claim(TEAM, 1)
        return found


def test_a_gpu_that_is_taken_at_the_last_moment(desk):
    run_id = submit(desk, gpus=2)
    overtaken = OvertakenLedger(desk.database, DEVICES, now=desk.clock)
    assert admit(desk.database, overtaken, desk.offer) == []
    run = desk.run(run_id)
    assert (run.state, run.attempt, run.devices) == ("waiting", 0, None)
    assert "team coral has GPU 0" in run.message
    assert [c.holder for c in desk.ledger.claims()] == [TEAM]
    desk.ledger.release(TEAM)
    assert started(desk) == [run_id]


class DyingLedger(GpuLedger):
    """The service is killed when it claims: before, or after the claim was committed."""

    after = False

    def claim(self, holder, count):
        if self.after:
            super().claim(holder, count)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
def test_killed_between_state_and_claim(desk, after):
    run_id = submit(desk, gpus=1)
    dying = DyingLedger(desk.database, DEVICES, now=desk.clock)
    dying.after = after
    with pytest.raises(KeyboardInterrupt):
        admit(desk.database, dying, desk.offer)
    assert (desk.run(run_id).state, desk.run(run_id).devices) == ("starting", None)
    # What it is about to claim is nobody else's meanwhile.
    both = submit(desk, gpus=2)
    assert started(desk) == []
    assert [run.id for run in recover(desk.database, desk.ledger, desk.offer, set())] == [run_id]
    assert desk.run(run_id).devices == [DEVICES[0]]
    assert len(desk.ledger.claims()) == 1
    assert desk.run(run_id).attempt == 1
    over(desk, run_id)
    assert started(desk) == [both]


def test_recovery_frees_what_no_run_has_any_more(desk):
    waiting = submit(desk, cpus=8, gpus=1)
    ended = submit(desk)
    desk.finish(ended)
    for run_id in (waiting, ended):
        desk.ledger.claim(Holder("run", run_id), 1)
    # The container of the ended run is still there: its device is not free yet.
    assert recover(desk.database, desk.ledger, desk.offer, {ended}) == []
    assert [c.holder.name for c in desk.ledger.claims()] == [ended]
    desk.ledger.claim(TEAM, 1)
    recover(desk.database, desk.ledger, desk.offer, set())
    assert [c.holder for c in desk.ledger.claims()] == [TEAM]


class LateLedger(GpuLedger):
    """While the service recovers, another thread of it moves a run on."""

    def reconcile(self, live, kind="team"):
        self.meanwhile()
        return super().reconcile(live, kind)


def test_recovery_takes_nothing_from_a_run_that_moves_on(desk):
    run_id = submit(desk, gpus=1)
    started(desk)
    late = LateLedger(desk.database, DEVICES, now=desk.clock)
    late.meanwhile = lambda: desk.move(run_id, State.RUNNING)
    recover(desk.database, late, desk.offer, set())
    assert [c.holder.name for c in desk.ledger.claims()] == [run_id]


def test_recovery_leaves_nothing_with_a_run_that_ends(desk):
    run_id = submit(desk, gpus=1)
    desk.move(run_id, State.STARTING)  # and killed before the claim
    late = LateLedger(desk.database, DEVICES, now=desk.clock)
    late.meanwhile = lambda: desk.move(run_id, State.CANCELLED)
    assert recover(desk.database, late, desk.offer, set()) == []
    late.meanwhile = lambda: None
    recover(desk.database, late, desk.offer, set())
    assert desk.ledger.claims() == []


def test_two_services_never_give_more_than_there_is(desk, database_url):
    """Forty runs, four admitting threads of two services, one that ends runs: room is kept."""
    draw = random.Random(5)
    for _ in range(40):
        submit(desk, (APOLLO, BOREALIS, CORAL)[draw.randrange(3)], cpus=draw.choice((1, 2, 4)),
               gpus=draw.choice((0, 0, 1, 2)), memory="1G")  # fmt: skip
    services = [open_database(database_url) for _ in range(2)]
    ledgers = [GpuLedger(service, DEVICES, now=desk.clock) for service in services]
    given: Counter[str] = Counter()
    with ThreadPoolExecutor(4) as pool:
        while any(run.state == "waiting" for run in desk.runs()):
            jobs = [
                pool.submit(admit, services[i % 2], ledgers[i % 2], desk.offer) for i in range(4)
            ]
            given.update(run.id for job in jobs for run in job.result(60))
            active = [run for run in desk.runs() if run.state == "starting"]
            assert active
            assert sum(run.cpus for run in active) <= 8
            devices = [device for run in active for device in run.devices or ()]
            assert len(devices) == len(set(devices)) == sum(run.gpus for run in active)
            over(desk, draw.choice(active).id)
    for service in services:
        service.dispose()
    assert set(given.values()) == {1} and len(given) == 40


def test_a_run_that_is_cancelled_while_it_is_planned(postgres_database, clock):
    """On PostgreSQL alone: on SQLite nobody writes while admission has the floor."""
    database = open_database(postgres_database)
    ensure_schema(database)
    desk = Desk(database, clock)
    first, second = submit(desk), submit(desk)

    def now():
        # Admission asks for the time when it has read the queue.
        if desk.run(first).state == State.WAITING:
            desk.move(first, State.CANCELLED)
        return clock()

    found = admit(database, desk.ledger, replace(desk.offer, now=now))
    assert [run.id for run in found] == [second]
    assert desk.run(first).state == "cancelled"
    database.dispose()
