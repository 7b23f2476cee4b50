"""Closes what is open to people who lost access while they were in.

A stock server believes what the hub once said for five minutes over HTTP, and for days in a
websocket that stays open. Here the hub is asked every few seconds about everybody with a page
open, now or in the last minutes, one question each, and its answers take the place of what was
remembered. Whoever comes back while the hub is away is let in on its last answer.
"""

from __future__ import annotations

import asyncio
import time

from tornado.web import HTTPError

from cohort.workspace.sockets import Key, Sockets

REASON = "You no longer have access to this workspace."


class Doors:
    """Keeps what this server remembers of people's access no older than some seconds."""

    def __init__(self, hub_auth, sockets: Sockets, seconds: float, log) -> None:
        self._auth, self._sockets, self._seconds, self._log = hub_auth, sockets, seconds, log
        # Asks with a memory of its own, so that the server's can be replaced as a whole.
        self._asker = type(hub_auth)(parent=hub_auth.parent)
        self._last_open: dict[Key, float] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._look()
            except HTTPError as e:
                # The hub is away or unwell: nobody comes in who was not, nobody is thrown out
                # (it says no with a 403, which is no error here), and people go on working.
                self._log.debug("Cannot ask the hub who may stay: %s", e)

    async def _look(self) -> None:
        cache = self._auth.cache
        self._asker.cache = type(cache)(self._auth.cache_max_age)
        keys = self._recent()
        users = await asyncio.gather(*map(self._ask, keys))
        self._auth.cache = self._asker.cache
        for key, user in zip(keys, users, strict=True):
            if user is None or not self._auth.check_scopes(self._auth.access_scopes, user):
                del self._last_open[key]
                closed = self._sockets.close(key, REASON)
                self._log.info("Closed %d connections of somebody who lost access", closed)

    def note(self, _opened=None) -> None:
        """Remember whose websockets are open now, however short."""
        self._last_open |= dict.fromkeys(self._sockets.keys(), time.monotonic())

    def _recent(self) -> list[Key]:
        """Keys of websockets that are open, or were until a while ago."""
        self.note()
        oldest = time.monotonic() - self._auth.cache_max_age
        self._last_open = {k: t for k, t in self._last_open.items() if t >= oldest}
        return list(self._last_open)

    async def _ask(self, key: Key) -> dict | None:
        return await self._asker.user_for_token(key.token, session_id=key.session_id, sync=False)
