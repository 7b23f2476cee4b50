"""Reads what a running container writes, while it writes it.

Invariant: a reader never follows a link, never waits for a pipe and never takes in more than
it says, whatever the notebook puts in the place of the runner's files.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20  # bytes of an event log taken in at a time
CELLS = 100_000  # a notebook with more is refused long before
MARKS = (b'"run_started"', b'"cell_ended"')


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; raises `OSError` for anything else, links included."""
    # O_NONBLOCK: without it, opening a named pipe waits for somebody to write to it.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path.name} is not a regular file")
    return open(handle, "rb")


def read_capped(path: Path, limit: int) -> bytes | None:
    """The whole of a regular file; None if there is none, or if it is over ``limit`` bytes."""
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError:
        return None
    return data if len(data) <= limit else None


@dataclass(frozen=True)
class Progress:
    """How far a run is: code cells to execute, if it has said so, and code cells done."""

    total: int | None = None
    done: int = 0


class EventTail:
    """Follows one ``events.jsonl``; each look takes in at most `CHUNK` new bytes."""

    def __init__(self, path: Path) -> None:
        self.path, self.progress = path, Progress()
        self._at, self._begun = 0, b""

    def look(self) -> Progress:
        """Read on and return the progress so far; a log that is not there yet says nothing."""
        try:
            with open_regular(self.path) as file:
                file.seek(self._at)
                new = file.read(CHUNK)
        except OSError:
            return self.progress
        self._at += len(new)
        *lines, self._begun = (self._begun + new).split(b"\n")
        # A line this long is none that counts; what is left of it cannot be read as one either.
        self._begun = self._begun[-CHUNK:]
        for line in lines:
            if any(mark in line for mark in MARKS):
                self._take(line)
        return self.progress

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        kind = event.get("kind") if isinstance(event, dict) else None
        total, done = self.progress.total, self.progress.done
        if kind == "run_started" and type(event.get("cells")) is int:
            total = min(max(event["cells"], 0), CELLS)
        elif kind == "cell_ended":
            done = min(done + 1, CELLS)
        self.progress = Progress(total, done)
