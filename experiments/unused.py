"""Removes from the store what nobody needs any more: snapshots, then contents of none.

Invariant: nothing goes that a row in the database needs, nor what a hand-in that is under way
will need: that one looks in its own transaction whether all its files are there, which cannot
run beside one that removes, and else hands them in anew. Each removal is complete by itself:
whoever is killed in between leaves only what the next pass removes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cohort.database import lock_table
from experiments.retention import Rules, drop_snapshots
from experiments.snapshots import SnapshotStore
from experiments.tables import Snapshot

# Younger files most likely belong to a hand-in that is under way; it would have to begin anew.
GRACE_S = 3600.0
AT_ONCE = 500  # removals, 20 ms, for which hand-ins and submissions wait


class Collector:
    """Removes what is unused; one thread of one process may let it."""

    def __init__(
        self, database: Engine, store: SnapshotStore, rules: Rules, grace_s: float = GRACE_S
    ) -> None:
        self._database, self._store, self._rules, self._grace_s = database, store, rules, grace_s
        # Which contents are needed is in the manifests of all snapshots: looked at when some
        # have gone, and first of all, as who was killed may have left something.
        self._contents_are_due = True

    def collect(self, now: datetime) -> tuple[int, int]:
        """Remove all that is unused; how many snapshots went, and how many contents."""
        with self._alone() as session:
            drop_snapshots(session, self._rules, now)
        snapshots = self._remove_snapshots()
        self._contents_are_due |= snapshots > 0
        contents = self._remove_contents() if self._contents_are_due else 0
        self._contents_are_due = False
        return snapshots, contents

    def _remove_snapshots(self) -> int:
        """Remove the manifests that no owner has: dropped, or never brought to a row."""
        removed = 0
        for some in _batches(self._store.hashes(self._grace_s)):
            with self._alone() as session:
                wanted = select(Snapshot.hash).where(Snapshot.hash.in_(some))
                unused = set(some) - set(session.scalars(wanted))
                removed += sum(self._store.remove(snapshot, self._grace_s) for snapshot in unused)
        return removed

    def _remove_contents(self) -> int:
        """Remove the contents that no manifest names."""
        removed, read, used = 0, set(), set()
        self._read_on(read, used)
        old = (found for found in self._store.blobs.hashes(self._grace_s) if found not in used)
        for some in _batches(old):
            with self._alone():
                self._read_on(read, used)  # what came since
                removed += sum(
                    self._store.blobs.remove(content, self._grace_s)
                    for content in some
                    if content not in used
                )
        return removed

    def _read_on(self, read: set[str], used: set[str]) -> None:
        """Take in the manifests that are not ``read`` yet, and the contents that they name."""
        for snapshot in self._store.hashes() - read:
            used.update(file.sha256 for file in self._store.manifest(snapshot).files)
            read.add(snapshot)

    @contextmanager
    def _alone(self) -> Iterator[Session]:
        """A transaction beside which nobody hands anything in."""
        with Session(self._database) as session, session.begin():
            session.connection()  # else SQLite's begins with the first question, if there is one
            lock_table(session, Snapshot.__tablename__)
            yield session


def _batches(hashes: Iterable[str]) -> Iterator[list[str]]:
    all_ = sorted(hashes)
    for start in range(0, len(all_), AT_ONCE):
        yield all_[start : start + AT_ONCE]
