"""Releases: versions of an assignment, each what students get and the instructor's own.

Invariant: a version never changes; a new one, or a withdrawal, leaves those before it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cohort.blobs import Readable
from grading.assignments import ensure, hold, unknown
from grading.audit import Actor, Subject, record
from grading.contents import Contents, File, Folder, Taken
from grading.errors import GradingError
from grading.notebooks import is_notebook_name, points_in
from grading.tables import Assignment, Fetch, Release

RELEASE, SOURCE = "release", "source"


class Pair(NamedTuple):
    """Both halves of a version, stored, and the points that the instructor's version gives."""

    release: Folder
    source: Folder
    max_score: float


def store(contents: Contents, archive: Readable) -> Pair:
    """Keep an archive of the folders ``release/`` and ``source/``; raises `GradingError`."""
    points = 0.0

    def sort(taken: Taken) -> dict[str, list[File]]:
        nonlocal points
        halves: dict[str, list[File]] = {RELEASE: [], SOURCE: []}
        for file in taken.files:
            top, _, rest = file.path.partition("/")
            if top not in halves or not rest:
                raise _refused(f"holds {file.path[:80]!r} outside of release/ and source/")
            halves[top].append(File(rest, file.sha256, file.size, file.mode))
        _check_halves(halves)
        points = sum(
            points_in(notebook)
            for name, notebook in taken.notebooks.items()
            if name.startswith(f"{SOURCE}/")
        )
        return halves

    folders = contents.add(archive, sort, lambda name: is_notebook_name(name.partition("/")[2]))
    return Pair(folders[RELEASE], folders[SOURCE], points)


def release(session: Session, actor: Actor, subject: Subject, pair: Pair) -> Release:
    """Make the pair the version that students get; the same one again is no new version."""
    row = ensure(session, subject.course, subject.assignment, actor.at)
    last = session.get(Release, (row.course, row.name, row.version)) if row.version else None
    same = last and (last.release, last.source) == (pair.release.sha256, pair.source.sha256)
    if last is not None and same and row.withdrawn_at is None:
        return last
    if not same:
        last = Release(
            course=row.course, assignment=row.name, version=(row.version or 0) + 1,
            release=pair.release.sha256, source=pair.source.sha256, files=pair.release.paths,
            max_score=pair.max_score, released_by=actor.who, released_at=actor.at,
        )  # fmt: skip
        session.add(last)
    before = {"version": row.version if row.withdrawn_at is None else None}
    row.version, row.withdrawn_at = last.version, None
    record(session, actor, subject, "release", (before, {"version": row.version}))
    return last


def withdraw(session: Session, actor: Actor, subject: Subject) -> None:
    """Take an assignment away from students; what was handed in stays."""
    row = hold(session, subject.course, subject.assignment)
    if row.version is None or row.withdrawn_at is not None:
        raise GradingError(
            f"{row.name} is not released: there is nothing to withdraw.",
            code="not_released", status=409,
        )  # fmt: skip
    row.withdrawn_at = actor.at
    record(session, actor, subject, "withdrawal", ({"version": row.version}, {"version": None}))


def version_of(session: Session, row: Assignment, version: int | None) -> Release:
    """A version, the latest without a number; raises `GradingError` (404)."""
    number = version if version is not None else row.version
    found = session.get(Release, (row.course, row.name, number)) if number else None
    if found is None:
        if version is None:
            raise unknown(row.name)
        raise GradingError(
            f"There is no version {version} of {row.name}.", code="version_unknown", status=404
        )
    return found


def record_fetch(session: Session, actor: Actor, found: Release) -> None:
    """Note that somebody fetched a version; only the first time counts."""
    dialect = {"postgresql": postgresql, "sqlite": sqlite}[session.get_bind().dialect.name]
    values = {"course": found.course, "assignment": found.assignment, "owner": actor.who,
              "version": found.version, "at": actor.at}  # fmt: skip
    session.execute(dialect.insert(Fetch).values(**values).on_conflict_do_nothing())


def _check_halves(halves: dict[str, list[File]]) -> None:
    names = {
        half: {file.path for file in files if is_notebook_name(file.path)}
        for half, files in halves.items()
    }
    if not names[RELEASE]:
        raise _refused("has no notebook in release/")
    if lacking := sorted(names[RELEASE] - names[SOURCE]):
        raise _refused(f"has {lacking[0][:80]!r} in release/ and not in source/")


def _refused(why: str) -> GradingError:
    return GradingError(
        f"This release {why}: generate the assignment and release it again.",
        code="release_refused",
    )
