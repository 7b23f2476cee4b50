"""How much of a request is taken in: told by the address it is sent to.

Invariant: no request fills memory or disk before it is looked at; one that is too large, or says
that it will be, is refused in the same shape as everything else.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cohort.archives import megabytes
from cohort.errors import Refusal


class BodyLimit:
    """Counts what is sent to an application; ``limit_of`` says how many bytes a request has."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[Scope], int]) -> None:
        self.app, self.limit_of = app, limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.limit_of(scope)
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said[:20]) > limit:
            answer = JSONResponse(too_large(limit).body(), 413, {"Connection": "close"})
            return await answer(scope, receive, send)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # What reads bodies lets this kind through as it is.
                raise HTTPException(413, str(too_large(limit)).rstrip("."))
            return message

        return await self.app(scope, counted, send)


def too_large(limit: int) -> Refusal:
    """What is said of a request over its limit, in bytes."""
    return Refusal(
        f"The request is larger than {megabytes(limit)}, which is all that is taken here.",
        code="request_too_large",
        status=413,
    )
