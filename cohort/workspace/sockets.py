"""The open websockets of this server: whose they are, and a way to close them.

Kernels, terminals, shared documents and JupyterLab's events each have a handler of their own;
all of them stay inside tornado's `WebSocketHandler.get` for as long as they are open, so that
is the one place to see them come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tornado.websocket import WebSocketHandler

FORBIDDEN = 4403  # close code of ours; browsers show it to JupyterLab as it is


class Person(NamedTuple):
    """Somebody with a page open."""

    login: str
    name: str


class Key(NamedTuple):
    """What a websocket was opened with."""

    token: str
    session_id: str


class Sockets:
    """Open websockets and the keys they were opened with."""

    def __init__(self, hub_auth) -> None:
        self._auth = hub_auth
        self._open: dict[WebSocketHandler, tuple[Person, Key]] = {}
        self.on_open: list[Callable[[WebSocketHandler], None]] = []
        self.on_change: list[Callable[[], None]] = []

    def watch(self) -> None:
        """See every websocket from now on."""
        original = WebSocketHandler.get
        sockets = self

        # WHY a patch: tornado has no hook for this, and each extension subclasses for itself.
        async def get(handler, *args, **kwargs):
            sockets._add(handler)
            try:
                return await original(handler, *args, **kwargs)
            finally:
                sockets._discard(handler)

        self._restore = lambda: setattr(WebSocketHandler, "get", original)
        WebSocketHandler.get = get

    def unwatch(self) -> None:
        """Put tornado's own method back."""
        self._restore()

    def people(self) -> list[Person]:
        """Those with a page open, each once, sorted by login."""
        return sorted({person for person, _ in self._open.values()})

    def keys(self) -> set[Key]:
        """The distinct keys of all open websockets."""
        return {key for _, key in self._open.values()}

    def close(self, key: Key, reason: str) -> int:
        """Close the websockets opened with a key; returns how many."""
        doomed = [handler for handler, (_, k) in self._open.items() if k == key]
        for handler in doomed:
            # A client that never answers the closing may go on sending for 5 s: to nobody.
            handler.on_message = lambda message: None
            handler.close(FORBIDDEN, reason)
        return len(doomed)

    def _add(self, handler: WebSocketHandler) -> None:
        user = handler.current_user
        if user is None:
            return
        key = Key(self._auth.get_token(handler) or "", self._auth.get_session_id(handler))
        self._open[handler] = (Person(user.username, user.display_name), key)
        for call in self.on_open:
            call(handler)
        self._tell()

    def _discard(self, handler: WebSocketHandler) -> None:
        if self._open.pop(handler, None):
            self._tell()

    def _tell(self) -> None:
        for call in self.on_change:
            call()
