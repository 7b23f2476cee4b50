"""The memory of this server and its kernels, as the machine's own kernel accounts for it.

A kernel that outgrows the limit is ended by the machine, and JupyterLab only knows that it died.
What is counted here says why.
"""

from __future__ import annotations

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
# Files of control groups, version 2 and 1: bytes in use, limit, details, ends for want of memory;
# and the name, in the details, of files that were read and are given up first.
V2 = ("memory.current", "memory.max", "memory.stat", "memory.events", "inactive_file")
V1 = (
    "memory/memory.usage_in_bytes",
    "memory/memory.limit_in_bytes",
    "memory/memory.stat",
    "memory/memory.oom_control",
    "total_inactive_file",
)
NO_LIMIT = 1 << 60  # version 1 says "no limit" by a number close to 2**63


def memory_status(folder: Path = CGROUP) -> dict[str, int | None]:
    """Bytes in use, the limit in bytes, and how many processes the limit has ended so far.

    None for what the machine does not tell.
    """
    used_file, limit_file, details, ends, given_up = V1 if (folder / "memory").is_dir() else V2
    used, limit = _number(folder / used_file), _number(folder / limit_file)
    cache = _field(folder / details, given_up) or 0
    return {
        "used": None if used is None else max(0, used - cache),
        "limit": limit if limit and limit < NO_LIMIT else None,
        "kills": _field(folder / ends, "oom_kill"),
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
