"""What a run is told: ``order.json`` and the secrets in its environment.

Invariant: once the order is read, no secret is left in the environment that a kernel inherits.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

SECRET = "COHORT_SECRET_"  # noqa: S105


@dataclass(frozen=True)
class Order:
    """One notebook to run; times in seconds, 0 is no limit."""

    notebook: Path
    result: Path
    parameters: dict
    kernel: str
    time_limit_s: float
    cell_limit_s: float
    save_seconds: float
    secrets: dict[str, str] = field(repr=False)


def read_order(path: Path, environ: MutableMapping[str, str]) -> Order:
    """The order at ``path``, with ``work/`` and ``result/`` beside it.

    Takes the secrets out of ``environ``, those that the order does not name too.
    """
    said = json.loads(path.read_text(encoding="utf-8"))
    values = {name: environ.pop(name) for name in list(environ) if name.startswith(SECRET)}
    return Order(
        notebook=path.parent / "work" / said["notebook"],
        result=path.parent / "result",
        parameters=said["parameters"],
        kernel=said["kernel"],
        time_limit_s=said["time_limit_s"],
        cell_limit_s=said["cell_limit_s"],
        save_seconds=said["save_seconds"],
        secrets={name: values[SECRET + name.upper()] for name in said["secrets"]},
    )
