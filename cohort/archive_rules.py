"""What an archive from a user may hold: plain names, regular files, so many and so large.

Invariant: what counts is what was read, never what a header says.
"""

from __future__ import annotations

import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from typing import NoReturn

from cohort.blobs import CHUNK, Readable
from cohort.errors import CohortError

# Controls, lone surrogates and separators of lines; and what turns the rest of a line around.
BAD_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
BAD_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
# NotImplementedError and RuntimeError are zipfile's words for what it cannot unpack.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, BadGzipFile, zlib.error, EOFError, struct.error,
    ValueError, OverflowError, RuntimeError,
)  # fmt: skip


class ArchiveError(CohortError):
    """An archive that is not taken; the sentence names the entry and what is wrong with it."""


class ArchiveTooLargeError(ArchiveError):
    """An archive beyond one of its caps."""


@dataclass(frozen=True)
class Caps:
    """How much is taken: bytes as sent, bytes unpacked, entries, bytes of one file, levels."""

    compressed_bytes: int
    unpacked_bytes: int
    files: int  # folders count too: they cost as much
    file_bytes: int
    depth: int = 32


def check_name(name: str, depth: int) -> None:
    """Raise `ArchiveError` unless the name is a plain relative path of at most ``depth`` parts."""
    if why := _bad_characters(name) or _bad_path(name, depth):
        raise ArchiveError(f"The archive's entry {shown(name)} {why}.")


def _bad_characters(name: str) -> str | None:
    for character in name:
        if (
            character == "\\"
            or unicodedata.category(character) in BAD_CATEGORIES
            or unicodedata.bidirectional(character) in BAD_DIRECTIONS
        ):
            return f"has the character {character!a} in its name"
    return None


def _bad_path(name: str, depth: int) -> str | None:
    parts = name.split("/")
    if name.startswith("/"):
        return "has an absolute name"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "has an empty part, '.' or '..' in its name"
    if len(parts) > depth:
        return f"is more than {depth} levels deep"
    if len(name.encode()) > 1024 or max(len(part.encode()) for part in parts) > 255:
        return "has a name longer than 255 bytes, or 1,024 with its folders"
    return None


def shown(name: str) -> str:
    """A name as it can stand in a sentence: quoted, escaped, not too long."""
    return repr(name if len(name) <= 100 else name[:99] + "…")


def megabytes(size: int) -> str:
    """A size as people say it, such as ``200 MB``."""
    return f"{size / 1e6:,.3g} MB" if size < 1e9 else f"{size / 1e9:,.3g} GB"


class Tally:
    """What an archive has shown so far, held against its caps."""

    def __init__(self, caps: Caps) -> None:
        self.caps, self._entries, self._bytes = caps, 0, 0
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, name: str, *, folder: bool) -> str:
        """Check an entry's name by itself and beside the others; return it without ``./``."""
        self._entries += 1
        if self._entries > self.caps.files:
            raise ArchiveTooLargeError(f"The archive has more than {self.caps.files:,} entries.")
        name = name.removesuffix("/").removeprefix("./") if folder else name.removeprefix("./")
        if folder and name in ("", "."):  # "tar -C folder ." begins with it
            return ""
        check_name(name, self.caps.depth)
        parents = {name[:at] for at, character in enumerate(name) if character == "/"}
        if name in self._files or (not folder and name in self._folders):
            raise ArchiveError(f"The archive has two entries {shown(name)}.")
        if clash := parents & self._files:
            raise ArchiveError(f"The archive's entry {shown(min(clash))} is a file and a folder.")
        self._folders |= parents | ({name} if folder else set())
        self._files |= set() if folder else {name}
        return name

    def count(self, size: int) -> None:
        """Add bytes that were unpacked."""
        self._bytes += size
        if self._bytes > (cap := self.caps.unpacked_bytes):
            raise ArchiveTooLargeError(f"The archive unpacks to more than {megabytes(cap)}.")


class Member:
    """A file's data, counted while it is read."""

    def __init__(self, stream: Readable, name: str, tally: Tally) -> None:
        self._stream, self._name, self._tally, self._size = stream, name, tally, 0

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes, never more than `CHUNK`; none at the end."""
        with reading():
            data = self._stream.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._size += len(data)
        if self._size > (cap := self._tally.caps.file_bytes):
            entry = f"The archive's entry {shown(self._name)}"
            raise ArchiveTooLargeError(f"{entry} is larger than {megabytes(cap)}.")
        self._tally.count(len(data))
        return data

    def drain(self) -> None:
        """Read what nobody wanted: its size counts, and its checksum."""
        while self.read():
            pass


@dataclass(frozen=True)
class Entry:
    """A regular file: its name in the archive, 0o644 or 0o755, and its data."""

    name: str
    mode: int
    stream: Member  # to be read before the next entry is asked for


def give(name: str, mode: int, data: Readable, tally: Tally) -> Iterator[Entry]:
    """Give a file out, and see to it that it was read to its end."""
    member = Member(data, name, tally)
    yield Entry(name, 0o755 if mode & 0o100 else 0o644, member)
    member.drain()


def refuse_kind(name: str, kind: str) -> NoReturn:
    """Raise `ArchiveError` about an entry that is no plain file."""
    raise ArchiveError(f"The archive's entry {shown(name)} is {kind}; only plain files are taken.")


@contextmanager
def reading() -> Iterator[None]:
    """Everything that can go wrong in unpacking bytes, as one `ArchiveError`."""
    try:
        yield
    except DAMAGE as error:
        raise ArchiveError(f"The archive is damaged or incomplete ({str(error)[:200]}).") from error
