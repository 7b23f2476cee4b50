"""Runs programs and writes files as root: as whoever we are, or through sudo."""

from __future__ import annotations

import os
from pathlib import Path

from cohort.lab.run import run


def as_root(line: list[str]) -> list[str]:
    """The command as root: as it is, or through sudo for whoever is not."""
    return line if os.geteuid() == 0 else ["sudo", *line]


def write_as_root(path: Path, text: str) -> None:
    """Write a file of root's that everybody may read; raises `CohortError`."""
    line = ["install", "-D", "-m", "644", "/dev/stdin", str(path)]
    run(as_root(line), stdin=text, what=f"Writing {path}")
