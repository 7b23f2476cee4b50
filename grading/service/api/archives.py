"""Archives as bodies of requests and of answers.

Invariant: a body is on disk and whole before anything looks at it; whoever sends it is known to
be in the course before the first byte is read.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, BinaryIO

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from cohort.blobs import CHUNK
from grading.contents import Contents
from grading.errors import GradingError
from grading.service.api.common import In, Parts

MEDIA_TYPE = "application/gzip"
IN_MEMORY = 1 << 20  # of a body, before it goes to disk
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
        "Cache-Control": "private, no-store"}  # fmt: skip
# For a route's ``openapi_extra``: FastAPI cannot tell by itself what the body is.
TAKES = {"requestBody": {"required": True, "content": {
    MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}  # fmt: skip
# For a route's ``responses``.
GIVES = {200: {"description": "A tar.gz.", "content": {
    MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """A body, and when the last of it came in."""

    file: BinaryIO
    at: datetime


async def upload_of(request: Request, context: Parts, who: In) -> AsyncIterator[Upload]:
    """The body of a request, spooled."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
        except ClientDisconnect as error:
            raise GradingError("The upload broke off.", code="upload_broken", status=400) from error
        # Now, not at the request's beginning: else one that is held open could be filled later.
        at = context.now()
        file.seek(0)
        yield Upload(file, at)


Body = Annotated[Upload, Depends(upload_of)]


def archive(contents: Contents, sha256: str, name: str) -> StreamingResponse:
    """A folder as a tar.gz, an attachment."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by what reads it
    try:
        contents.write_archive(sha256, file)
    except BaseException:
        file.close()
        raise
    headers = {**SAFE, "Content-Length": str(file.tell()),
               "Content-Disposition": f'attachment; filename="{name}.tar.gz"'}  # fmt: skip
    file.seek(0)
    return StreamingResponse(chunks(file), media_type=MEDIA_TYPE, headers=headers)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """All of a file, which is closed then."""
    with file:
        while data := file.read(CHUNK):
            yield data
