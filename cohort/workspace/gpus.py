"""The GPUs of this server: their names from the spawner, their load from ``nvidia-smi``."""

from __future__ import annotations

import asyncio
import shutil
import time

ASK = ["--query-gpu=memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits"]
FRESH_SECONDS = 5.0
TIMEOUT_SECONDS = 4.0
UNITS = (2**20, 2**20, 0.01)  # it gives MiB, MiB and percent


def label_of(name: str) -> str:
    """What people call a CDI device: "GPU 0" for ``nvidia.com/gpu=0``."""
    device = name.partition("=")[2] or name
    return f"GPU {device}" if device[:1].isdigit() else device


def parse(text: str) -> list[tuple[float | None, ...]]:
    """``nvidia-smi``'s lines as (bytes used, bytes in all, share busy); None for "[N/A]"."""
    rows = []
    for line in text.strip().splitlines():
        fields = line.split(",")
        if len(fields) == len(UNITS):
            rows.append(tuple(scaled(f, unit) for f, unit in zip(fields, UNITS, strict=True)))
    return rows


def scaled(field: str, unit: float) -> float | None:
    """A number in another unit, or None for what is none."""
    try:
        return float(field) * unit
    except ValueError:
        return None


class Gpus:
    """What is known of the devices now; asking never waits for a device."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        # Only NVIDIA's devices answer; simulated ones and other makers' have names alone.
        self._tool = shutil.which("nvidia-smi") if "nvidia.com/" in "".join(names) else None
        self._rows: list[tuple[float | None, ...]] = []
        self._asked = -FRESH_SECONDS
        self._task: asyncio.Task | None = None

    def status(self) -> list[dict]:
        """The devices as `GET cohort/status` gives them; starts a look if the last is old."""
        if self._tool and time.monotonic() - self._asked >= FRESH_SECONDS:
            self._asked = time.monotonic()
            self._task = asyncio.ensure_future(self._look())
        # With as many lines as devices they are in the same order; else nobody can tell.
        known = (
            self._rows if len(self._rows) == len(self._names) else [(None,) * 3] * len(self._names)
        )
        return [
            {
                "name": name,
                "label": label_of(name),
                "memory_used": used,
                "memory_total": total,
                "utilisation": busy,
            }
            for name, (used, total, busy) in zip(self._names, known, strict=True)
        ]

    async def _look(self) -> None:
        process = await asyncio.create_subprocess_exec(
            self._tool, *ASK, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            self._rows = []
            return
        self._rows = parse(out.decode("utf-8", "replace")) if process.returncode == 0 else []
