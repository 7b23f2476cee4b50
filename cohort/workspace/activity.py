"""What counts as use of this server, for the hub that stops idle ones.

Counts: a busy kernel or terminal job for as long as it is busy; messages of kernels and
terminals; edits of a shared document; opening a page; saving, renaming, deleting, starting.
Does not: an open page by itself. JupyterLab asks for kernels, sessions, terminals and the open
folder for ever, and saves its layout each time; all of this counts in a stock server.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

# Of two looks at a terminal's processes: below this share of one core they wait for somebody.
BUSY_SHARE = 0.05
TICKS = os.sysconf("SC_CLK_TCK")

LAYOUT = "/lab/api/workspaces"

SYNC, UPDATE = 0, 2  # of the protocol of shared documents: a message that changes the document


def now() -> datetime:
    """The clock; tests hold it here."""
    return datetime.now(UTC)


class Activity:
    """The last time that this server was used."""

    def __init__(self, web_app) -> None:
        self._settings = web_app.settings
        self._used = now()
        self._terminals: dict[str, tuple[datetime, float]] = {}
        self._busy_terminals: set[str] = set()

    def use(self) -> None:
        """Somebody did something."""
        self._used = now()

    def last(self) -> datetime:
        """When the server was last used; now, while something is busy."""
        if self.busy():
            self.use()
        settings = self._settings
        times = [self._used, settings["kernel_manager"].last_kernel_activity]
        times.append(settings.get("terminal_last_activity", self._used))
        return max(times)

    def idle_seconds(self) -> float:
        """Seconds since the server was last used."""
        return max(0.0, (now() - self.last()).total_seconds())

    def busy(self) -> bool:
        """True while any kernel executes or a job in a terminal computes."""
        kernels = self._settings["kernel_manager"]
        states = (kernels.get_kernel(id_).execution_state for id_ in kernels.list_kernel_ids())
        return "busy" in states or bool(self._busy_terminals)

    def note_request(self, handler) -> None:
        """Decide whether a finished request was somebody's doing."""
        if handler.get_status() >= 400 or not getattr(handler, "_track_activity", True):
            return
        try:
            if not handler.current_user:
                return
        except RuntimeError:
            return
        if LAYOUT in handler.request.path:
            return
        page = handler._headers.get("Content-Type", "").startswith("text/html")
        if page or handler.request.method not in ("GET", "HEAD", "OPTIONS"):
            self.use()

    def note_edits(self, socket) -> None:
        """Let edits of a shared document that come through a websocket count."""
        if not type(socket).__module__.startswith("jupyter_server_ydoc"):
            return
        original = socket.on_message

        def on_message(message):
            if isinstance(message, bytes) and tuple(message[:2]) == (SYNC, UPDATE):
                self.use()
            return original(message)

        socket.on_message = on_message

    def look_at_terminals(self) -> None:
        """Find the terminals whose jobs compute; call it every few seconds."""
        manager = self._settings.get("terminal_manager")
        terminals = manager.terminals if manager else {}
        looks = {}
        self._busy_terminals = set()
        for name, terminal in terminals.items():
            when, used = looks[name] = (now(), cpu_of_session(terminal.ptyproc.pid))
            before = self._terminals.get(name)
            if before is None:
                continue
            passed = (when - before[0]).total_seconds()
            if passed > 0 and (used - before[1]) / passed > BUSY_SHARE:
                self._busy_terminals.add(name)
        self._terminals = looks


def cpu_of_session(session: int) -> float:
    """CPU seconds of all processes of a session: the shell of a terminal and its jobs."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            # utime, stime, and those of children that have ended
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS
