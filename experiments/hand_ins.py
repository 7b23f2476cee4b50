"""Handing a folder in: its files go into the store, and who did it, of which commit, into a row.

Invariant: when a hand-in is acknowledged all its files are in the store, whatever
`experiments.unused` removed from it meanwhile; and what one hand-in said no other one changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from experiments.checks import digest
from experiments.errors import ExperimentError
from experiments.snapshots import Manifest, SnapshotStore
from experiments.tables import HandIn, Snapshot

TRIES = 5


@dataclass(frozen=True)
class By:
    """For whom a folder is handed in, by whom, and what git says of it."""

    owner: str
    author: str
    git: dict | None = None


def hand_in(
    database: Engine, store: SnapshotStore, archive: BinaryIO, by: By, now: datetime
) -> Manifest:
    """Keep the folder in an archive, a tar.gz, as it is; returns once that is safe on disk.

    Raises `ExperimentError`, and then the owner has handed in nothing.
    """
    for _ in range(TRIES):
        archive.seek(0)
        manifest = store.add_archive(archive)
        try:
            if _keep(database, store, manifest, by, now):
                return manifest
        except (IntegrityError, StaleDataError):  # the same folder at the same moment
            continue
    raise ExperimentError(
        "The folder could not be kept: hand it in again.", code="snapshot_not_kept", status=503
    )


def _keep(
    database: Engine, store: SnapshotStore, manifest: Manifest, by: By, now: datetime
) -> bool:
    """Write the rows; False, with none written, if some of the files were removed meanwhile."""
    with Session(database) as session, session.begin() as transaction:
        session.merge(
            Snapshot(hash=manifest.hash, owner=by.owner, files=len(manifest.files),
                     bytes=manifest.bytes, created_at=now)
        )  # fmt: skip
        session.flush()  # this table first, as whoever removes files locks it first
        session.merge(
            HandIn(id=digest([manifest.hash, by.owner, by.author, by.git]),
                   snapshot=manifest.hash, owner=by.owner, author=by.author, git=by.git, at=now)
        )  # fmt: skip
        session.flush()
        # Not earlier: from here on whoever removes files waits for us, and then sees the row.
        if store.is_whole(manifest):
            return True
        transaction.rollback()
        return False
