"""What nobody needs leaves the store; what somebody hands in at that moment never does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.blobs import BlobStore
from cohort.database import lock_table
from experiments import hand_ins, unused
from experiments.errors import ExperimentError
from experiments.hand_ins import By, hand_in
from experiments.retention import Rules, count_kept
from experiments.service.loops import make_loops
from experiments.snapshots import Manifest, SnapshotStore
from experiments.states import State
from experiments.tables import HandIn, Snapshot
from experiments.unused import Collector
from tests.experiments.queueing import APOLLO, BOREALIS, Desk
from tests.experiments.services import archive, notebook, service_in
from tests.experiments.services import hand_in as hand_in_to
from tests.labs import ROOT, eventually

ADA, BEN = By("team-apollo", "ada"), By("team-borealis", "ben")
DAY = 24 * 3600


class Store:
    """A store beside a desk, and what tests do to both."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.desk, self.snapshots = desk, SnapshotStore(folder)
        self.collector = self.new_collector()

    def new_collector(self, **options) -> Collector:
        return Collector(self.desk.database, self.snapshots, Rules(), **options)

    def hand_in(self, by: By = ADA, **files: str) -> Manifest:
        content = io.BytesIO(archive({name: text.encode() for name, text in files.items()}))
        return hand_in(self.desk.database, self.snapshots, content, by, self.desk.clock())

    def later(self, seconds: float = 2 * DAY) -> None:
        """Let time pass for the clock and for every file in the store."""
        self.desk.clock.later(seconds=seconds)
        for path in self.files():
            os.utime(path, (time.time() - seconds,) * 2)

    def collect(self) -> tuple[int, int]:
        return self.collector.collect(self.desk.clock())

    def files(self) -> set[Path]:
        return {path for path in self.snapshots.blobs.incoming.parent.parent.rglob("*")
                if path.is_file() and path.suffix != ".db"}  # fmt: skip

    def rows(self) -> dict[str, list]:
        with Session(self.desk.database) as session, session.begin():
            owners = session.execute(select(Snapshot.hash, Snapshot.owner))
            return {"snapshots": [tuple(row) for row in owners if row.hash[0] * 64 != row.hash],
                    "hand-ins": sorted(session.scalars(select(HandIn.author)))}  # fmt: skip


@pytest.fixture
def store(tmp_path, desk) -> Store:
    (tmp_path / "runs").mkdir()
    return Store(tmp_path / "runs", desk)


def test_what_nobody_needs_goes_with_all_that_only_it_held(store):
    first = store.hand_in(shared="both", one="1")
    second = store.hand_in(shared="both", two="2", BEN=".")
    run_id = store.desk.submit(APOLLO, snapshot=first.hash)
    assert store.collect() == (0, 0), "all of it is new"
    store.later()
    assert store.collect() == (1, 2), "the second, with what the first has not"
    assert store.snapshots.is_whole(first)
    assert store.snapshots.hashes() == {first.hash}
    with pytest.raises(ExperimentError, match="hand the folder in again"):
        store.snapshots.manifest(second.hash)
    assert store.rows()["snapshots"] == [(first.hash, "team-apollo")]
    store.desk.finish(run_id)
    store.desk.alter(run_id, removed_at=store.desk.clock())
    assert store.collect() == (1, 2)
    assert not store.files()
    assert store.collect() == (0, 0)
    assert store.rows() == {"snapshots": [], "hand-ins": ["ada"]}, "the run's record names it"


def test_a_snapshot_of_two_owners_goes_with_the_last(store):
    mine, theirs = store.hand_in(ADA, a="1"), store.hand_in(BEN, a="1")
    assert mine == theirs
    store.desk.submit(BOREALIS, snapshot=mine.hash)
    store.later()
    assert store.collect() == (0, 0)
    assert store.rows()["snapshots"] == [(mine.hash, "team-borealis")]
    assert store.snapshots.is_whole(mine)


def test_handed_in_again_is_as_good_as_new(store):
    again, gone = store.hand_in(a="1"), store.hand_in(b="2")
    store.later()
    store.hand_in(a="1")
    assert store.collect() == (1, 1)
    assert store.snapshots.is_whole(again)
    assert not store.snapshots.is_whole(gone)


def test_what_a_hand_in_left_that_was_killed_goes_too(store):
    """Contents without a manifest, and a manifest without a row."""
    store.snapshots.blobs.put(io.BytesIO(b"no more came of it"))
    orphan = store.snapshots.add_archive(io.BytesIO(archive({"x": b"1"})))
    assert store.collect() == (0, 0), "it may be under way"
    store.later()
    assert store.collect() == (1, 2)
    assert orphan.hash not in store.snapshots.hashes()
    assert not store.files()


@pytest.mark.parametrize("where", ["remove", "blobs.remove"])
def test_a_collection_that_was_cut_off_is_ended_by_the_next(store, monkeypatch, where):
    kept = store.hand_in(a="stays", b="too")
    store.hand_in(a="stays", c="goes", d="as well")
    store.later()
    store.hand_in(a="stays", b="too")
    place = store.snapshots.blobs if where == "blobs.remove" else store.snapshots
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place, "remove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        store.collect()
    assert store.snapshots.is_whole(kept)
    store.collector = store.new_collector()  # the next service's
    store.collect()
    assert store.snapshots.is_whole(kept)
    assert len(store.files()) == 3


def test_a_damaged_manifest_stops_the_collection_before_it_removes_contents(store):
    damaged = store.hand_in(a="1")
    store.desk.submit(APOLLO, snapshot=damaged.hash)
    store.snapshots.blobs.put(io.BytesIO(b"of none"))
    path = next(p for p in store.files() if p.suffix == ".json")
    path.write_bytes(b"{}")
    store.later()
    before = store.files()
    for _ in range(2):
        with pytest.raises(ExperimentError, match="changed on the lab's disk"):
            store.collect()
    assert store.files() == before


@pytest.mark.parametrize("moment", ["contents", "manifest", "row"])
def test_removed_in_the_middle_of_a_hand_in_is_handed_in_anew(store, monkeypatch, moment):
    """The hand-in counts on what lies there, and a collection without any grace removes it."""
    store.hand_in(a="1", b="2")
    store.later()
    removed = []

    def collect_at(place, name: str) -> None:
        real = getattr(place, name)

        def collect_and_go_on(*arguments, **named):
            if not removed:
                removed.append(None)
                removed.append(store.new_collector(grace_s=0).collect(store.desk.clock()))
            return real(*arguments, **named)

        monkeypatch.setattr(place, name, collect_and_go_on)

    places = {"contents": (BlobStore, "batch"), "manifest": (store.snapshots, "_keep"),
              "row": (hand_ins, "_keep")}  # fmt: skip
    collect_at(*places[moment])
    again = store.hand_in(a="1", b="2")
    assert removed[1] == (1, 2), "and so it did"
    assert store.snapshots.is_whole(again)
    assert store.rows()["snapshots"] == [(again.hash, "team-apollo")]


def test_a_row_comes_only_when_nobody_removes(store, monkeypatch):
    """While a collection removes, a hand-in that has written its files waits for it."""
    store.hand_in(a="1")
    store.later()
    started, collector = [], store.new_collector(grace_s=0)
    remove = store.snapshots.blobs.remove

    def wait_and_remove(*arguments):
        started.append(pool.submit(store.hand_in, a="1"))
        # It has put its files, and now waits for us or for the end of its own transaction.
        eventually(lambda: list(store.snapshots.hashes()))
        return remove(*arguments)

    monkeypatch.setattr(store.snapshots.blobs, "remove", wait_and_remove)
    with ThreadPoolExecutor(1) as pool:
        assert collector.collect(store.desk.clock()) == (1, 1)
        again = started[0].result(30)
    assert store.snapshots.is_whole(again)
    assert store.rows()["snapshots"] == [(again.hash, "team-apollo")]


def test_many_hand_ins_beside_many_collections(store):
    """Nothing that was acknowledged is incomplete at the end, though no file is too young to go."""
    kept: list[Manifest] = []

    def hand_all_in(number: int) -> None:
        for turn in range(6):
            kept.append(store.hand_in(shared="s", mine=str(number), turn=str(turn % 2)))

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(hand_all_in, number) for number in range(3)]
        # Fewer than a hand-in's tries: else one could lose to all of them.
        for number in range(1, hand_ins.TRIES):
            eventually(lambda number=number: len(kept) >= 3 * number)
            store.new_collector(grace_s=0).collect(store.desk.clock())
        for one in done:
            one.result()
    assert len({manifest.hash for manifest in kept}) == 6
    assert [manifest for manifest in kept if not store.snapshots.is_whole(manifest)] == []


def test_a_submission_of_what_is_about_to_go_keeps_it_or_is_refused(store):
    handed_in = store.hand_in(a="1")
    store.later()
    with ThreadPoolExecutor(1) as pool:
        with Session(store.desk.database) as session, session.begin():
            lock_table(session, "run_snapshots")
            session.execute(select(Snapshot.hash)).all()
            asked = pool.submit(store.desk.submit, APOLLO, snapshot=handed_in.hash)
        collected = store.collect()
    if asked.exception(30) is None:
        assert collected == (0, 0)
        assert store.snapshots.is_whole(handed_in)
    else:
        assert collected == (1, 1)
        assert asked.exception().code == "snapshot_unknown"
        assert store.desk.runs() == []


KILLED = """
import sys
from cohort.database import open_database
from experiments.retention import Rules
from experiments.snapshots import SnapshotStore
from experiments.unused import Collector
from tests.experiments.queueing import START
from datetime import timedelta
from pathlib import Path
database = open_database(sys.argv[1])
Collector(database, SnapshotStore(Path(sys.argv[2])), Rules(), 0).collect(START + timedelta(9))
"""


def test_killed_at_any_moment_it_leaves_every_snapshot_whole_or_gone(
    store, database_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(unused, "AT_ONCE", 1)
    kept = store.hand_in(**{f"f{n}": str(n) for n in range(20)})
    run_id = store.desk.submit(APOLLO, snapshot=kept.hash)
    for number in range(20):
        store.hand_in(f0="0", mine=str(number))
    line = [sys.executable, "-c", KILLED, database_url, str(tmp_path / "runs")]
    before = len(store.files())
    for _ in range(3):
        with subprocess.Popen(line, cwd=ROOT) as process:
            here = len(store.files())
            eventually(lambda here=here, p=process: len(store.files()) < here or p.poll() == 0)
            process.kill()
        assert store.snapshots.is_whole(kept)
    assert len(store.files()) < before
    subprocess.run(line, cwd=ROOT, check=True)
    assert store.snapshots.hashes() == {kept.hash}
    assert len(store.files()) == 21
    assert store.desk.run(run_id).state == State.WAITING


def test_what_is_kept_of_a_run_is_counted_with_its_report(desk, tmp_path):
    run_id = desk.submit()
    desk.finish(run_id)
    (tmp_path / "kept" / "outputs").mkdir(parents=True)
    (tmp_path / "kept" / "outputs" / "a").write_bytes(b"x" * 10)
    (tmp_path / "kept" / "report.pdf").write_bytes(b"x" * 5)
    count_kept(desk.database, run_id, tmp_path / "kept")
    assert desk.run(run_id).bytes_kept == 15
    desk.alter(run_id, removed_at=desk.clock() + timedelta(days=1), bytes_kept=0)
    count_kept(desk.database, run_id, tmp_path / "kept")
    assert desk.run(run_id).bytes_kept == 0, "a report that came too late counts for nothing"


def test_the_service_does_it_by_the_clock(tmp_path):
    with service_in(tmp_path) as service, service.to("ada") as ada:
        gone, young = (hand_in_to(ada, files={"work.ipynb": notebook(cells=n)}) for n in (1, 2))
        snapshots = service.context.snapshots
        with Session(service.context.database) as session, session.begin():
            row = session.get_one(Snapshot, (gone.json()["hash"], "team-apollo"))
            row.created_at -= timedelta(days=2)
        for path in (service.data / "runs").rglob("*"):
            os.utime(path, (time.time() - 2 * DAY,) * 2)
        loops = make_loops(service.context)
        for loop in loops:
            loop.start()
        try:
            eventually(lambda: snapshots.hashes() == {young.json()["hash"]})
            eventually(lambda: len(list(snapshots.blobs.hashes())) == 1)
        finally:
            for loop in loops:
                loop.stop()
