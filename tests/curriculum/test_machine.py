"""What a container may use of its machine, by the files of both kinds of control groups."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from curriculum.build.course import COURSE, LIBRARY


@pytest.fixture(scope="module")
def machine():
    """The library's module, which needs nothing but Python: not the package around it."""
    spec = importlib.util.spec_from_file_location("machine", COURSE / LIBRARY / "machine.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Write files of a control group."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text + "\n", encoding="ascii")
    return folder


V1 = {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000",
      "memory/memory.limit_in_bytes": str(2**28)}  # fmt: skip
V1_FREE = {**V1, "cpu/cpu.cfs_quota_us": "-1", "memory/memory.limit_in_bytes": str(2**63 - 4096)}
V2 = {"cpu.max": "50000 100000", "memory.max": str(2**28)}
V2_FREE = {"cpu.max": "max 100000", "memory.max": "max"}


@pytest.mark.parametrize("files", [V1, V2])
def test_limits_are_read(machine, tmp_path, files):
    folder = lay(tmp_path, files)
    assert (machine.cpus(folder), machine.memory(folder)) == (0.5, 0.25)


@pytest.mark.parametrize("files", [V1_FREE, V2_FREE, {}])
def test_without_limits_it_is_the_machine(machine, tmp_path, files):
    folder = lay(tmp_path, files)
    assert machine.cpus(folder) == os.cpu_count()
    assert machine.memory(folder) == machine.machine_memory() > 0.25
