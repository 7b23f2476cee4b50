"""Puts together what learners get: student versions, the library, everything else as it is.

Invariant: no solution, hidden test or proof sheet is in it. Runs in the workspace image.

    python -m curriculum.build.assemble COURSE FOLDER
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from curriculum.build.course import lessons
from curriculum.build.marks import Desk
from curriculum.build.notebooks import save

KEPT_BACK = ("source", "proofs", "ruff.toml", "__pycache__", ".*")


def assemble(course: Path, folder: Path) -> None:
    """Write the learners' course into ``folder``."""
    shutil.copytree(course, folder, ignore=shutil.ignore_patterns(*KEPT_BACK), dirs_exist_ok=True)
    for lesson in lessons(course):
        with tempfile.TemporaryDirectory() as desk:
            save(Desk(Path(desk), lesson.notebook).release(), folder / lesson.notebook.name)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]), Path(sys.argv[2]))
