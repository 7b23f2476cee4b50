"""Hashes of the data that a run was pointed at: parameters that are paths under the scenarios.

Invariant: nothing outside the scenarios folder is opened, whatever a parameter says; what is
too large to be hashed is named with its size and without a hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

INSIDE = PurePosixPath("/srv/scenarios")  # where containers see them
MAX_FILES = 1000
MAX_BYTES = 16 << 30  # hashed for one run; a new disk reads that in half a minute


def hash_inputs(parameters: dict, scenarios: Path, *, max_bytes: int = MAX_BYTES) -> list[dict]:
    """Path (as the run saw it), size in bytes and SHA-256 of each file the parameters name.

    A folder stands for the files in it. A path that does not exist is left out.
    """
    found: dict[str, Path] = {}
    root = scenarios.resolve()
    for text in _strings(parameters):
        path = PurePosixPath(text)
        if path.is_relative_to(INSIDE):
            for file in _files(root / path.relative_to(INSIDE), root):
                found.setdefault(str(INSIDE / file.relative_to(root)), file)
                if len(found) == MAX_FILES:
                    break
    left = max_bytes
    hashed = []
    for name, file in sorted(found.items()):
        try:
            stat = file.stat()
            fits = stat.st_size <= left
            digest = _sha256(file, stat.st_ino, stat.st_size, stat.st_mtime_ns) if fits else None
        except OSError:
            continue  # gone meanwhile
        left -= stat.st_size if fits else 0
        hashed.append({"path": name, "bytes": stat.st_size, "sha256": digest})
    return hashed


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _files(path: Path, root: Path) -> Iterator[Path]:
    try:
        real = path.resolve()
        alone = real.is_file()
    except (OSError, RuntimeError, ValueError):
        return  # no path: too long, a loop of links, a NUL
    if not real.is_relative_to(root):
        return
    if alone:
        yield real
    for folder, folders, files in os.walk(real):  # of a file, or of nothing: nothing
        folders.sort()
        for file in (Path(folder, name) for name in sorted(files)):
            if file.is_file() and not file.is_symlink():
                yield file


# Fifty runs of a sweep read the same data: hashed once, as long as it does not change.
@lru_cache(maxsize=4096)
def _sha256(file: Path, inode: int, size: int, changed: int) -> str:
    with open(file, "rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
