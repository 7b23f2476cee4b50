"""Displays that change in their place, such as progress bars, in the event log.

Invariant: the log has the last state of every display, and at most one line for it in
`COALESCE_S` seconds.
"""

from __future__ import annotations

import time

from nbformat import NotebookNode

from experiments.runner.events import EventLog
from experiments.runner.streams import COALESCE_S


class Displays:
    """Displays by the name that the notebook gave them, and where they stand."""

    def __init__(self, nb: NotebookNode, log: EventLog) -> None:
        self._nb, self._log = nb, log
        self._places: dict[str, list[tuple[int, NotebookNode]]] = {}
        self._sizes: dict[str, int] = {}
        self._changed: set[str] = set()
        self._logged = 0.0

    def size(self, name: str) -> int:
        """Bytes that a display takes now."""
        return self._sizes.get(name, 0)

    def shown(self, name: str, cell: int, output: NotebookNode | None, size: int) -> None:
        """A display has a new state, and a new place if ``output`` was appended to a cell."""
        self._sizes[name] = size
        places = self._places.setdefault(name, [])
        if places:
            self._changed.add(name)
        if output is not None:
            places.append((cell, output))

    def tick(self) -> None:
        """Log what has changed, if the last time is long enough ago."""
        if self._changed and time.monotonic() - self._logged >= COALESCE_S:
            self.flush()

    def flush(self) -> None:
        """Log what has changed."""
        for name in self._changed:
            for cell, output in self._places.get(name, []):
                for index, one in enumerate(self._nb.cells[cell].outputs):
                    if one is output:
                        self._log.output(cell, index, output)
        self._changed.clear()
        self._logged = time.monotonic()
