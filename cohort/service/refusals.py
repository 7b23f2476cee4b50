"""Answers every refusal of a service in one shape: a page for people, JSON for programs.

Invariant: no traceback reaches anybody; what was not foreseen is one sentence, and its evidence
is in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from cohort.errors import CohortError, Refusal
from cohort.service.session import LoginNeededError

log = logging.getLogger(__name__)

Sentence = Callable[[Request, str, int], Awaitable[Response]]
Invalid = Callable[[RequestValidationError], Refusal]

WRONG = "Something went wrong here. Try again; if it goes on, tell the lab's operator."

KNOWN = {
    400: ("request_invalid", "The body of the request cannot be read as what it should be."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "That cannot be done at this address."),
}


def answer_refusals(app: FastAPI, prefix: str, sentence: Sentence, invalid_as: Invalid) -> None:
    """Have an application below ``prefix`` answer people with a page and programs with JSON.

    ``sentence`` makes the page; ``invalid_as`` says what is wrong with a request of a wrong shape.
    """

    def wants_page(request: Request) -> bool:
        """True if a person looks: programs send their token and JSON is all they want."""
        address = request.url.path.startswith((f"{prefix}/api/", f"{prefix}/openapi.json"))
        return request.method == "GET" and not address and "authorization" not in request.headers

    @app.exception_handler(LoginNeededError)
    async def log_in(request: Request, error: LoginNeededError) -> Response:
        if wants_page(request):
            return RedirectResponse(app.state.context.sessions.login_address(request), 302)
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(Refusal)
    async def refuse(request: Request, error: Refusal) -> Response:
        if wants_page(request):
            return await sentence(request, str(error), error.status)
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await refuse(request, invalid_as(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        other = ("request_too_large" if error.status_code == 413 else "refused", f"{error.detail}.")
        code, said = KNOWN.get(error.status_code, other)
        answer = await refuse(request, Refusal(said, code=code, status=error.status_code))
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
