"""Closes what is open to people who lost access while they were in.

Over HTTP a person who left the team is out as soon as `HubOAuth`'s short cache expires; a
websocket that was opened before would stay open for days.
"""

from __future__ import annotations

import asyncio

from tornado.web import HTTPError

from cohort.workspace.sockets import Sockets

REASON = "You no longer have access to this workspace."


class Doors:
    """Asks the hub about each open websocket's token, every few seconds."""

    def __init__(self, hub_auth, sockets: Sockets, seconds: float, log) -> None:
        self._auth, self._sockets, self._seconds, self._log = hub_auth, sockets, seconds, log

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._seconds)
            await asyncio.gather(*map(self._look, self._sockets.tokens()))

    async def _look(self, token: str) -> None:
        try:
            user = await self._auth.user_for_token(token, use_cache=False, sync=False)
        except HTTPError as e:
            # The hub is away or unwell. It says no with a 403, which comes as None.
            self._log.debug("Cannot ask the hub who may stay: %s", e)
            return
        if user is not None and self._auth.check_scopes(self._auth.access_scopes, user):
            return
        # What HTTP requests are answered from for some seconds more, reconnecting included.
        self._auth.cache = type(self._auth.cache)(self._auth.cache_max_age)
        closed = self._sockets.close(token, REASON)
        self._log.info("Closed %d connections of somebody who lost access", closed)
