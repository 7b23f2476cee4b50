"""The order that the service hands in, and the verdict that goes back, through one small file.

Invariant: the instructor's notebooks and the key are in no file once any student code runs, and
a verdict counts only with the keyed hash that nobody but the conductor and the service can make.
The file is the only thing of the host's that the container may write.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from pathlib import Path

ORDER = Path("/grade/order")
FILES = Path("/grade/files")  # what the release holds beside its notebooks
SUBMITTED = Path("/grade/submitted")


@dataclass(frozen=True)
class Order:
    """Notebooks of the instructor's by name, and limits: seconds and bytes."""

    key: bytes
    notebooks: dict[str, str]
    cell_seconds: float
    total_seconds: float
    output_bytes: int
    forks: bool  # False with a GPU, whose context does not outlive a fork


def write_order(path: Path, order: Order) -> None:
    """Write an order; the file must be there, so that its owner and mode stay."""
    body = {**order.__dict__, "key": order.key.hex()}
    path.write_text(json.dumps(body), encoding="utf-8")


def take_order(path: Path) -> Order:
    """Read the order and empty its file."""
    with path.open("r+", encoding="utf-8") as file:
        body = json.load(file)
        file.seek(0)
        file.truncate()
    return Order(**{**body, "key": bytes.fromhex(body["key"])})


def write_sealed(path: Path, key: bytes, verdict: dict) -> None:
    """Write the verdict over whatever student code has put into the file."""
    body = json.dumps(verdict).encode()
    with path.open("wb") as file:
        file.write(hmac.digest(key, body, "sha256").hex().encode() + b"\n" + body)


def read_sealed(data: bytes, key: bytes) -> bytes | None:
    """The verdict's JSON; None if its hash is not right."""
    mac, _, body = data.partition(b"\n")
    right = hmac.digest(key, body, "sha256").hex().encode()
    return body if hmac.compare_digest(mac, right) else None
