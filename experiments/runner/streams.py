"""The text of a cell's streams between the kernel and the notebook.

Invariant: all of it goes on, in the order in which it came, at most `COALESCE_S` seconds later
except for what may be the beginning of a secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from experiments.runner.scrub import Scrubber

# 200,000 prints make a few dozen events; a live page needs no more.
COALESCE_S = 0.1


class Source(NamedTuple):
    """Where text comes from: a cell, stdout or stderr, and the header of its request."""

    cell: int
    name: str
    parent: dict


class Streams:
    """Puts pieces of text together and hands them on, without secrets."""

    def __init__(self, scrubber: Scrubber, put: Callable[[Source, str], None]) -> None:
        self._scrubber, self._put = scrubber, put
        self._source: Source | None = None
        self._pieces: list[str] = []
        self._since = 0.0

    def take(self, source: Source, text: str) -> None:
        """Take a piece of text; it goes on later."""
        if source != self._source:
            self.flush()
            self._source, self._since = source, time.monotonic()
        self._pieces.append(text)

    def tick(self) -> None:
        """Hand on what has waited long enough; to be called often."""
        if self._pieces and time.monotonic() - self._since >= COALESCE_S:
            shown, held = self._scrubber.split("".join(self._pieces))
            self._pieces, self._since = [held] if held else [], time.monotonic()
            if shown:
                self._put(self._source, shown)

    def flush(self) -> None:
        """Hand on everything: the stream ends here."""
        text, self._pieces = "".join(self._pieces), []
        if text:
            self._put(self._source, self._scrubber.text(text))
