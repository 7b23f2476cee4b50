"""Brings the lab's courses into a workspace, and new versions of them, with nbgitpuller.

Invariant: nobody's edits are lost. What a person changed stays as they left it, also where a
new version changed the same file; what they did not touch becomes the new version; a file that
they deleted comes back. Whoever wants a lesson anew renames or deletes theirs.

    python -m cohort.workspace.curriculum
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SHARED = Path("/srv/curriculum")
# The branch that a cohort follows; see curriculum/build/publish.py.
BRANCH = "published"

log = logging.getLogger("cohort.curriculum")


def courses(shared: Path = SHARED) -> list[Path]:
    """The lab's course repositories, as the curriculum's publisher leaves them."""
    return sorted(path for path in shared.glob("*.git") if (path / "HEAD").is_file())


def missing(home: Path, shared: Path = SHARED) -> bool:
    """True if a course is not in this home at all: the home page may lead to it right now."""
    return any(not os.path.lexists(home / one.stem) for one in courses(shared))


def bring(repository: Path, home: Path) -> Iterator[str]:
    """Bring one course into ``home/<its name>``; yields what git says.

    A folder of that name that is no course of ours is left alone.
    """
    # Only this short-lived process needs it: 0.2 s of imports.
    from nbgitpuller.pull import GitPuller  # noqa: PLC0415

    folder, address = home / repository.stem, repository.as_uri()
    if os.path.lexists(folder) and not (folder / ".git").is_dir():
        log.warning("%s is there already and is not the course: left as it is", folder)
        return
    # With its history, which is small: a merge needs the version that both sides come from.
    yield from GitPuller(address, str(folder), branch=BRANCH, depth=0).pull()


def trust(repositories: list[Path], file: Path) -> None:
    """Let git read repositories that belong to the lab's operator, for this process alone."""
    lines = [f"\tdirectory = {path}\n" for one in repositories for path in (one, one.as_uri())]
    file.write_text("[safe]\n" + "".join(lines), encoding="utf-8")
    os.environ["GIT_CONFIG_GLOBAL"] = str(file)


def main() -> int:
    """Bring every course; the exit status says whether all came."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # People who work come first.
    os.nice(10)
    found, missed = courses(), 0
    with tempfile.TemporaryDirectory() as folder:
        trust(found, Path(folder) / "gitconfig")
        for repository in found:
            try:
                for line in bring(repository, Path.home()):
                    log.info("%s", line.rstrip())
            except Exception:
                # A full disk, a repository that somebody broke: the others still come.
                log.exception("The course %s could not be brought", repository.stem)
                missed += 1
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
