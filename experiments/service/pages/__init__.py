"""The web pages, in the hub's look; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter

from experiments.service.pages import (
    compare,
    draft,
    listing,
    new,
    queue,
    run,
    schedules,
    showcase,
    sweeps,
)

router = APIRouter()
for part in (listing, queue, new, draft, run, compare, sweeps, schedules, showcase):
    router.include_router(part.router)
