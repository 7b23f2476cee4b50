"""The ledger: one holder a device, on both databases, whoever races whom."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from cohort.database import ensure_schema, open_database
from cohort.errors import CohortError, GpuTakenError
from cohort.gpus import Claim, GpuClaim, GpuLedger, Holder, gpu_label

pytest_plugins = ["tests.postgres"]

DEVICES = tuple(f"nvidia.com/gpu={i}" for i in range(4))
APOLLO = Holder("team", "team-apollo", "team apollo")
BOREALIS = Holder("team", "team-borealis", "team borealis")
CORAL = Holder("team", "team-coral", "team coral")
RUN = Holder("run", "17", "run 17 of ada")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        # Made from local time: the sentences speak of the machine's own zone.
        self.time = datetime(2026, 11, 23, 14, 2).astimezone()

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lab.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def engine(url):
    engine = open_database(url)
    ensure_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(engine, clock) -> GpuLedger:
    return GpuLedger(engine, DEVICES[:2], now=clock)


def refusal(ledger: GpuLedger, holder: Holder, count: int) -> str:
    before = ledger.claims()
    with pytest.raises(GpuTakenError) as caught:
        ledger.claim(holder, count)
    assert ledger.claims() == before
    return str(caught.value)


def test_a_claim_is_kept_and_shown(ledger, clock):
    assert ledger.claim(APOLLO, 1) == DEVICES[:1]
    assert ledger.claim(BOREALIS, 1) == DEVICES[1:2]
    found = ledger.claims()
    assert found == [Claim(DEVICES[0], APOLLO, clock.time), Claim(DEVICES[1], BOREALIS, clock.time)]
    assert [str(c.holder) for c in found] == ["team apollo", "team borealis"]
    assert found[0].since.tzinfo is UTC


def test_claiming_again_changes_nothing(ledger, clock):
    first = ledger.claim(APOLLO, 2)
    before = ledger.claims()
    clock.time += timedelta(hours=1)
    assert ledger.claim(Holder("team", "team-apollo", "another label"), 2) == first
    assert ledger.claims() == before


def test_another_count_keeps_what_it_can(ledger):
    ledger.claim(BOREALIS, 1)
    ledger.claim(APOLLO, 1)
    ledger.release(BOREALIS)
    assert ledger.claim(APOLLO, 2) == DEVICES[:2]
    assert ledger.claim(APOLLO, 1) == DEVICES[:1]
    assert [c.device for c in ledger.claims()] == [DEVICES[0]]
    assert ledger.claim(APOLLO, 0) == ()
    assert ledger.claims() == []


def test_a_holder_does_not_keep_a_device_that_the_lab_no_longer_has(engine, ledger):
    ledger.claim(APOLLO, 2)
    smaller = GpuLedger(engine, DEVICES[1:3])
    assert smaller.claim(APOLLO, 2) == DEVICES[1:3]
    assert [c.device for c in smaller.claims()] == list(DEVICES[1:3])


def test_release_gives_back_all_and_only_ones_own(ledger):
    ledger.claim(APOLLO, 1)
    ledger.claim(BOREALIS, 1)
    assert ledger.release(APOLLO) == DEVICES[:1]
    assert ledger.release(APOLLO) == ()
    assert [c.holder for c in ledger.claims()] == [BOREALIS]


def test_a_run_and_a_team_of_one_name_are_two_holders(ledger):
    ledger.claim(Holder("team", "x"), 1)
    ledger.claim(Holder("run", "x"), 1)
    assert ledger.release(Holder("run", "x")) == DEVICES[1:2]


def test_who_has_both(ledger, clock):
    ledger.claim(BOREALIS, 1)
    clock.time += timedelta(minutes=5)
    ledger.claim(APOLLO, 1)
    assert refusal(ledger, CORAL, 1) == (
        "Both GPUs are taken: team borealis has GPU 0 (since 14:02), team apollo has GPU 1 "
        "(since 14:07); ask them to stop their workspace, or start yours with a CPU profile."
    )


def test_who_has_the_only_one_since_the_day_before(engine, clock):
    ledger = GpuLedger(engine, DEVICES[:1], now=clock)
    ledger.claim(APOLLO, 1)
    clock.time += timedelta(days=1)
    assert refusal(ledger, RUN, 1) == (
        "The lab's only GPU is taken: team apollo has GPU 0 (since 23 November, 14:02); "
        "ask them to stop their workspace."
    )


def test_too_few_are_free_and_none_is_taken(engine, clock):
    ledger = GpuLedger(engine, DEVICES, now=clock)
    ledger.claim(RUN, 3)
    assert refusal(ledger, APOLLO, 2) == (
        "Only 1 of the lab's 4 GPUs is free and 2 were asked for: run 17 of ada has GPU 0, "
        "GPU 1 and GPU 2 (since 14:02); wait until one ends, or start yours with a CPU profile."
    )
    assert refusal(ledger, Holder("run", "18"), 4).endswith("; wait until one ends.")


def test_what_one_holds_oneself_does_not_stand_in_the_way(ledger):
    ledger.claim(APOLLO, 1)
    ledger.claim(BOREALIS, 1)
    assert "Only 1 of the lab's 2 GPUs is free and 2 were asked for: team borealis" in refusal(
        ledger, APOLLO, 2
    )


def test_more_than_the_lab_has(ledger, engine):
    with pytest.raises(CohortError, match=r"^3 GPUs were asked for and the lab has only 2: "):
        ledger.claim(APOLLO, 3)
    with pytest.raises(CohortError, match=r"^This lab has no GPU: choose a CPU profile"):
        GpuLedger(engine, ()).claim(APOLLO, 1)


def test_reconcile_frees_what_the_dead_of_one_kind_hold(engine, clock):
    ledger = GpuLedger(engine, DEVICES, now=clock)
    for holder in (APOLLO, BOREALIS, RUN):
        ledger.claim(holder, 1)
    freed = ledger.reconcile({Holder("team", "team-borealis")})
    assert freed == [Claim(DEVICES[0], APOLLO, clock.time)]
    assert [c.holder for c in ledger.claims()] == [BOREALIS, RUN]
    assert ledger.reconcile(set(), kind="run") == [Claim(DEVICES[2], RUN, clock.time)]


def test_claims_outlive_the_service(url, engine, ledger):
    ledger.claim(APOLLO, 1)
    engine.dispose()
    again = open_database(url)
    assert GpuLedger(again, DEVICES[:2]).claim(BOREALIS, 1) == DEVICES[1:2]
    again.dispose()


def test_the_database_itself_refuses_a_second_holder(engine, ledger):
    ledger.claim(APOLLO, 1)
    row = {"device": DEVICES[0], "holder_kind": "run", "holder_name": "1", "holder_label": "",
           "claimed_at": datetime.now(UTC)}  # fmt: skip
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(GpuClaim).values(row))


@pytest.mark.parametrize(
    ("device", "label"),
    [("nvidia.com/gpu=0", "GPU 0"), ("nvidia.com/gpu=0:1", "GPU 0:1"), ("odd", "GPU odd")],
)
def test_what_people_call_a_device(device, label):
    assert gpu_label(device) == label


def contend(url: str, witness: str, first: int, people: int) -> tuple[int, int]:
    """Let as many holders claim and release as there are people; count who won and who lost.

    The witness is a folder that knows nothing of the ledger: a file there, made with
    O_EXCL, stands for the device in use, so that a second user of a device is an error.
    """
    engine = open_database(url)
    ledger = GpuLedger(engine, DEVICES)

    def person(number: int) -> Counter:
        holder, tally = Holder("team", f"team-{number}"), Counter()
        for attempt in range(3):
            try:
                devices = ledger.claim(holder, 1 + (number + attempt) % 2)
            except GpuTakenError:
                tally["lost"] += 1
                continue
            paths = [Path(witness, device.replace("/", "_")) for device in devices]
            for path in paths:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            assert [c.device for c in ledger.claims() if c.holder == holder] == list(devices)
            for path in paths:
                path.unlink()
            assert set(ledger.release(holder)) == set(devices)
            tally["won"] += 1
        return tally

    with ThreadPoolExecutor(people) as pool:
        tally = sum(pool.map(person, range(first, first + people)), Counter())
    engine.dispose()
    return tally["won"], tally["lost"]


def test_two_hundred_who_race_for_four_devices(url, engine, tmp_path, monkeypatch):
    """Four services of fifty threads each; every process opens the database for itself."""
    (tmp_path / "witness").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        races = [pool.submit(contend, url, str(tmp_path / "witness"), 50 * i, 50) for i in range(4)]
        tallies = [race.result(timeout=120) for race in races]
    # All of one service's people may lose while another's hold the devices.
    assert [won + lost for won, lost in tallies] == [150] * 4
    assert sum(won for won, _ in tallies) > 0
    assert GpuLedger(engine, DEVICES).claims() == []
    assert list((tmp_path / "witness").iterdir()) == []
