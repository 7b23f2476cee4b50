"""Puts API, pages, log-in and the answers to refusals together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

from cohort.service.limits import BodyLimit
from cohort.service.refusals import answer_refusals
from experiments.service import api, pages
from experiments.service.context import Context
from experiments.service.limits import limit_of
from experiments.service.loops import make_loops
from experiments.service.pages import look

PREFIX = "/services/experiments"


def create_app(context: Context) -> FastAPI:
    """The application; `context` is closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loops = make_loops(context)
        context.press.remove_leftovers()
        context.supervisor.start()
        for loop in loops:
            loop.start()
        yield
        for loop in loops:
            await run_in_threadpool(loop.stop)
        await run_in_threadpool(context.close)
        await context.hub.close()

    app = FastAPI(
        title="Cohort experiments",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    app.state.context = context
    app.add_middleware(BodyLimit, limit_of=limit_of)
    for route in context.sessions.routes():
        app.add_route(PREFIX + route.path, route.endpoint, include_in_schema=False)
    app.add_route(f"{PREFIX}/health", lambda _: PlainTextResponse("ok"), include_in_schema=False)
    app.include_router(api.router, prefix=f"{PREFIX}/api/v1")
    app.include_router(pages.router, prefix=PREFIX, include_in_schema=False)
    look.mount_static(app, PREFIX)
    answer_refusals(app, PREFIX, look.sentence, api.invalid)
    return app
