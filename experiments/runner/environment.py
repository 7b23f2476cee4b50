"""What a run ran on: Python and its packages, CPU, GPUs, their driver.

Invariant: what cannot be found out is empty or None; looking never fails and never waits long.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ASK = ("--query-gpu=name,driver_version", "--format=csv,noheader")
# Asking a GPU that sleeps takes a second or two; it has the whole run for it.
WAIT_S = 5.0
CGROUP = Path("/sys/fs/cgroup")


class Environment:
    """Facts for provenance; the GPUs are asked at once and answer while the notebook runs."""

    def __init__(self) -> None:
        tool = shutil.which("nvidia-smi")
        self._gpus = tool and subprocess.Popen(
            [tool, *ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def facts(self) -> dict:
        """Versions, names and numbers, as ``result.json`` has them."""
        rows = self._gpu_rows()
        return {
            "python": platform.python_version(),
            "packages": packages(sys.path),
            "cpu": cpu_name(),
            "cores": cores(),
            "gpu": [name for name, _ in rows],
            "driver": rows[0][1] if rows else None,
        }

    def _gpu_rows(self) -> list[tuple[str, str]]:
        if not self._gpus:
            return []
        try:
            out, _ = self._gpus.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            self._gpus.kill()
            self._gpus.communicate()
            return []
        rows = [line.rpartition(",") for line in out.splitlines()]
        return [(name.strip(), driver.strip()) for name, _, driver in rows if name]


def packages(paths: list[str]) -> dict[str, str]:
    """Installed distributions and their versions, from the names of their folders.

    https://packaging.python.org/specifications/recording-installed-packages. importlib.metadata
    would parse every package's description for it, 70 ms in the workspace image.
    """
    found: dict[str, str] = {}
    for path in paths:
        with contextlib.suppress(OSError):
            for entry in os.scandir(path):
                name, _, version = entry.name.removesuffix(".dist-info").rpartition("-")
                if entry.name.endswith(".dist-info") and name:
                    found.setdefault(name.replace("_", "-").lower(), version)
    return dict(sorted(found.items()))


def cpu_name() -> str:
    """The processor's name as its maker has it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def cores(folder: Path = CGROUP) -> float:
    """CPUs that this container may use at once: its limit, else those of the machine."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota, period = (
            int((folder / "cpu" / f"cpu.cfs_{what}_us").read_text()) for what in ("quota", "period")
        )
        if quota > 0:
            return quota / period
    return len(os.sched_getaffinity(0))
