"""Archives that people hand in (.tar.gz, .zip), read as a stream: regular files, nothing else.

Invariant: a file is given out only after its name and kind were checked, and is counted while it
is read, so memory and disk stay within `Caps`; an archive is taken whole or leaves nothing.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cohort.archive_rules import (
    ArchiveError,
    ArchiveTooLargeError,
    Caps,
    Entry,
    Tally,
    check_name,
    megabytes,
    shown,
)
from cohort.archive_tar import read_tar
from cohort.archive_zip import read_zip
from cohort.blobs import CHUNK, Readable, sync

__all__ = [
    "ArchiveError", "ArchiveTooLargeError", "Caps", "Entry", "check_name", "megabytes",
    "read_archive", "shown", "unpack",
]  # fmt: skip


def read_archive(stream: Readable, caps: Caps) -> Iterator[Entry]:
    """Yield the archive's files in their order; folders are checked and passed over.

    Raises `ArchiveError` at the first thing that is refused, from here or from an entry's
    ``read``: whoever keeps the files keeps none before the last one was read.
    """
    upload = io.BufferedReader(_Upload(stream, caps.compressed_bytes), CHUNK)
    start = upload.peek(4)[:4]
    if start.startswith(b"\x1f\x8b"):
        return read_tar(upload, Tally(caps))
    if start in (b"PK\x03\x04", b"PK\x05\x06"):
        return read_zip(upload, Tally(caps))
    raise ArchiveError("This is no archive of the kinds that are taken: .tar.gz and .zip.")


def unpack(stream: Readable, into: Path, caps: Caps) -> tuple[str, ...]:
    """Store the archive's files in the new folder ``into``, safely on disk; return their names.

    On any error there is no ``into``; a process that is killed leaves ``.<name>.*`` beside it.
    """
    if into.exists():
        raise FileExistsError(into)
    part = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        names = tuple(_store(entry, part) for entry in read_archive(stream, caps))
        part.chmod(0o755)
        sync(part, *part.rglob("*"))
        part.rename(into)
    except BaseException:
        shutil.rmtree(part)
        raise
    sync(into.parent)
    return names


def _store(entry: Entry, folder: Path) -> str:
    path = folder / entry.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(entry.stream, file, CHUNK)
        os.fchmod(file.fileno(), entry.mode)
    return entry.name


class _Upload(io.RawIOBase):
    """The stream as it is sent, up to a cap; a socket's short reads are made whole."""

    def __init__(self, stream: Readable, cap: int) -> None:
        self._stream, self._cap, self._count = stream, cap, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        done = 0
        while done < len(buffer) and (data := self._stream.read(len(buffer) - done)):
            buffer[done : done + len(data)] = data
            done += len(data)
        self._count += done
        if self._count > self._cap:
            raise ArchiveTooLargeError(f"The archive is larger than {megabytes(self._cap)}.")
        return done
