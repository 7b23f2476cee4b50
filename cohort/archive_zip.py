"""The files of a .zip, whose table of contents is at its end.

Invariant: the table is read only if it is in proportion to the entries that are allowed.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from cohort.archive_rules import (
    ArchiveTooLargeError,
    Entry,
    Tally,
    give,
    reading,
    refuse_kind,
)
from cohort.blobs import CHUNK, Readable

# zipfile reads a zip's table of contents into memory whole: so much of it per entry.
INDEX_BYTES = 512


def read_zip(upload: Readable, tally: Tally) -> Iterator[Entry]:
    """Yield the plain files of a zip; raises `ArchiveError`."""
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(upload, spool, CHUNK)
        limit = max(tally.caps.files * INDEX_BYTES, 2 * CHUNK)
        with reading():
            archive = zipfile.ZipFile(_SmallReads(spool, limit))
        with archive:
            for info in archive.infolist():
                # Not info.is_dir(): that takes the name up to a NUL, and one of its characters.
                folder = info.orig_filename.endswith("/")
                _check_kind(info, stat.S_IFDIR if folder else stat.S_IFREG)
                name = tally.add(info.orig_filename, folder=folder)
                if folder:
                    continue
                with reading():
                    data = archive.open(info)
                with data:
                    yield from give(name, info.external_attr >> 16, data, tally)


def _check_kind(info: zipfile.ZipInfo, expected: int) -> None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        refuse_kind(info.orig_filename, "a symbolic link")
    if stat.S_IFMT(mode) not in (0, expected):
        refuse_kind(info.orig_filename, "no regular file")
    if info.flag_bits & 1:
        refuse_kind(info.orig_filename, "encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse_kind(info.orig_filename, "compressed in another way than deflate")


class _SmallReads:
    """A zip file on disk whose table of contents is not read if it is out of proportion."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.tell, self.seekable = file.tell, file.seekable
        self._file, self._limit = file, limit

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError:  # an offset before the file's start, which the zip is free to name
            raise zipfile.BadZipFile("an offset that leads nowhere") from None

    def read(self, size: int = -1) -> bytes:
        # Without a size zipfile asks for the last 64 kB only.
        if size > self._limit:
            raise ArchiveTooLargeError("The archive's table of contents is too large.")
        return self._file.read(size)
