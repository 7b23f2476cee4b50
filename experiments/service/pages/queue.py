"""The queue: what runs, what waits and why."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from experiments.service.api.common import Parts, Who
from experiments.service.api.queue import queue_for
from experiments.service.pages.look import page

router = APIRouter()


@router.get("/queue")
def queue(request: Request, context: Parts, caller: Who) -> Response:
    """The queue as the caller may see it."""
    found = queue_for(context, caller)
    return page(
        request, "queue.html", caller, queue=found, total=context.offer.total,
        shares=context.offer.shares,
    )  # fmt: skip
