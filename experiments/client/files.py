"""Copies what is kept of a run into a folder.

Invariant: a file is there whole or not at all, and nothing is written outside of the folder,
whatever names the run gave its files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cohort.archives import ArchiveError, check_name, shown
from experiments.client.http import Http
from experiments.errors import ExperimentError

DEPTH = 32
MADE = ("report.pdf", "crate.zip")  # when somebody asks for them

Progress = Callable[[int, int], None]  # bytes so far, and of all files (0: not known)


def download(
    http: Http, run: str, folder: Path, names: tuple[str, ...], on_bytes: Progress | None
) -> list[Path]:
    """Copy a run's files, and return where they are now.

    ``names`` are files or folders of the run, ``report.pdf`` or ``crate.zip``; without any it is
    all that is kept. Files of the same names are replaced. Raises `ExperimentError`.
    """
    kept = http.get(f"runs/{run}/files")["files"]
    wanted = _choose(kept, names, run)
    total = 0 if set(wanted) & set(MADE) else sum(wanted.values())
    done, written = 0, []
    for name in wanted:
        path = f"runs/{run}/{name}" if name in MADE else f"runs/{run}/files/{quote(name)}"
        target = _place(folder, name)
        before = done

        def count(size: int, before: int = before) -> None:
            nonlocal done
            done = before + size
            if on_bytes:
                on_bytes(done, total)

        _save(http, path, target, count)
        written.append(target)
    return written


def _choose(kept: list[dict], names: tuple[str, ...], run: str) -> dict[str, int]:
    """The files that are asked for, and their bytes."""
    sizes = {file["path"]: file["bytes"] for file in kept}
    if not names:
        return sizes
    chosen: dict[str, int] = {}
    for name in names:
        inside = name.rstrip("/") + "/"
        found = {p: size for p, size in sizes.items() if p == name or p.startswith(inside)}
        if not found and name not in MADE:
            there = ", ".join(sorted({path.partition("/")[0] for path in sizes})) or "nothing"
            raise ExperimentError(
                f"{run} has no file {shown(name)}: there is {there}.", code="file_missing"
            )
        chosen |= found or {name: 0}
    return chosen


def _place(folder: Path, name: str) -> Path:
    """Where a file goes; its folders are made."""
    try:
        check_name(name, DEPTH)
    except ArchiveError:
        raise ExperimentError(
            f"The file {shown(name)} was not copied: no file here can have that name.",
            code="file_refused",
        ) from None
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = target.parent.resolve().is_relative_to(folder.resolve())
    except OSError as error:
        raise _not_written(target, error) from None
    if not inside or target.is_dir():
        raise ExperimentError(
            f"{target} was not written: a link or a folder is in its place.", code="file_refused"
        )
    return target


def _save(http: Http, path: str, target: Path, on_bytes: Callable[[int], None]) -> None:
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name[:40]}.", delete=False
        ) as file:
            part = file.name
            http.save(path, file, on_bytes)
        # As it would be without the detour: readable for a team, if its folders are.
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, target)
    except BaseException as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_written(target, error) from None
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _not_written(target: Path, error: OSError) -> ExperimentError:
    return ExperimentError(
        f"{target} cannot be written: {error.strerror or error}.", code="file_not_written"
    )
