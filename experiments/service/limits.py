"""How much of a request is taken in: told by the address it is sent to."""

from __future__ import annotations

from starlette.types import Scope

from experiments.snapshots import CAPS, MB

UPLOADS = "/api/v1/snapshots"
UPLOAD_BYTES = CAPS.compressed_bytes + 8 * MB  # what git says comes with it
BODY_BYTES = 4 * MB  # sixty times the largest set of parameters


def limit_of(scope: Scope) -> int:
    """Bytes that a request's body may have."""
    return UPLOAD_BYTES if scope["path"].endswith(UPLOADS) else BODY_BYTES
