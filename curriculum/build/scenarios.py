"""Lays the scenarios out with their data, made by each one's own seeded script.

A scenario's folder holds its card (README.md), ``generate.py``, which writes the data into the
folder it is given, and a baseline notebook.

    python -m curriculum.build.scenarios FOLDER
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from curriculum.build.course import SCENARIOS


def names() -> list[str]:
    """The scenarios there are."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/generate.py"))


def lay_out(folder: Path) -> None:
    """Write every scenario into ``folder/<name>``; twice gives the same files."""
    for name in names():
        target = folder / name
        shutil.copytree(SCENARIOS / name, target, dirs_exist_ok=True)
        subprocess.run([sys.executable, str(target / "generate.py"), str(target)], check=True)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
