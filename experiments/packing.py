"""Packs a notebook's folder for a run, where the person works.

Invariant: the same files make the same bytes, whatever their times and owners; nothing from
outside the folder is taken, and what is left out for another reason than a rule is told.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from cohort.archives import ArchiveError, Caps, check_name, megabytes, shown
from experiments.errors import ExperimentError
from experiments.git import git_facts
from experiments.snapshots import CAPS

__all__ = ["Packed", "git_facts", "pack"]

IGNORE_FILE = ".cohortignore"
# What begins with a dot are settings, histories, caches and keys (.git, .venv, .ssh, .env,
# .ipynb_checkpoints): none of it belongs into what a team can read. "!.name" takes one back in.
IGNORED = (".*", "__pycache__/", "node_modules/", "venv/")
# A folder of this many entries is somebody's home or a data set: no need to count on.
MOST_SEEN = 100_000


@dataclass(frozen=True)
class Item:
    """A file to be packed: its name in the archive, where it is, bytes, 0o644 or 0o755."""

    name: str
    path: Path
    size: int
    mode: int


@dataclass
class Packed:
    """A .tar.gz at its beginning, gone when it is closed; and sentences on what was left out."""

    file: BinaryIO
    files: int
    bytes: int
    notes: list[str] = field(default_factory=list)


def pack(folder: Path, notebook: str, caps: Caps = CAPS) -> Packed:
    """Pack a folder with its notebook, whose path in the folder is given.

    Left out are `IGNORED`, the ``outputs`` folder beside the notebook and what the folder's
    ``.cohortignore`` (patterns as in .gitignore) says; the notebook never is. Links are followed
    if they lead to something in the folder. Folders without files are not kept. Raises
    `ExperimentError` ``notebook_missing``, ``folder_too_large``, ``file_unreadable``.
    """
    folder = folder.resolve()
    notes: list[str] = []
    found = {notebook: _notebook(folder, notebook)}
    found |= {item.name: item for item in _Walk(folder, _rules(folder, notebook), notes).items()}
    items = [found[name] for name in sorted(found)]
    _check_size(folder, items, caps)
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        _write(items, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return Packed(file, len(items), sum(item.size for item in items), notes)


def _rules(folder: Path, notebook: str) -> GitIgnoreSpec:
    # Artefacts of earlier runs would come back as this one's.
    beside = (PurePosixPath(notebook).parent / "outputs").as_posix()
    outputs = f"/{GitIgnoreSpecPattern.escape(beside)}/"
    own = folder / IGNORE_FILE
    try:
        lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
        return GitIgnoreSpec.from_lines([*IGNORED, outputs, *lines])
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f"{own} cannot be read: {error}.", code="ignore_file_invalid"
        ) from None


def _notebook(folder: Path, notebook: str) -> Item:
    try:
        check_name(notebook, CAPS.depth)
        path = (folder / notebook).resolve()
        if path.is_relative_to(folder) and path.is_file():
            return _item(notebook, path)
    except (ArchiveError, OSError, RuntimeError):  # no path, not readable, a link to itself
        pass
    raise ExperimentError(
        f"There is no notebook {shown(notebook)} in {folder}.", code="notebook_missing"
    )


def _item(name: str, path: Path) -> Item:
    status = path.stat()
    return Item(name, path, status.st_size, 0o755 if status.st_mode & 0o100 else 0o644)


class _Walk:
    """A folder gone through once, in the order of names."""

    def __init__(self, root: Path, ignored: GitIgnoreSpec, notes: list[str]) -> None:
        self._root, self._ignored, self._notes, self._seen = root, ignored, notes, 0

    def items(self) -> Iterator[Item]:
        """The files that no rule leaves out; notes say what could not be taken."""
        return self._folder(self._root, "", (self._root,))

    def _folder(self, folder: Path, prefix: str, trail: tuple[Path, ...]) -> Iterator[Item]:
        entries = _entries(folder)
        self._seen += len(entries)
        if self._seen > MOST_SEEN:
            raise _too_large(f"The folder {self._root} has more than {MOST_SEEN:,} entries.")
        for entry in entries:
            name = prefix + entry.name
            try:
                # Not Path.resolve: that raises on a link to itself.
                target = Path(os.path.realpath(entry) if entry.is_symlink() else entry)
                is_folder = target.is_dir()
                if self._ignored.match_file(f"{name}/" if is_folder else name):
                    continue
                if why := self._obstacle(name, target, trail):
                    self._notes.append(f"{shown(name)} was left out: {why}.")
                elif not is_folder:
                    yield _item(name, target)
            except OSError as error:
                raise _unreadable(Path(entry), error) from error
            if is_folder and not why:
                yield from self._folder(target, f"{name}/", (*trail, target))

    def _obstacle(self, name: str, target: Path, trail: tuple[Path, ...]) -> str | None:
        """Why an entry cannot be taken, if it cannot."""
        if not target.is_relative_to(self._root):
            return "it is a link that leads out of the folder"
        if not target.exists():
            return "it is a link to nothing"
        if target in trail:
            return "it is a link to a folder that it is in"
        if not target.is_dir() and not target.is_file():
            return "it is neither a file nor a folder"
        try:
            check_name(name, CAPS.depth)
        except ArchiveError:
            return "no file of a run can have that name, or lie that deep"
        return None


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _check_size(folder: Path, items: list[Item], caps: Caps) -> None:
    total = sum(item.size for item in items)
    if total > caps.unpacked_bytes or len(items) > caps.files:
        what = f"The folder {folder} is too large for a run: {megabytes(total)} in {len(items):,}"
        most = f"files, at most {megabytes(caps.unpacked_bytes)} in {caps.files:,}"
        largest = _largest(items, by_size=total > caps.unpacked_bytes)
        raise _too_large(f"{what} {most}. The largest in it: {largest}.")
    for item in items:
        if item.size > caps.file_bytes:
            what = f"{item.path} has {megabytes(item.size)}"
            raise _too_large(f"{what}, a file of a run at most {megabytes(caps.file_bytes)}.")


def _largest(items: list[Item], *, by_size: bool) -> str:
    """The five entries of the folder that have most of what there is too much of."""
    sizes, counts = Counter[str](), Counter[str]()
    for item in items:
        top, slash, _ = item.name.partition("/")
        sizes[top + slash] += item.size
        counts[top + slash] += 1
    top_five = (sizes if by_size else counts).most_common(5)
    return ", ".join(
        f"{name} ({megabytes(sizes[name])}{f' in {counts[name]:,} files' * (counts[name] > 1)})"
        for name, _ in top_five
    )


def _too_large(what: str) -> ExperimentError:
    return ExperimentError(
        f"{what} List what the run does not need in {IGNORE_FILE}.",
        code="folder_too_large",
        status=413,
    )


def _write(items: list[Item], file: BinaryIO) -> None:
    # Level 1: what is large in such folders is data that gets no smaller.
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for item in items:
            info = tarfile.TarInfo(item.name)
            info.size, info.mode = item.size, item.mode
            try:
                with _open(item.path) as source:
                    tar.addfile(info, source)
            except OSError as error:
                raise _unreadable(item.path, error) from error


def _open(path: Path) -> BinaryIO:
    # It may have been exchanged for a link or a pipe since the folder was gone through.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no plain file any more")
    return open(descriptor, "rb")


def _unreadable(path: Path, error: OSError) -> ExperimentError:
    return ExperimentError(
        f"{path} cannot be read ({error.strerror or error}): mend that, or list it in "
        f"{IGNORE_FILE}.",
        code="file_unreadable",
    )
