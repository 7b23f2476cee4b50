"""Puts API, pages and log-in together, and answers every refusal in one shape."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from cohort.errors import CohortError, Refusal
from cohort.service.session import LoginNeededError
from grading.service import api, pages
from grading.service.context import Context
from grading.service.limits import BodyLimit
from grading.service.loops import make_loops
from grading.service.pages import look
from grading.service.pages.look import PREFIX

log = logging.getLogger(__name__)

WRONG = "Something went wrong here. Try again; if it goes on, tell the lab's operator."

KNOWN = {
    400: ("request_invalid", "The body of the request cannot be read as what it should be."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "That cannot be done at this address."),
}


def create_app(context: Context) -> FastAPI:
    """The application; `context` is closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loops = make_loops(context)
        if context.autograder is not None:
            context.autograder.start()
        for loop in loops:
            loop.start()
        yield
        for loop in loops:
            await run_in_threadpool(loop.stop)
        await run_in_threadpool(context.close)
        await context.hub.close()

    app = FastAPI(
        title="Cohort grading",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    app.state.context = context
    app.add_middleware(BodyLimit)
    for route in context.sessions.routes():
        app.add_route(PREFIX + route.path, route.endpoint, include_in_schema=False)
    app.add_route(f"{PREFIX}/health", lambda _: PlainTextResponse("ok"), include_in_schema=False)
    app.include_router(api.router, prefix=f"{PREFIX}/api/v1")
    app.include_router(pages.router, prefix=PREFIX, include_in_schema=False)
    look.mount_static(app)
    _answer_refusals(app)
    return app


def _answer_refusals(app: FastAPI) -> None:
    @app.exception_handler(LoginNeededError)
    async def log_in(request: Request, error: LoginNeededError) -> Response:
        if _wants_page(request):
            return RedirectResponse(app.state.context.sessions.login_address(request), 302)
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(Refusal)
    async def refuse(request: Request, error: Refusal) -> Response:
        if _wants_page(request):
            return await look.sentence(request, str(error), error.status)
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await refuse(request, api.invalid(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        other = ("request_too_large" if error.status_code == 413 else "refused", f"{error.detail}.")
        code, sentence = KNOWN.get(error.status_code, other)
        answer = await refuse(request, Refusal(sentence, code=code, status=error.status_code))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(CohortError)
    async def trouble(request: Request, error: CohortError) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return await refuse(request, Refusal(str(error), code="unavailable", status=503))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        # Starlette logs the traceback after this answer has been sent.
        return await refuse(request, Refusal(WRONG, code="internal", status=500))


def _wants_page(request: Request) -> bool:
    """True if a person looks: programs send their token and JSON is all they want."""
    address = request.url.path.startswith((f"{PREFIX}/api/", f"{PREFIX}/openapi.json"))
    return request.method == "GET" and not address and "authorization" not in request.headers
