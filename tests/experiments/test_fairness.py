"""Who starts next: shares, limits and reservations; and what those are told who wait."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from experiments import schedules, sweep_runs
from experiments.changes import Cause, after_failure
from experiments.offer import GIB, Room, Shares
from experiments.planning import Entry, Picture, Wait, plan
from experiments.requests import ScheduleRequest, SweepRequest
from experiments.states import Reason, State
from experiments.tables import Run
from tests.experiments.queueing import (
    APOLLO,
    BOREALIS,
    CORAL,
    HASH,
    START,
    TEAM,
    over,
    reasons,
    sentence,
    started,
    submit,
)


def test_who_has_least_goes_first(desk):
    """Apollo hands in much, Borealis little and later: nobody waits behind all of Apollo's."""
    apollo = [submit(desk, cpus=2) for _ in range(6)]
    borealis = [submit(desk, BOREALIS, cpus=2) for _ in range(2)]
    assert set(started(desk)) == {*apollo[:2], *borealis}
    over(desk, borealis[0])
    assert started(desk) == [apollo[2]]
    late = submit(desk, BOREALIS, cpus=2)
    over(desk, apollo[0])
    assert started(desk) == [late]  # two of Apollo's run, one of Borealis'


def test_a_gpu_weighs_more_than_any_number_of_cpus(desk):
    assert len([submit(desk, cpus=1, gpus=1), submit(desk, BOREALIS, cpus=6)]) == 2
    assert len(started(desk)) == 2
    submit(desk, cpus=1)
    second = submit(desk, BOREALIS, cpus=1)
    assert started(desk) == [second]


def test_limits_of_owner_sweep_and_schedule(desk):
    desk.offer = replace(desk.offer, shares=Shares(running=3, gpus=1))
    sweep = SweepRequest.model_validate(
        {"run": {"notebook": "work.ipynb", "snapshot": HASH, "memory": "1G"}, "spec": {},
         "max_running": 1}
    )  # fmt: skip
    with Session(desk.database) as session, session.begin():
        members = [{"n": n} for n in range(3)]
        sweep_runs.submit_sweep(session, sweep, members, APOLLO, desk.offer)
    assert len(started(desk)) == 1
    swept = next(iter(reasons(desk).values()))
    assert swept.sentence == "Its sweep has 1 run going, as many as it may."
    gpus = [submit(desk, gpus=1) for _ in range(2)]
    assert started(desk) == gpus[:1]
    assert sentence(desk, gpus[1]) == (
        "Team apollo may use 1 of the lab's GPUs at once. 2 runs of team apollo are before it."
    )
    small = [submit(desk) for _ in range(2)]
    assert started(desk) == small[:1]
    assert sentence(desk, small[1]).startswith("Team apollo has 3 runs going, as many as it may.")
    other = submit(desk, BOREALIS)
    assert started(desk) == [other]


def test_not_before_its_time(desk):
    tonight = START.replace(hour=18, minute=0)  # 02:00 in Hong Kong
    run_id = submit(desk, not_before=tonight.isoformat())
    assert started(desk) == []
    waiting = reasons(desk)[run_id]
    assert waiting.sentence == "It is scheduled for 24 November, 02:00."
    assert waiting.expected == tonight
    desk.clock.time = tonight
    assert started(desk) == [run_id]


def test_a_retry_waits_for_its_pause(desk):
    run_id = submit(desk)
    started(desk)
    with Session(desk.database) as session, session.begin():
        run = session.get_one(Run, run_id)
        after_failure(session, run, desk.clock(), Cause(Reason.ENGINE_GONE))
    assert started(desk) == []
    assert sentence(desk, run_id) == (
        "The run's container is gone: the machine or its engine was restarted. "
        "Attempt 2 of 3 follows in 5 s."
    )
    desk.clock.later(seconds=5)
    assert started(desk) == [run_id]
    assert desk.run(run_id).attempt == 2


def test_the_small_overtake_the_big_but_not_for_ever(desk):
    filler = [submit(desk, BOREALIS, cpus=4) for _ in range(2)]
    assert started(desk) == filler
    big = submit(desk, cpus=8)
    over(desk, filler[0])
    small = submit(desk, CORAL, cpus=4)
    assert started(desk) == [small]  # the big one has waited for seconds
    assert "8 CPUs; 0 CPUs are free" in sentence(desk, big)
    desk.clock.later(minutes=10)
    over(desk, filler[1])
    later = submit(desk, CORAL, cpus=1)
    assert started(desk) == []
    assert sentence(desk, later) == (
        "Room is kept for a run of team apollo that has waited since 14:02."
    )
    over(desk, small)
    assert started(desk) == [big]


def test_no_room_is_kept_while_a_team_holds_what_is_lacking(desk):
    desk.ledger.claim(TEAM, 1)
    submit(desk, gpus=2, cpus=8)
    desk.clock.later(hours=1)
    small = submit(desk, BOREALIS, cpus=8)
    assert started(desk) == [small]


def test_a_lab_that_became_smaller(desk):
    run_id = submit(desk, cpus=8)
    desk.offer = replace(desk.offer, total=Room(4, 32 * GIB, 2))
    small = submit(desk, cpus=4)
    desk.clock.later(hours=1)
    assert started(desk) == [small]
    assert sentence(desk, run_id).startswith("The lab has become too small for it")


def test_a_schedule_has_one_run_at_a_time(desk):
    asked = ScheduleRequest.model_validate(
        {"run": {"notebook": "work.ipynb", "snapshot": HASH, "memory": "1G"}, "overlap": "queue",
         "cron": "* * * * *"}
    )  # fmt: skip
    with Session(desk.database) as session, session.begin():
        schedules.create(session, asked, APOLLO, desk.offer)
    made = []
    for _ in range(2):
        desk.clock.later(minutes=1)
        made += schedules.due(desk.database, desk.offer)
    assert len(made) == 2 and started(desk) == made[:1]
    assert sentence(desk, made[1]) == "The run before it of the same schedule has not ended."
    over(desk, made[0])
    assert started(desk) == made[1:]


def test_places_and_times(desk):
    """Two of three hours go by typical durations, the last by its limit."""
    for minutes in (58, 60, 62):
        earlier = submit(desk, notebook="known.ipynb")
        desk.move(earlier, State.STARTING, State.RUNNING)
        desk.clock.later(minutes=minutes)
        desk.move(earlier, State.SUCCEEDED)
    running = submit(desk, notebook="known.ipynb", cpus=8, time_limit_s=24 * 3600)
    assert started(desk) == [running]
    desk.move(running, State.RUNNING)
    began = desk.clock()
    desk.clock.later(minutes=20)
    line = [submit(desk, notebook="known.ipynb", cpus=8)]
    line.append(submit(desk, notebook="new.ipynb", cpus=8, time_limit_s=600))
    line.append(submit(desk, notebook="new.ipynb", cpus=8))
    found = reasons(desk)
    assert [found[run_id].place for run_id in line] == [1, 2, 3]
    hour = timedelta(hours=1)
    assert [found[run_id].expected for run_id in line] == [
        began + hour, began + 2 * hour, began + 2 * hour + timedelta(minutes=10)
    ]  # fmt: skip
    assert found[line[2]].sentence.endswith("2 runs of team apollo are before it.")
    desk.ledger.claim(TEAM, 2)
    blocked = submit(desk, gpus=2)
    assert reasons(desk)[blocked].expected is None


def entry(name: str, owner: str, cpus: float, waited: float, gpus: int = 0) -> Entry:
    return Entry(name, owner, Room(cpus, 1, gpus), START - timedelta(minutes=waited))


def test_a_run_that_would_start_says_so_and_what_overran_ends_any_moment(desk):
    run_id = submit(desk)
    assert reasons(desk)[run_id].sentence == "It starts in a moment."
    assert reasons(desk)[run_id].expected == desk.clock()
    assert started(desk) == [run_id]
    desk.move(run_id, State.RUNNING)
    desk.clock.later(days=8)
    second = submit(desk, cpus=8)
    assert reasons(desk)[second].expected == desk.clock()


def test_nobody_starves():
    """A run that needs the whole lab, among owners who never stop handing in small ones."""
    draw = random.Random(3)
    total = Room(8, 100, 0)
    waiting = [entry("big", "team-a", 8, 0)]
    active = {"first": (entry("first", "team-b", 1, 0), 3)}  # each with the minute of its end
    shares = Shares(patience=timedelta(minutes=10))
    for minute in range(120):
        now = START + timedelta(minutes=minute)
        for owner in ("team-a", "team-b", "team-c"):
            small = entry(f"{owner}-{minute}", owner, draw.choice((1, 2)), -minute)
            waiting.append(small)
        active = {name: pair for name, pair in active.items() if pair[1] > minute}
        free = total - sum((e.need for e, _ in active.values()), Room())
        scene = Picture(tuple(waiting), tuple(e for e, _ in active.values()), free, total, total)
        for decision in plan(scene, shares, now):
            if decision.waits_for is None:
                name = decision.entry.id
                active[name] = (decision.entry, minute + draw.randint(1, 5))
                waiting.remove(decision.entry)
        assert sum(e.need.cpus for e, _ in active.values()) <= 8
        if "big" in active:
            assert 10 <= minute <= 40
            return
    pytest.fail("the big run never started")


def test_one_reservation_at_a_time():
    shares = Shares(patience=timedelta(minutes=10))
    big = [entry(f"big-{n}", f"team-{n}", 8, 60 - n) for n in range(2)]
    small = entry("small", "team-z", 1, 0)
    busy = entry("busy", "team-y", 4, 99)
    total = Room(8, 100, 0)
    scene = Picture((*big, small), (busy,), Room(4, 100, 0), total, total)
    decisions = plan(scene, shares, START)
    assert [(d.entry.id, d.waits_for) for d in decisions] == [
        ("big-0", Wait.ROOM), ("big-1", Wait.ROOM), ("small", Wait.KEPT)
    ]  # fmt: skip
    assert decisions[2].kept_for == big[0]


def test_what_is_not_lacking_may_be_used_beside_a_reservation():
    shares = Shares(patience=timedelta(minutes=10))
    total = Room(8, 100, 2)
    training = entry("training", "team-a", 2, 60, gpus=2)
    busy = entry("busy", "team-b", 2, 99, gpus=1)
    others = [entry("cpus", "team-c", 4, 0), entry("gpu", "team-d", 1, 0, gpus=1)]
    scene = Picture((training, *others), (busy,), Room(6, 99, 1), total, total)
    assert [(d.entry.id, d.waits_for) for d in plan(scene, shares, START)] == [
        ("training", Wait.ROOM), ("cpus", None), ("gpu", Wait.KEPT)
    ]  # fmt: skip
