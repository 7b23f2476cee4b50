"""The memory of this server and its kernels, as the kernel of the machine accounts for it.

A kernel that outgrows the limit is ended by the machine, and JupyterLab only knows that it died.
What is counted here says why.
"""

from __future__ import annotations

from pathlib import Path

# Version 2 of control groups, mounted so in every container of Debian 12, 13 and Ubuntu 24.04.
CGROUP = Path("/sys/fs/cgroup")


def memory_status(folder: Path = CGROUP) -> dict[str, int | None]:
    """Bytes in use, the limit in bytes, and how many processes the limit has ended so far.

    None for what the machine does not tell.
    """
    used = _number(folder / "memory.current")
    cache = _field(folder / "memory.stat", "inactive_file")
    return {
        # Files that were read are given up first: they count for nothing here.
        "used": None if used is None else max(0, used - (cache or 0)),
        "limit": _number(folder / "memory.max"),
        "kills": _field(folder / "memory.events", "oom_kill"),
    }


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        return int(dict(line.split() for line in path.read_text().splitlines())[name])
    except (OSError, ValueError, KeyError):
        return None
