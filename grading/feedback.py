"""Feedback: what is handed back on a submission, as HTML and what belongs to it.

Invariant: what was handed back once stays; newer feedback stands beside it and is shown instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohort.blobs import Readable
from grading.assignments import hold
from grading.audit import Actor, Subject, record
from grading.contents import Contents, File, Folder, Taken
from grading.errors import GradingError
from grading.tables import Feedback, Submission


def store(contents: Contents, archive: Readable) -> Folder:
    """Keep the files that are handed back; raises `GradingError` and then keeps none."""

    def sort(taken: Taken) -> dict[str, list[File]]:
        if not any(file.path.endswith(".html") for file in taken.files):
            raise GradingError(
                "There is no HTML page in this feedback: generate it and release it again.",
                code="no_feedback",
            )
        return {"": list(taken.files)}

    return contents.add(archive, sort, lambda _: False)[""]


def hand_back(session: Session, actor: Actor, submission: Submission, files: Folder) -> Feedback:
    """Make these files what is shown of a submission; the same ones again change nothing."""
    hold(session, submission.course, submission.assignment)
    last = latest(session, submission.id)
    if last is not None and last.sha256 == files.sha256:
        return last
    number = last.number + 1 if last else 1
    made = Feedback(
        submission=submission.id, number=number, sha256=files.sha256, by=actor.who, at=actor.at
    )
    session.add(made)
    subject = Subject(submission.course, submission.assignment, submission.owner)
    facts = {"submission": submission.id, "sha256": files.sha256}
    before = last and {"submission": submission.id, "sha256": last.sha256}
    record(session, actor, subject, "feedback", (before, facts))
    return made


def latest(session: Session, submission: str) -> Feedback | None:
    """What is shown of a submission, if anything was handed back."""
    query = select(Feedback).where(Feedback.submission == submission)
    return session.scalar(query.order_by(Feedback.number.desc()).limit(1))


def returned(session: Session, course: str, owners: Iterable[str] | None = None) -> dict:
    """When each submission of a course was last handed back; of these owners, or of all."""
    query = (
        select(Feedback.submission, func.max(Feedback.at))
        .join(Submission, Submission.id == Feedback.submission)
        .where(Submission.course == course)
        .group_by(Feedback.submission)
    )
    if owners is not None:
        query = query.where(Submission.owner.in_(list(owners)))
    return {submission: at for submission, at in session.execute(query)}
