"""What git knows of a folder: the commit it stands at, and what was changed since.

Invariant: nothing is changed, and of the programs that a repository can name none is run that git
does not need for this: no hooks, no monitors, no external diff or text converters.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

PATCH_BYTES = 1_000_000
SECONDS = 20
SAFELY = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")


def git_facts(folder: Path) -> dict | None:
    """``{"commit", "branch", "dirty", "patch"}`` of the folder; None where git has no say.

    ``commit`` is None before the first, ``branch`` on a detached head. ``dirty`` says whether
    anything in the folder differs from the commit, new files among it; ``patch`` is the
    difference of the files that git tracks, None if there is none or it exceeds `PATCH_BYTES`.
    """
    try:
        status = _git(folder, "status", "--porcelain=v2", "--branch", "--", ".")
    except (OSError, subprocess.SubprocessError):  # no git, no repository, somebody else's, slow
        return None
    facts = _headers(status)
    changes = any(not line.startswith("#") for line in status.splitlines())
    patch = _patch(folder) if changes and facts["commit"] else None
    return {**facts, "dirty": changes, "patch": patch}


def _headers(status: str) -> dict[str, str | None]:
    lines = [line.split(" ", 2) for line in status.splitlines() if line.startswith("# branch.")]
    said = {key: value for _, key, value in lines}
    commit, branch = said["branch.oid"], said["branch.head"]
    return {
        "commit": None if commit == "(initial)" else commit,
        "branch": None if branch == "(detached)" else branch,
    }


def _patch(folder: Path) -> str | None:
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--binary")
    try:
        patch = _git(folder, "diff", *options, "HEAD", "--", ".", limit=PATCH_BYTES + 1)
    except (OSError, subprocess.SubprocessError):
        return None
    return patch if patch and len(patch.encode()) <= PATCH_BYTES else None


def _git(folder: Path, *arguments: str, limit: int = -1) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    with tempfile.TemporaryFile() as output:
        subprocess.run(
            ["git", *SAFELY, *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=True,
        )
        output.seek(0)
        return output.read(limit).decode(errors="replace")
