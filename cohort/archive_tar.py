"""The files of a .tar.gz, one after another as it comes in.

Invariant: `tarfile` never holds more than a header's worth that is no file's data, and where it
would pass over damage in silence an error is raised.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from cohort.archive_rules import ArchiveError, Entry, Tally, give, reading, refuse_kind
from cohort.blobs import Readable

# What may go by before a file's data: its header and its long names. A header may also claim
# gigabytes of them, or be followed by millions of others: tarfile would read them all.
HEADER_BYTES = 64 << 10
KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


def read_tar(upload: Readable, tally: Tally) -> Iterator[Entry]:
    """Yield the plain files of a gzipped tar; raises `ArchiveError`."""
    with gzip.GzipFile(fileobj=upload) as unzipped:
        source = _Metered(unzipped)
        with reading():
            tar = tarfile.open(fileobj=source, mode="r|", tarinfo=_StrictInfo)  # noqa: SIM115
        while True:
            with reading():
                info = tar.next()
            source.restart()
            if info is None:
                break
            folder = _is_folder(info)
            name = tally.add(info.name, folder=folder)
            if not folder:
                yield from give(name, info.mode, _Data(tar.extractfile(info), source), tally)
        # What follows the end mark is padding, but the checksum comes after it.
        with reading():
            while source.read(tarfile.RECORDSIZE):
                pass


def _is_folder(info: tarfile.TarInfo) -> bool:
    if info.isdir():
        return True
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse() or info.size < 0:
        refuse_kind(info.name, KINDS.get(info.type, "of a kind that is not taken"))
    return False


class _StrictInfo(tarfile.TarInfo):
    """A header; a damaged one is an error, where tarfile takes it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if buf.strip(b"\0"):
                raise ArchiveError("The archive is damaged: a header cannot be read.") from None
            raise


class _Metered:
    """The unpacked tar, of which only so much may go by that is no file's data."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._count, self.in_data = stream, 0, False

    def restart(self) -> None:
        self._count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count += 0 if self.in_data else len(data)
        if self._count > HEADER_BYTES:
            raise ArchiveError("The archive has headers or padding out of all proportion.")
        return data


@dataclass(frozen=True)
class _Data:
    """One file's data within the tar."""

    stream: Readable
    source: _Metered

    def read(self, size: int) -> bytes:
        self.source.in_data = True
        try:
            return self.stream.read(size)
        finally:
            self.source.in_data = False
