"""Runs programs of the host: quietly, with what they said kept for when they fail."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from cohort.errors import CohortError


def run(
    line: Sequence[str], *, stdin: str = "", env: Mapping[str, str] | None = None, what: str = ""
) -> str:
    """Run a program and return its output.

    Raises `CohortError` with ``what`` (what was being done) and the program's last line.
    """
    try:
        done = subprocess.run(
            list(line),
            input=stdin,
            text=True,
            capture_output=True,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError as e:
        raise CohortError(f"{what or 'A step'} failed: {line[0]} is not installed.") from e
    if done.returncode:
        raise CohortError(f"{what or ' '.join(line[:3])} failed: {last_line(done.stderr)}")
    return done.stdout


def follow(
    line: Sequence[str], seen: Callable[[str], None], *, env: Mapping[str, str] | None = None,
    what: str = "",
) -> None:  # fmt: skip
    """Run a long program, handing each line it prints to ``seen`` as it comes."""
    process = subprocess.Popen(
        list(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, errors="replace", env={**os.environ, **(env or {})},
    )  # fmt: skip
    last: list[str] = []
    with process:
        for text in process.stdout or ():
            last = [*last[-30:], text.rstrip()]
            seen(text.rstrip())
    if process.returncode:
        raise CohortError(f"{what or line[0]} failed; its last lines were:\n" + "\n".join(last))


def last_line(text: str) -> str:
    """The last line that says something; programs put the cause there."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
