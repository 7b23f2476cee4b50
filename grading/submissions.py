"""Hand-ins: what came in, when, from whom, and whether it was late.

Invariant: a hand-in is whole: its files are on disk before its row is, and it is acknowledged
once the row is committed. One key of one owner is one hand-in, however often it is sent; numbers
and attempts are exact, since whoever hands in holds the assignment's row.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohort.blobs import Readable
from grading.assignments import hold
from grading.contents import Contents, File, Folder, Taken, canonical
from grading.deadlines import Penalty, closes_at, effective_due, late_seconds, shown_in
from grading.errors import GradingError
from grading.extensions import extended_due
from grading.ids import is_team, new_submission_id, title_of
from grading.notebooks import is_notebook_name
from grading.releases import version_of
from grading.tables import Assignment, Submission


@dataclass(frozen=True)
class HandIn:
    """Who hands in whose work for what; ``members`` get its mark, ``key`` tells it from others."""

    course: str
    assignment: str
    owner: str
    author: str
    members: tuple[str, ...]
    received_at: datetime
    key: str | None = None


def store(contents: Contents, archive: Readable) -> Folder:
    """Keep the files that are handed in; raises `GradingError` and then keeps none."""

    def sort(taken: Taken) -> dict[str, list[File]]:
        if not taken.notebooks:
            raise GradingError(
                "There is no notebook in what you hand in: hand the assignment's folder in.",
                code="no_notebook",
            )
        return {"": list(taken.files)}

    return contents.add(archive, sort, is_notebook_name)[""]


def check(session: Session, work: HandIn) -> Submission | None:
    """Refuse what could not be taken now; the earlier hand-in if the key was used before.

    So nothing is stored of what will be refused. `hand_in` looks again.
    """
    row = hold(session, work.course, work.assignment)
    earlier = of_key(session, work)
    if earlier is None:
        _check_rules(session, row, work)
    return earlier


def hand_in(session: Session, secret: bytes, work: HandIn, files: Folder) -> Submission:
    """The hand-in of these files, or the earlier one of the same key; raises `GradingError`."""
    row = hold(session, work.course, work.assignment)
    earlier = of_key(session, work)
    if earlier is not None:
        return _same(earlier, files)
    due = _check_rules(session, row, work)
    release = version_of(session, row, None)
    expected = {name for name in release.files if is_notebook_name(name)}
    given = {name for name in files.paths if is_notebook_name(name)}
    made = Submission(
        id=new_submission_id(), course=work.course, assignment=work.assignment, owner=work.owner,
        author=work.author, members=sorted(work.members), number=_count(session, work) + 1,
        version=release.version, idempotency_key=work.key, sha256=files.sha256,
        bytes=files.bytes, missing=sorted(expected - given), extra=sorted(given - expected),
        due=due, late_seconds=late_seconds(work.received_at, due, row.grace_minutes),
        received_at=work.received_at,
    )  # fmt: skip
    made.receipt = receipt(secret, made)
    session.add(made)
    session.flush()
    return made


def receipt(secret: bytes, made: Submission) -> str:
    """What proves a hand-in even to a lab that lost its row: an HMAC-SHA256 over its facts."""
    facts = [made.id, made.course, made.assignment, made.owner, made.number, made.sha256,
             made.received_at.isoformat()]  # fmt: skip
    return hmac.new(secret, b"receipt:" + canonical(facts), hashlib.sha256).hexdigest()


def of_key(session: Session, work: HandIn) -> Submission | None:
    """The hand-in that an owner's idempotency key was used for, if it was."""
    if work.key is None:
        return None
    return session.scalar(_of_owner(work).where(Submission.idempotency_key == work.key))


def _of_owner(work: HandIn):
    return select(Submission).where(
        Submission.course == work.course,
        Submission.assignment == work.assignment,
        Submission.owner == work.owner,
    )


def _count(session: Session, work: HandIn) -> int:
    return session.scalar(select(func.count()).select_from(_of_owner(work).subquery()))


def _same(earlier: Submission, files: Folder) -> Submission:
    if earlier.sha256 != files.sha256:
        raise GradingError(
            f"This key was used for another hand-in ({earlier.id}): use a new key for new work.",
            code="key_used", status=409, submission=earlier.id,
        )  # fmt: skip
    return earlier


def _check_rules(session: Session, row: Assignment, work: HandIn) -> datetime | None:
    """Refuse by the assignment's rules; return when it was due for them."""
    if row.version is None or row.withdrawn_at is not None:
        raise GradingError(
            f"{row.name} is not released now: nothing can be handed in.",
            code="not_released", status=409,
        )  # fmt: skip
    if (row.kind == "team") != is_team(work.owner):
        where = "by teams: use the team's workspace" if row.kind == "team" else (
            "by each person: use your own desk"
        )  # fmt: skip
        raise GradingError(f"{row.name} is handed in {where}.", code="wrong_kind", field="owner")
    due = effective_due(row.due, extended_due(session, row.course, row.name, work.owner))
    closes = closes_at(due, row.grace_minutes, Penalty(**row.penalty))
    if closes is not None and work.received_at > closes:
        local = shown_in(closes, row.timezone)
        raise GradingError(
            f"{row.name} was due by {local:%d %B %Y, %H:%M} ({row.timezone}) and nothing is taken "
            f"any more: ask your instructor for an extension.",
            code="closed", status=409,
        )  # fmt: skip
    if row.attempts is not None and _count(session, work) >= row.attempts:
        raise GradingError(
            f"{title_of(work.owner)} has handed in {row.name} {row.attempts} times, which is "
            f"all that is taken.",
            code="no_attempts_left", status=409,
        )  # fmt: skip
    return due
