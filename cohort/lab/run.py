"""Runs programs of the host: quietly, with what they said kept for when they fail."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from cohort.errors import CohortError

FAILED_STEP = re.compile(r"#(\d+) ERROR: ")


def run(line: Sequence[str], *, stdin: str = "", what: str = "") -> str:
    """Run a program and return its output.

    Raises `CohortError` with ``what`` (what was being done) and the program's last line.
    """
    try:
        done = subprocess.run(list(line), input=stdin, text=True, capture_output=True)
    except FileNotFoundError as e:
        raise CohortError(f"{what or 'A step'} failed: {line[0]} is not installed.") from e
    if done.returncode:
        raise CohortError(f"{what or ' '.join(line[:3])} failed: {last_line(done.stderr)}")
    return done.stdout


def follow(line: Sequence[str], seen: Callable[[str], None], *, what: str) -> None:
    """Run a long program, handing each line it prints to ``seen`` as it comes.

    Raises `CohortError` with ``what``, the cause, and the file that holds everything it said.
    """
    process = subprocess.Popen(
        list(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, errors="replace",
    )  # fmt: skip
    said: list[str] = []
    with process:
        for raw in process.stdout or ():
            # A proxy's address may have a password in it.
            said.append(re.sub(r"(?<=://)[^/@\s]+@", "…@", raw.rstrip()))
            seen(said[-1])
    if process.returncode:
        raise CohortError(
            f"{what} failed ({cause_in(said)}): see {keep(said)}, mend it and run this again."
        )


def keep(said: Sequence[str]) -> str:
    """Write lines into a new file in the folder for temporary files, mode 0600; its path."""
    descriptor, path = tempfile.mkstemp(prefix="cohort-", suffix=".log")
    with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.writelines(f"{text}\n" for text in said)
    return path


def cause_in(said: Sequence[str]) -> str:
    """What a build's failing step said last, or the last line of whatever else failed.

    BuildKit begins each line with the number of its step, and says in one which of them failed.
    """
    step = next((m[1] for m in map(FAILED_STEP.match, said) if m), None)
    lines = [m[1] for m in (re.match(rf"#{step} [\d.]+ (.+)", text) for text in said) if m]
    return last_line("\n".join(lines or said))[:200].rstrip(".")


def last_line(text: str) -> str:
    """The last line that says something; programs put the cause there."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
