"""Snapshots: a folder as it was when a run was asked for, under the hash of its manifest.

Invariant: a snapshot's hash is the SHA-256 of its manifest's canonical JSON, and that names the
content of every file by its own; so what was handed in once never changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cohort.archives import ArchiveError, ArchiveTooLargeError, Caps, read_archive, shown
from cohort.blobs import BlobMissingError, BlobStore, Readable, is_older, remove_old, sync
from experiments.errors import ExperimentError
from experiments.notebooks import NOTEBOOK_BYTES, validate_notebook

MB = 1_000_000
# A run is code and small data: larger data are scenarios, mounted read-only and never copied.
# Measured on a busy SSD: 4,000 files take 2 s to hand in and 0.2 s to copy at every start.
CAPS = Caps(
    compressed_bytes=200 * MB, unpacked_bytes=200 * MB, files=5_000, file_bytes=100 * MB
)  # fmt: skip
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SnapshotFile:
    """One file: path with ``/``, SHA-256 of its content, bytes, and 0o644 or 0o755."""

    path: str
    sha256: str
    size: int
    mode: int


@dataclass(frozen=True)
class Manifest:
    """A snapshot's hash, its files in the order of their paths, and their bytes together."""

    hash: str
    files: tuple[SnapshotFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    def file(self, path: str) -> SnapshotFile:
        """The file of this path; raises `ExperimentError` ``file_missing``."""
        for file in self.files:
            if file.path == path:
                return file
        raise ExperimentError(
            f"The snapshot has no file {shown(path)}.", code="file_missing", status=404
        )


class SnapshotStore:
    """The snapshots under ``<folder>``: manifests in ``snapshots/``, contents in ``store/``."""

    def __init__(self, folder: Path) -> None:
        self.blobs = BlobStore(folder / "store")
        self._manifests = folder / "snapshots"
        self._manifests.mkdir(exist_ok=True)
        sync(folder)

    def add_archive(self, stream: Readable, caps: Caps = CAPS) -> Manifest:
        """Take the files of an archive, and return once all of them are safe on disk.

        The same files make the same snapshot, whatever their order or times. Raises
        `ExperimentError` (``snapshot_refused``, ``snapshot_too_large``, ``snapshot_empty``)
        and then keeps nothing.
        """
        files = []
        try:
            with self.blobs.batch() as batch:
                for entry in read_archive(stream, caps):
                    blob = batch.put(entry.stream)
                    files.append(SnapshotFile(entry.name, blob.sha256, blob.size, entry.mode))
                if not files:
                    raise ExperimentError("The archive holds no file.", code="snapshot_empty")
        except ArchiveTooLargeError as error:
            raise ExperimentError(str(error), code="snapshot_too_large", status=413) from error
        except ArchiveError as error:
            raise ExperimentError(str(error), code="snapshot_refused") from error
        return self._keep(sorted(files, key=lambda file: file.path))

    def _keep(self, files: list[SnapshotFile]) -> Manifest:
        content = canonical({"files": [asdict(file) for file in files]})
        manifest = Manifest(hashlib.sha256(content).hexdigest(), tuple(files))
        descriptor, temporary = tempfile.mkstemp(dir=self.blobs.incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path(manifest.hash))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync(self._manifests)
        return manifest

    def _path(self, snapshot: str) -> Path:
        if not HASH.fullmatch(snapshot):
            raise _missing()
        return self._manifests / f"{snapshot}.json"

    def manifest(self, snapshot: str) -> Manifest:
        """The snapshot of this hash; raises `ExperimentError` ``snapshot_missing``."""
        try:
            content = self._path(snapshot).read_bytes()
        except FileNotFoundError:
            raise _missing() from None
        if hashlib.sha256(content).hexdigest() != snapshot:
            raise ExperimentError(
                "The snapshot's manifest was changed on the lab's disk: tell the operator.",
                code="snapshot_damaged", status=500,
            )  # fmt: skip
        files = tuple(SnapshotFile(**file) for file in json.loads(content)["files"])
        return Manifest(snapshot, files)

    def hashes(self, older_than_s: float = 0) -> set[str]:
        """The snapshots that are kept, written or handed in again no later than that ago."""
        found = self._manifests.glob("*.json")
        return {path.stem for path in found if is_older(path, older_than_s)}

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether a snapshot and the content of all its files are kept at this moment."""
        blobs = {file.sha256 for file in manifest.files}
        return self._path(manifest.hash).is_file() and all(map(self.blobs.exists, blobs))

    def remove(self, snapshot: str, older_than_s: float) -> bool:
        """Remove a snapshot's manifest if it is that old still; the contents stay."""
        return remove_old(self._path(snapshot), older_than_s)

    def open_file(self, snapshot: str, path: str) -> BinaryIO:
        """Open one of the snapshot's files; raises `ExperimentError`."""
        return self._open(self.manifest(snapshot).file(path))

    def read(self, snapshot: str, path: str) -> bytes:
        """All of one of the snapshot's files, at most `CAPS.file_bytes`."""
        with self.open_file(snapshot, path) as file:
            return file.read()

    def notebook(self, snapshot: str, path: str) -> dict:
        """One of the snapshot's files as a notebook that may be run; raises `ExperimentError`."""
        with self.open_file(snapshot, path) as file:
            return validate_notebook(file.read(NOTEBOOK_BYTES + 1))

    def _open(self, file: SnapshotFile) -> BinaryIO:
        try:
            return self.blobs.open(file.sha256)
        except BlobMissingError as error:
            raise ExperimentError(
                f"The content of {shown(file.path)} is gone from the lab's disk.",
                code="snapshot_damaged", status=500,
            ) from error  # fmt: skip

    def materialise(self, snapshot: str, into: Path, uid: int | None = None) -> Manifest:
        """Make the folder ``into`` with copies of the snapshot's files, owned by ``uid`` if given.

        Copies, not links: the run may write to them. ``into`` may exist if it is empty, else
        `FileExistsError`; it is there whole or not at all.
        """
        manifest = self.manifest(snapshot)
        if into.exists() and any(into.iterdir()):
            raise FileExistsError(into)
        part = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
        try:
            for file in manifest.files:
                self._copy(file, part / file.path)
            part.chmod(0o755)
            if uid is not None:
                _give(part, uid)
            part.rename(into)
        except BaseException:
            shutil.rmtree(part)
            raise
        return manifest

    def _copy(self, file: SnapshotFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open(file) as source, path.open("xb") as target:
            shutil.copyfileobj(source, target, MB)
            os.fchmod(target.fileno(), file.mode)


def canonical(value: object) -> bytes:
    """JSON that is the same for the same value: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _give(folder: Path, uid: int) -> None:
    for where, _, names in os.walk(folder):
        for path in (where, *(os.path.join(where, name) for name in names)):
            os.chown(path, uid, uid)


def _missing() -> ExperimentError:
    return ExperimentError(
        "There is no such snapshot: hand the folder in again.", code="snapshot_missing", status=404
    )
