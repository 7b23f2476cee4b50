"""The queue: what runs, what waits and why."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import func, select

from experiments import waiting
from experiments.service import access
from experiments.service.api.common import REFUSALS, Parts, Who
from experiments.service.context import Context
from experiments.service.shapes import RunShape, run_shapes
from experiments.states import ACTIVE, State
from experiments.tables import Run

router = APIRouter(tags=["queue"], responses=REFUSALS)

SHOWN = 200


class Others(BaseModel):
    """How many runs there are that the caller may not see."""

    running: int
    waiting: int


class Queue(BaseModel):
    """What runs and what waits, the latter in the order in which it should start."""

    running: list[RunShape]
    waiting: list[RunShape]
    others: Others


@router.get("/queue")
def queue(context: Parts, caller: Who) -> Queue:
    """The queue as the caller may see it, up to 200 runs of each."""
    return queue_for(context, caller)


def queue_for(context: Context, caller) -> Queue:
    """The queue as a caller may see it."""
    claims = context.ledger.claims()
    owners = access.visible_owners(caller)
    with context.reading() as session:

        def seen(states) -> list[Run]:
            # One state at a time: for the order of several, SQLite reads all runs of an owner.
            found = []
            for state in states:
                wanted = select(Run).where(Run.state == state).order_by(Run.created_at)
                wanted = wanted if owners is None else wanted.where(Run.owner.in_(owners))
                found += session.scalars(wanted.limit(5 * SHOWN))
            return sorted(found, key=lambda run: run.created_at)

        def count(states) -> int:
            wanted = select(func.count()).select_from(Run).where(Run.state.in_(states))
            return (
                session.scalar(wanted if owners is None else wanted.where(Run.owner.in_(owners)))
                or 0
            )

        totals = dict(
            session.execute(
                select(Run.state, func.count())
                .where(Run.state.in_({State.WAITING, *ACTIVE}))
                .group_by(Run.state)
            ).all()
        )
        running, waits = seen(ACTIVE), seen({State.WAITING})
        why = waiting.explain(session, context.ledger, claims, context.offer) if waits else {}
        waits.sort(key=lambda run: why[run.id].place if run.id in why else len(why))
        active = sum(totals.get(state, 0) for state in ACTIVE)
        return Queue(
            running=run_shapes(session, running[:SHOWN], caller),
            waiting=run_shapes(session, waits[:SHOWN], caller, why),
            others=Others(
                running=active - count(ACTIVE),
                waiting=totals.get(State.WAITING, 0) - count({State.WAITING}),
            ),
        )
