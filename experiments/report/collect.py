"""Takes what a run left behind out of its container's folder into the folder that stays.

Invariant: ``kept/<run>`` is at every moment one complete collection or none; it holds regular
files only, made by us and owned by us. No link is ever followed: each name is opened beneath
the folder that is already open, and what is opened is looked at before it is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from experiments.report.exchange import exchange
from experiments.report.result import RunnerResult, read_result

SUMMARY = "collected.json"
LOG = "log.txt"
OUTPUTS = "outputs"
CHUNK = 1 << 20
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
LEFT_OUT_NAMED = 100
ENTRIES = 20_000  # looked at in all; a folder of millions must not keep the service busy


@dataclass(frozen=True)
class Caps:
    """How much of a run is kept: sizes in bytes."""

    notebook: int = 256 << 20
    events: int = 256 << 20
    result: int = 1 << 20
    log: int = 8 << 20
    file: int = 2 << 30  # one artefact
    total: int = 4 << 30
    files: int = 2000
    depth: int = 16


CAPS = Caps()


@dataclass
class Collected:
    """What was kept, path beneath the folder to bytes, and what was not, with the reason."""

    attempt: int
    files: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    left_out_count: int = 0

    @property
    def bytes(self) -> int:
        return sum(self.files.values())

    def leave_out(self, path: str, why: str) -> None:
        """Note that something stays behind; only the first hundred by name."""
        self.left_out_count += 1
        if len(self.left_out) < LEFT_OUT_NAMED:
            self.left_out.append(f"{ascii(path)[1:-1][:300]} ({why})")


def collect(
    result: Path, kept: Path, log: bytes, *, attempt: int, caps: Caps = CAPS
) -> tuple[Collected, RunnerResult | None]:
    """Fill ``kept`` from an ended attempt's ``result`` folder and its container's log.

    Once per attempt: asked again for the same one, it answers with what is there. Only one
    caller at a time may collect a run. A missing ``result`` folder is an empty one.
    """
    done = read_collected(kept)
    if done is None or done.attempt != attempt:
        done = _collect_beside(result, kept, log, Collected(attempt), caps)
    return done, result_of(kept)


def read_collected(kept: Path) -> Collected | None:
    """What was collected into a folder; None if nothing was."""
    try:
        return Collected(**json.loads((kept / SUMMARY).read_bytes()))
    except FileNotFoundError:
        return None


def result_of(kept: Path) -> RunnerResult | None:
    """What the runner said last; None if it said nothing that can be believed."""
    path = kept / "result.json"
    return read_result(path.read_bytes()) if path.exists() else None


def keep_file(kept: Path, name: str, data: bytes) -> None:
    """Add a file of our own, such as the report, to what is kept: the old one or the new."""
    beside = kept / f".{name}.new"
    beside.write_bytes(data)
    beside.rename(kept / name)


def _collect_beside(result: Path, kept: Path, log: bytes, done: Collected, caps: Caps) -> Collected:
    beside = kept.with_name(f".{kept.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    _Copier(beside, done, caps).copy(result)
    (beside / LOG).write_bytes(log[-caps.log :])
    done.files[LOG] = min(len(log), caps.log)
    (beside / SUMMARY).write_text(json.dumps(asdict(done)), encoding="utf-8")
    exchange(beside, kept)
    shutil.rmtree(beside, ignore_errors=True)
    return done


class _Copier:
    """Copies one result folder, keeping count against the caps."""

    def __init__(self, target: Path, done: Collected, caps: Caps) -> None:
        self.target, self.done, self.caps = target, done, caps
        self.seen = 0
        self.alone = {
            "notebook.ipynb": caps.notebook,
            "events.jsonl": caps.events,
            "result.json": caps.result,
        }

    def copy(self, source: Path) -> None:
        """Copy what a runner writes, and nothing else that lies there."""
        try:
            top = os.open(source, OPEN | os.O_DIRECTORY)
        except OSError:
            return  # the runner never came to make it, or something else is in its place
        try:
            # These first: however much else lies there, it must not cost us them.
            for name, largest in self.alone.items():
                self._alone(top, name, largest)
            for name, mode in self._entries(top, ""):
                if name == OUTPUTS and stat.S_ISDIR(mode):
                    self._folder(top, name, name, 1)
                elif name == OUTPUTS:
                    self.done.leave_out(name, _kind(mode))
                elif name not in self.alone:
                    self.done.leave_out(name, "not a result of the runner")
        finally:
            os.close(top)

    def _alone(self, top: int, name: str, largest: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(name, dir_fd=top, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                self._file(top, name, name, largest)
            else:
                self.done.leave_out(name, _kind(mode))

    def _entries(self, folder: int, path: str) -> Iterator[tuple[str, int]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                self.seen += 1
                if self.seen > ENTRIES:
                    self.done.leave_out(path or ".", f"more than {ENTRIES} entries")
                    return
                try:
                    yield entry.name, entry.stat(follow_symlinks=False).st_mode
                except OSError:
                    self.done.leave_out(f"{path}/{entry.name}", "gone")

    def _folder(self, parent: int, name: str, path: str, depth: int) -> None:
        try:
            folder = os.open(name, OPEN | os.O_DIRECTORY, dir_fd=parent)
        except OSError as e:
            return self.done.leave_out(path, e.strerror or "unreadable")
        try:
            (self.target / path).mkdir(mode=0o700)
            for child, mode in self._entries(folder, path):
                self._child(folder, child, f"{path}/{child}", mode, depth)
        finally:
            os.close(folder)
        return None

    def _child(self, folder: int, name: str, path: str, mode: int, depth: int) -> None:
        if not name.isprintable() or len(path.encode()) > 1000:
            self.done.leave_out(path, "a name that pages and archives cannot show")
        elif stat.S_ISDIR(mode) and depth < self.caps.depth:
            self._folder(folder, name, path, depth + 1)
        elif stat.S_ISDIR(mode):
            self.done.leave_out(path, f"more than {self.caps.depth} folders deep")
        elif not stat.S_ISREG(mode):
            self.done.leave_out(path, _kind(mode))
        elif len(self.done.files) >= self.caps.files:
            self.done.leave_out(path, f"more than {self.caps.files} files")
        else:
            self._file(folder, name, path, self.caps.file)

    def _file(self, folder: int, name: str, path: str, largest: int) -> None:
        try:
            # Not blocking: should a pipe have taken the file's place since, this returns.
            source = os.open(name, OPEN | os.O_NONBLOCK, dir_fd=folder)
        except OSError as e:
            return self.done.leave_out(path, e.strerror or "unreadable")
        try:
            found = os.fstat(source)
            room = min(largest, self.caps.total - self.done.bytes)
            if not stat.S_ISREG(found.st_mode):
                self.done.leave_out(path, _kind(found.st_mode))
            elif found.st_size > room:
                over = "the file" if found.st_size > largest else "all files together"
                self.done.leave_out(path, f"{over} would be over the limit")
            else:
                self.done.files[path] = self._bytes(source, path, found.st_size)
        finally:
            os.close(source)
        return None

    def _bytes(self, source: int, path: str, size: int) -> int:
        """Copy ``size`` bytes or what there is; what grows meanwhile stays behind."""
        left = size
        with open(self.target / path, "xb") as target:
            while left and (data := os.read(source, min(left, CHUNK))):
                target.write(data)
                left -= len(data)
        return size - left


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "no regular file")
