"""How much of a request is taken in: told by the address it is sent to."""

from __future__ import annotations

from starlette.types import Scope

from grading.contents import CAPS, MB

UPLOADS = ("/release", "/submissions", "/feedback")
BODY_BYTES = 8 * MB  # the marks of 500 with a comment on each of 30 cells


def limit_of(scope: Scope) -> int:
    """Bytes that a request's body may have."""
    uploads = scope["method"] == "POST" and scope["path"].endswith(UPLOADS)
    return CAPS.compressed_bytes if uploads else BODY_BYTES
