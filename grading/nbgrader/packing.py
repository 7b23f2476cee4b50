"""Packs folders for the service, and unpacks what it sends.

Invariant: only regular files inside of the folder are packed, never what a link leads to; what
is unpacked was checked name by name, and a folder is there whole or as it was before.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cohort.archives import Caps, megabytes, shown, unpack
from grading.errors import GradingError

# What the service takes, with some room: it does not count in the same way.
CAPS = Caps(
    compressed_bytes=110_000_000, unpacked_bytes=110_000_000, files=3_000, file_bytes=60_000_000
)


class Packer:
    """What goes into an archive: patterns of names that do not, and bytes of a file and in all."""

    def __init__(self, ignore: Sequence[str], file_bytes: int, all_bytes: int) -> None:
        self._ignore, self._file_bytes, self._all_bytes = ignore, file_bytes, all_bytes
        self.left_out: list[str] = []

    @contextmanager
    def packed(self, folders: dict[str, Path]) -> Iterator[BinaryIO]:
        """A .tar.gz with these top folders (``""``: none) at its beginning, gone afterwards.

        Links and files larger than the cap are left out and named in ``left_out``. Raises
        `GradingError` if there is too much of it.
        """
        with tempfile.TemporaryFile() as file:
            count = total = 0
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
                for top, folder in folders.items():
                    for path in self._files(folder):
                        name = Path(top, path.relative_to(folder)).as_posix()
                        total += self._add(tar, path, name)
                        count += 1
                        self._check(folder, count, total)
            file.seek(0)
            yield file

    def _files(self, folder: Path) -> Iterator[Path]:
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(n for n in folders if self._wanted(Path(parent, n), folder))
            for name in sorted(names):
                path = Path(parent, name)
                if self._wanted(path, folder):
                    yield path

    def _wanted(self, path: Path, folder: Path) -> bool:
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in self._ignore):
            return False
        found = path.lstat()
        plain = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
        if plain and (stat.S_ISDIR(found.st_mode) or found.st_size <= self._file_bytes):
            return True
        self.left_out.append(path.relative_to(folder).as_posix())
        return False

    def _add(self, tar: tarfile.TarFile, path: Path, name: str) -> int:
        # Between the look and this another process may have put a link there.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            info = tarfile.TarInfo(name)
            info.size, info.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
            tar.addfile(info, file)
        return info.size

    def _check(self, folder: Path, count: int, total: int) -> None:
        if total > self._all_bytes:
            raise GradingError(
                f"{folder.name} holds more than {megabytes(self._all_bytes)}: remove what does "
                "not belong to the assignment.",
                code="folder_too_large",
            )
        if count > CAPS.files:
            raise GradingError(
                f"{folder.name} holds more than {CAPS.files:,} files: remove what does not "
                "belong to the assignment.",
                code="folder_too_large",
            )


@contextmanager
def unpacked(archive: BinaryIO, beside: Path) -> Iterator[Path]:
    """The archive's files in a folder for the time being, on the file system of ``beside``."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside.parent, prefix=f".{beside.name}.") as room:
        folder = Path(room, "files")
        unpack(archive, folder, CAPS)
        yield folder


def put_in_place(folder: Path, place: Path) -> None:
    """Let ``folder`` be what is found at ``place``; what was there is removed."""
    if place.is_symlink():
        raise GradingError(
            f"{shown(str(place))} is a link: remove it, so that files can go there.",
            code="place_taken",
        )
    if not place.exists():
        folder.rename(place)
        return
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as room:
        old = Path(room, "old")
        place.rename(old)
        folder.rename(place)


def add_missing(folder: Path, place: Path) -> list[str]:
    """Copy the files of ``folder`` that ``place`` lacks; returns their names."""
    added = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        target = place / name
        if path.is_dir() or os.path.lexists(target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(place.resolve()):
            continue
        shutil.copy(path, target)
        added.append(name.as_posix())
    return added
