"""The queue's front door: a request becomes a run that waits, once.

Invariant: one idempotency key of one owner is one run, however often and from however many
threads and services it is submitted: the unique constraint of the table keeps that. What is
refused leaves nothing behind. The caller owns the transaction; a run exists once it commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import case, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from experiments.checks import digest
from experiments.errors import ExperimentError
from experiments.offer import Offer, people
from experiments.requests import RunRequest
from experiments.states import State
from experiments.tables import HandIn, Run, RunChange, RunTag, RunTerm, Snapshot, new_id
from experiments.terms import terms_of


@dataclass(frozen=True)
class Origin:
    """On whose behalf a run is asked for, and what for.

    ``key`` is the service's own idempotency key, in place of the request's. ``hand_in`` is that
    of an earlier run which this one repeats; without one it is the latest of the snapshot.
    """

    owner: str
    author: str
    sweep_id: str | None = None
    schedule_id: str | None = None
    verify_of: str | None = None
    tolerance: dict | None = None
    key: str | None = None
    hand_in: str | None = None


def submit(session: Session, request: RunRequest, origin: Origin, offer: Offer) -> Run:
    """Return the run of a request, new or, for a key that was used before, the earlier one.

    Raises `ExperimentError`: 409 for a key that was used for another request, 422 for what this
    lab cannot run, 429 for an owner who has too much in the queue.
    """
    key = origin.key or request.idempotency_key
    earlier = run_of_key(session, origin.owner, key)
    if earlier is None:
        offer.check(request, origin.owner)
        check_snapshot(session, request.snapshot, origin.owner)
        _check_queue(session, origin.owner, offer)
        hand_in = origin.hand_in or latest_hand_in(session, request.snapshot, origin)
        run = _new_run(request, origin, offer, hand_in)
        try:
            with session.begin_nested():
                session.add(run)
        except IntegrityError:
            # Another thread was faster; anything else that is wrong with the row is an error.
            earlier = run_of_key(session, origin.owner, key)
            if earlier is None:
                raise
        else:
            _describe(session, run, request.tags)
            return run
    if earlier.request_hash != digest(request.stored()):
        raise ExperimentError(
            f"The idempotency key {key} was used for another request ({earlier.id}): use a new "
            f"key for a new run.",
            code="key_used",
            status=409,
            run=earlier.id,
        )
    return earlier


def find_same(session: Session, owner: str, fingerprint: str) -> Run | None:
    """The latest run of an owner that succeeded with the same inputs and has its files still."""
    return session.scalars(
        select(Run)
        .where(
            Run.fingerprint == fingerprint,
            Run.owner == owner,
            Run.state == State.SUCCEEDED,
            Run.removed_at.is_(None),
            Run.verify_of.is_(None),
        )
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
    ).first()


def fingerprint_of(request: RunRequest, image_digest: str) -> str:
    """SHA-256 over all that a run's outcome may depend on, but for the values of secrets."""
    return digest(
        [request.snapshot, request.notebook, request.parameters, image_digest, request.kernel]
    )


def check_snapshot(session: Session, snapshot: str, owner: str) -> None:
    """Refuse a snapshot that this owner never handed in.

    The row is locked until the transaction ends, so that `experiments.retention` cannot drop
    the snapshot before the run that needs it is there.
    """
    found = session.scalar(
        select(Snapshot.hash)
        .where(Snapshot.hash == snapshot, Snapshot.owner == owner)
        .with_for_update(read=True)
    )
    if found is None:
        raise ExperimentError(
            f"{people(owner)} has handed in no snapshot {snapshot[:12]}…: upload the notebook's "
            f"folder first.",
            code="snapshot_unknown",
            field="snapshot",
        )


def latest_hand_in(session: Session, snapshot: str, origin: Origin) -> str | None:
    """The hand-in of a snapshot that a new run is made from: its author's own, if there is one."""
    mine = case((HandIn.author == origin.author, 0), else_=1)
    found = select(HandIn.id).where(HandIn.snapshot == snapshot, HandIn.owner == origin.owner)
    return session.scalar(found.order_by(mine, HandIn.at.desc(), HandIn.id).limit(1))


def run_of_key(session: Session, owner: str, key: str | None) -> Run | None:
    """The run that an owner's idempotency key was used for, if it was."""
    if key is None:
        return None
    return session.scalar(select(Run).where(Run.owner == owner, Run.idempotency_key == key))


def _check_queue(session: Session, owner: str, offer: Offer) -> None:
    limit = offer.shares.waiting
    some = select(Run.id).where(Run.owner == owner, Run.state == State.WAITING).limit(limit)
    if session.scalar(select(func.count()).select_from(some.subquery())) >= limit:
        raise ExperimentError(
            f"No more than {limit} runs of {people(owner)} may wait at once: try again when some "
            f"have started.",
            code="queue_full",
            status=429,
        )


def _new_run(request: RunRequest, origin: Origin, offer: Offer, hand_in: str | None) -> Run:
    image, image_digest = offer.image(request.image)
    return Run(
        id=new_id("run"),
        owner=origin.owner,
        author=origin.author,
        title=request.title or PurePosixPath(request.notebook).stem[:200],
        idempotency_key=origin.key or request.idempotency_key,
        request_hash=digest(request.stored()),
        fingerprint=fingerprint_of(request, image_digest),
        sweep_id=origin.sweep_id,
        schedule_id=origin.schedule_id,
        verify_of=origin.verify_of,
        tolerance=origin.tolerance,
        image=image,
        image_digest=image_digest,
        hand_in=hand_in,
        secrets=offer.seal.seal(request.secrets),
        secret_names=sorted(request.secrets) or None,
        notify=request.notify.model_dump(exclude_none=True) or None,
        state=State.WAITING,
        created_at=offer.now(),
        **{name: getattr(request, name) for name in COPIED},
    )


COPIED = (
    "snapshot", "notebook", "parameters", "kernel", "cpus", "memory_bytes", "gpus", "time_limit_s",
    "cell_limit_s", "network", "not_before", "max_attempts",
)  # fmt: skip


def _describe(session: Session, run: Run, tags: tuple[str, ...]) -> None:
    """Write what hangs on a new run: tags, the terms it is found by, the first change."""
    found_by = {"run_id": run.id, "owner": run.owner, "created_at": run.created_at}
    rows = {
        RunTag: [{"run_id": run.id, "tag": tag} for tag in tags],
        RunTerm: [found_by | {"term": term} for term in terms_of(run, tags)],
        RunChange: [
            {"run_id": run.id, "at": run.created_at, "who": run.author, "what": State.WAITING}
        ],
    }
    for table, values in rows.items():
        if values:
            # By table, not by class: nobody needs these as objects, and it is faster.
            session.execute(insert(table.__table__), values)
