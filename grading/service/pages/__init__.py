"""The web pages, in the hub's look; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter

from grading.service.pages import feedback, progress

router = APIRouter()
for part in (progress, feedback):
    router.include_router(part.router)
