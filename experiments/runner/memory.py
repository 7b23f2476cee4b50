"""Whether the memory limit of this container has ended a process."""

from __future__ import annotations

from pathlib import Path

# Version 2 of control groups and, on older machines, version 1.
COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)


def oom_kills(counters: tuple[Path, ...] = COUNTERS) -> int:
    """How many processes of this container the limit has ended so far; 0 if nobody counts."""
    for path in counters:
        try:
            fields = dict(line.split() for line in path.read_text().splitlines())
            return int(fields["oom_kill"])
        except (OSError, ValueError, KeyError):
            continue
    return 0
