"""Who has a page of a server open, as the servers themselves say.

Invariant: a server's token speaks for that server's account alone, and what it says is
forgotten after `FRESH` seconds, so a dead server leaves nobody behind.
"""

from __future__ import annotations

import json
import time

from jupyterhub.apihandlers.base import APIHandler
from tornado import web

FRESH = 75.0  # the servers repeat themselves every 30 s; two may get lost
MOST = 200

_seen: dict[str, tuple[float, tuple[str, ...]]] = {}


def record(account: str, people: list[str], now: float | None = None) -> None:
    """Remember who is in an account's server."""
    _seen[account] = (time.monotonic() if now is None else now, tuple(sorted(set(people))))


def people_in(account: str, now: float | None = None) -> tuple[str, ...]:
    """Logins of those with a page of this account's server open."""
    when, people = _seen.get(account, (0.0, ()))
    now = time.monotonic() if now is None else now
    return people if now - when <= FRESH else ()


class PresenceHandler(APIHandler):
    """``POST /hub/api/cohort/presence`` with ``{"people": [login, …]}``, from a server."""

    def check_xsrf_cookie(self):
        """A server comes with its token, never with a browser's cookie."""

    @web.authenticated
    def post(self):
        """Take the list for the account that the token belongs to; 400 for anything else."""
        try:
            people = json.loads(self.request.body)["people"]
        except (ValueError, KeyError, TypeError) as e:
            raise web.HTTPError(400, 'Expected {"people": [login, ...]}.') from e
        if not isinstance(people, list) or len(people) > MOST:
            raise web.HTTPError(400, f"Expected a list of at most {MOST} logins.")
        known = [p for p in people if isinstance(p, str) and self.find_user(p) is not None]
        if self.current_user is None:
            raise web.HTTPError(403)
        record(self.current_user.name, known)
        self.set_status(204)
