"""Tells the hub who has a page of this server open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from cohort.workspace import hub_http

REPEAT_SECONDS = 30.0
# A reload closes and opens five websockets: that is one change, not ten.
SETTLE_SECONDS = 0.5


class Presence:
    """Posts the list to the hub when it changes, and every half minute."""

    def __init__(self, url: str, token: str, people: Callable[[], list[str]], log) -> None:
        self._url, self._token, self._people, self._log = url, token, people, log
        self._changed = asyncio.Event()
        self._failed = False

    def changed(self) -> None:
        """Somebody came or went."""
        self._changed.set()

    async def run(self) -> None:
        """Post for ever; without an address there is nobody to tell."""
        while self._url:
            await self._post(self._people())
            try:
                await asyncio.wait_for(self._changed.wait(), REPEAT_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                pass
            self._changed.clear()

    async def _post(self, people: list[str]) -> None:
        try:
            await hub_http.fetch(
                self._url,
                method="POST",
                headers={
                    "Authorization": f"token {self._token}",
                    "Content-Type": "application/json",
                },
                data=json.dumps({"people": people}),
            )
        except Exception as e:
            # Once: the hub restarts now and then, and nobody here can do anything about it.
            if not self._failed:
                self._log.info("Cannot tell the hub who is here, will keep trying: %s", e)
            self._failed = True
        else:
            self._failed = False
