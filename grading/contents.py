"""What was released, handed in and handed back: folders of files under their manifest's hash.

Invariant: a folder's hash is the SHA-256 of its manifest's canonical JSON, which names the content
of every file by its own; so what came in once never changes. `Contents.add` returns once all of
it is safe on disk; what is refused leaves nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cohort.archives import ArchiveError, ArchiveTooLargeError, Caps, read_archive
from cohort.blobs import CHUNK, BlobMissingError, BlobStore, Readable
from grading.errors import GradingError
from grading.notebooks import NOTEBOOK_BYTES, read_notebook

MB = 1_000_000
# A notebook with its pictures and small data: larger data are scenarios, mounted read-only.
CAPS = Caps(compressed_bytes=100 * MB, unpacked_bytes=100 * MB, files=2_000,
            file_bytes=50 * MB, depth=16)  # fmt: skip


@dataclass(frozen=True)
class File:
    """One file: path with ``/``, SHA-256 of its content, bytes, and 0o644 or 0o755."""

    path: str
    sha256: str
    size: int
    mode: int


@dataclass(frozen=True)
class Folder:
    """A folder's hash and its files in the order of their paths."""

    sha256: str
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def paths(self) -> list[str]:
        return [file.path for file in self.files]


@dataclass(frozen=True)
class Taken:
    """The files of an archive and, of those that are asked for, the notebooks in them."""

    files: tuple[File, ...]
    notebooks: dict[str, dict]


Sort = Callable[[Taken], dict[str, list[File]]]


class Contents:
    """The files under ``<folder>``, with the manifests that name them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.blobs = BlobStore(folder / "blobs")

    def add(
        self, stream: Readable, sort: Sort, is_notebook: Callable[[str], bool]
    ) -> dict[str, Folder]:
        """Keep an archive's files as the folders that ``sort`` makes of them, by name.

        Files that ``is_notebook`` must be one. Raises `GradingError` (``archive_refused``,
        ``archive_too_large``, ``notebook_invalid``, or whatever ``sort`` raises).
        """
        files, notebooks = [], {}
        try:
            with self.blobs.batch() as batch:
                for entry in read_archive(stream, CAPS):
                    source: Readable = entry.stream
                    if is_notebook(entry.name):
                        data = _read(entry.stream)
                        notebooks[entry.name] = read_notebook(entry.name, data)
                        source = io.BytesIO(data)
                    blob = batch.put(source)
                    files.append(File(entry.name, blob.sha256, blob.size, entry.mode))
                sorted_ = sort(Taken(tuple(files), notebooks))
                return {
                    name: _folder(own, lambda data: batch.put(io.BytesIO(data)).sha256)
                    for name, own in sorted_.items()
                }
        except ArchiveTooLargeError as error:
            raise GradingError(str(error), code="archive_too_large", status=413) from error
        except ArchiveError as error:
            raise GradingError(str(error), code="archive_refused") from error

    def folder(self, sha256: str) -> Folder:
        """The folder of this hash; raises `GradingError` if the lab's disk lost or changed it."""
        try:
            with self.blobs.open(sha256) as file:
                content = file.read()
        except BlobMissingError as error:
            raise _damaged() from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged()
        return Folder(sha256, tuple(File(**file) for file in json.loads(content)["files"]))

    def open(self, file: File) -> BinaryIO:
        """Open a folder's file for reading."""
        try:
            return self.blobs.open(file.sha256)
        except BlobMissingError as error:
            raise _damaged() from error

    def write_archive(self, sha256: str, target: BinaryIO) -> None:
        """Write a folder as a tar.gz, the same bytes each time but for gzip's own time."""
        # Packed for speed: hundreds are fetched at once, and pictures do not shrink anyway.
        with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as tar:
            for file in self.folder(sha256).files:
                info = tarfile.TarInfo(file.path)
                info.size, info.mode = file.size, file.mode
                with self.open(file) as source:
                    tar.addfile(info, source)

    def lay_out(self, sha256: str, into: Path) -> None:
        """Write a folder's files below the empty folder ``into``: copies, for all to read."""
        for file in self.folder(sha256).files:
            path = into / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.open(file) as source, path.open("xb") as target:
                shutil.copyfileobj(source, target, CHUNK)
                os.fchmod(target.fileno(), file.mode)


def _folder(files: list[File], put: Callable[[bytes], str]) -> Folder:
    ordered = sorted(files, key=lambda file: file.path)
    content = canonical({"files": [asdict(file) for file in ordered]})
    return Folder(put(content), tuple(ordered))


def _read(stream: Readable) -> bytes:
    """A notebook's bytes; of one that is too large no more than shows that it is."""
    parts, size = [], 0
    while size <= NOTEBOOK_BYTES and (data := stream.read(CHUNK)):
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def canonical(value: object) -> bytes:
    """JSON that is the same for the same value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _damaged() -> GradingError:
    return GradingError(
        "Some of these files are gone from the lab's disk, or were changed there: tell the "
        "operator.",
        code="content_damaged", status=503,
    )  # fmt: skip
