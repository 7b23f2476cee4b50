"""Secrets at rest: sealed with the lab's key before they reach the database.

Invariant: a database, or a backup of it, without the key gives no secret away.
"""

from __future__ import annotations

import base64
import json

from cryptography.fernet import Fernet, InvalidToken

from cohort.errors import CohortError


class Seal:
    """Seals and opens what people hand over as secrets, with one key."""

    def __init__(self, key: str) -> None:
        """``key``: 64 hex digits. Raises `CohortError` for anything else."""
        try:
            raw = bytes.fromhex(key)
            self._fernet = Fernet(base64.urlsafe_b64encode(raw))
        except ValueError:
            raise CohortError(
                "The key that seals runs' secrets is damaged: restore it from a backup."
            ) from None

    def seal(self, values: dict[str, str]) -> str | None:
        """Return the values as a token for the database; None if there are none."""
        if not values:
            return None
        return self._fernet.encrypt(json.dumps(values).encode("ascii")).decode("ascii")

    def open(self, token: str | None) -> dict[str, str]:
        """Return the values of a token; raises `CohortError` if this key did not seal it."""
        if token is None:
            return {}
        try:
            return json.loads(self._fernet.decrypt(token))
        except InvalidToken:
            raise CohortError(
                "The secrets of this run cannot be read because the lab's key has changed: "
                "submit it again."
            ) from None
