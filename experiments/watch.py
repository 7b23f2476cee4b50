"""How much disk a run uses, and whether that is more than it may.

Invariant: what cannot be counted counts as too much (folders nested beyond `DEPTH`), and a look
costs no more than the cap: it ends as soon as that is exceeded.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEPTH = 40  # folders in folders; each takes a file descriptor while it is looked at
FILES = 200_000  # files and folders, which use up a disk as bytes do
SHARE = 20  # a look's share of the time, one in so many


@dataclass
class Usage:
    """Bytes on disk, and files and folders, of one run."""

    bytes: int = 0
    files: int = 0
    too_deep: bool = False

    def over(self, max_bytes: int) -> bool:
        """True if it is more than a run may have."""
        return self.too_deep or self.bytes > max_bytes or self.files > FILES


def measure(folder: Path, max_bytes: int) -> Usage:
    """Count a folder without following links; stops early once it is over the cap."""
    usage = Usage()
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    _count(handle, usage, max_bytes, DEPTH)
    return usage


def _count(handle: int, usage: Usage, max_bytes: int, depth: int) -> None:
    """Count the folder of this descriptor, and close it."""
    try:
        with os.scandir(handle) as entries:
            for entry in entries:
                usage.files += 1
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone since
                # Blocks, not the size: a file with holes is as large as what was written.
                usage.bytes += found.st_blocks * 512
                usage.too_deep |= stat.S_ISDIR(found.st_mode) and depth == 0
                if usage.over(max_bytes):
                    return
                if stat.S_ISDIR(found.st_mode):
                    _enter(entry.name, handle, usage, max_bytes, depth)
    finally:
        os.close(handle)


def _enter(name: str, parent: int, usage: Usage, max_bytes: int, depth: int) -> None:
    try:
        # Relative to its parent, so that no path is too long and none is a link by now.
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError:
        return
    _count(inner, usage, max_bytes, depth - 1)


class DiskWatch:
    """Looks at the folders of live runs in turn, more rarely at those that take long."""

    def __init__(
        self, max_bytes: int, every_s: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_bytes, self._every, self._clock = max_bytes, every_s, clock
        self._next: dict[Path, float] = {}

    def over(self, folder: Path) -> bool:
        """True if it is due for a look and the look finds too much; a missing folder is fine."""
        start = self._clock()
        if start < self._next.get(folder, 0.0):
            return False
        try:
            usage = measure(folder, self.max_bytes)
        except FileNotFoundError:
            return False
        end = self._clock()
        self._next[folder] = end + max(self._every, SHARE * (end - start))
        return usage.over(self.max_bytes)

    def forget_others(self, folders: set[Path]) -> None:
        """Drop what is remembered of all folders but these."""
        self._next = {folder: at for folder, at in self._next.items() if folder in folders}
