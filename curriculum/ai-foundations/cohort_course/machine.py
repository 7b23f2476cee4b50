"""What this container may use of the machine that it runs on.

Invariant: what the machine does not tell counts as no limit. Python's own `os.cpu_count` counts
the machine's cores, whatever the container was given.
"""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cpus(folder: Path = CGROUP) -> float:
    """CPUs of this container; those of the machine if it has no limit."""
    # Control groups, version 2 and version 1.
    quota = _words(folder / "cpu.max") or [
        *_words(folder / "cpu" / "cpu.cfs_quota_us"),
        *_words(folder / "cpu" / "cpu.cfs_period_us"),
    ]
    all_of_them = os.cpu_count() or 1
    if len(quota) != 2 or not quota[0].isdecimal():  # "max", or -1
        return all_of_them
    return min(int(quota[0]) / int(quota[1]), all_of_them)


def memory(folder: Path = CGROUP) -> float:
    """GiB of memory of this container; those of the machine if it has no limit."""
    limit = _words(folder / "memory.max") or _words(folder / "memory" / "memory.limit_in_bytes")
    own = int(limit[0]) if limit and limit[0].isdecimal() else float("inf")
    return min(own / 2**30, machine_memory())


def machine_memory() -> float:
    """GiB of memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
