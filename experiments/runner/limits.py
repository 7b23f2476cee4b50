"""When a run must stop: it was told to, or its time or its cell's time is over.

Invariant: the first reason stays the reason, whatever happens while the run stops.
"""

from __future__ import annotations

import signal
import time

from experiments.states import Reason


class Limits:
    """The clock and the signal that can end a run; times in seconds, 0 is no limit."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._run_ends = self._cell_ends = float("inf")
        self._cell_s = 0.0
        self._told = False
        self._reason: Reason | None = None

    def catch_sigterm(self) -> None:
        """Take SIGTERM as the order to cancel the run; it is acted upon at the next `due`."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def set(self, run_s: float, cell_s: float) -> None:
        """Limits of the whole run, from the start of this process on, and of each cell."""
        self._run_ends = self._began + run_s if run_s else float("inf")
        self._cell_s = cell_s

    def cell_begins(self) -> None:
        """Start a cell's time."""
        self._cell_ends = time.monotonic() + self._cell_s if self._cell_s else float("inf")

    def cell_ended(self) -> None:
        """Stop a cell's time."""
        self._cell_ends = float("inf")

    def due(self) -> Reason | None:
        """Why the run must stop now; None as long as it may go on."""
        if self._reason is None:
            now = time.monotonic()
            if self._told:
                self._reason = Reason.CANCELLED
            elif now >= self._run_ends:
                self._reason = Reason.TIME_LIMIT
            elif now >= self._cell_ends:
                self._reason = Reason.CELL_LIMIT
        return self._reason

    def _on_signal(self, *_args) -> None:
        self._told = True
