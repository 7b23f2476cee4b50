"""The web pages, in the hub's look; a module a topic."""

from __future__ import annotations

from fastapi import APIRouter

from experiments.service.pages import listing

router = APIRouter()
router.include_router(listing.router)
