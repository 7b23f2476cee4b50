"""Copies what a notebook has written into ``outputs/`` to where it is kept.

Invariant: only regular files that this run has written, within the caps, and none that holds a
secret; no link is followed. What is left out is named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from experiments.runner.outcome import is_disk_full
from experiments.runner.scrub import Scrubber

MOST_FILES = 2000
MOST_BYTES = 2 * 1024**3
DEEPEST = 16
PIECE_BYTES = 1024**2
# Of what is left out, so many are named, in so many characters.
NAMED = 100
LONGEST_NAME = 200


class Artefacts:
    """Copies a folder once; ``left_out`` says which of its files were not, and why."""

    def __init__(self, scrubber: Scrubber, since: float, stop: Callable[[], object]) -> None:
        self.left_out: list[dict[str, str]] = []
        self._scrubber, self._since, self._stop = scrubber, since, stop
        self._files, self._bytes = MOST_FILES, MOST_BYTES

    def copy(self, source: Path, target: Path) -> None:
        """Copy the folder, if there is one; ``since`` is when the run began, in Unix seconds."""
        for path, file in self._written(source):
            try:
                why = self._copy(file, target / path)
            finally:
                os.close(file)
            if why:
                self._leave_out(path, why)

    def _written(self, source: Path) -> Iterator[tuple[Path, int]]:
        """Files below the folder, by relative path, opened; links are none."""
        if not source.is_dir() or source.is_symlink():
            return
        for folder, below, names, handle in os.fwalk(source, onerror=self._closed):
            path = Path(folder).relative_to(source)
            if len(path.parts) >= DEEPEST:
                below.clear()
                self._leave_out(path, "too deep")
                continue
            for name in sorted(names):
                try:
                    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
                except OSError:
                    self._leave_out(path / name, "not a file that can be read")
                    continue
                yield path / name, file

    def _copy(self, file: int, target: Path) -> str | None:
        """Copy an open file; why it was not copied."""
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            return "not a regular file"
        # Of the snapshot, unchanged; this clock cannot be turned back by the notebook.
        if facts.st_ctime < self._since:
            return None
        if self._stop():
            return "the run had to stop"
        if not self._files or facts.st_size > self._bytes:
            return f"more than {MOST_FILES} files or {MOST_BYTES // 1024**3} GB"
        self._files -= 1
        return self._write(file, target)

    def _write(self, file: int, target: Path) -> str | None:
        """Write a copy of an open file; why there is none."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as copy:
                whole = self._copy_bytes(file, copy.write)
        except OSError as error:
            if not is_disk_full(error):
                return error.strerror or "it could not be written"
            target.unlink(missing_ok=True)
            raise
        if whole:
            return None
        target.unlink()
        return "holds a secret, or grew while it was copied"

    def _copy_bytes(self, file: int, write: Callable[[bytes], object]) -> bool:
        """False, in the middle of it, at a secret or at the cap."""
        before, longest = b"", self._scrubber.longest_bytes
        while piece := os.read(file, PIECE_BYTES):
            self._bytes -= len(piece)
            if self._bytes < 0:
                return False
            if longest:
                before += piece
                if self._scrubber.holds(before):
                    return False
                before = before[-longest:]
            write(piece)
        return True

    def _closed(self, error: OSError) -> None:
        self._leave_out(Path(os.fsdecode(error.filename)), "not a folder that can be read")

    def _leave_out(self, path: Path, why: str) -> None:
        if len(self.left_out) < NAMED:
            name = self._scrubber.text(str(path))[:LONGEST_NAME]
            self.left_out.append({"path": name, "why": why})
