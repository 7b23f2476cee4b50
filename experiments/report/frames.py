"""How the service and its workers talk: a line of JSON, then the blobs that it announces.

Invariant: nothing is ever unpickled, and no more is read than the reader is ready to take.
"""

from __future__ import annotations

import json
from typing import BinaryIO

MAX_HEAD = 1 << 16


def send(stream: BinaryIO, head: dict, *blobs: bytes) -> None:
    """Write one message. Raises OSError if nobody reads."""
    line = json.dumps({**head, "sizes": [len(b) for b in blobs]}).encode() + b"\n"
    stream.write(line)
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def receive(stream: BinaryIO, largest: int) -> tuple[dict, list[bytes]]:
    """Read one message. Raises EOFError if it ends early, ValueError if it is none or too large."""
    line = stream.readline(MAX_HEAD)
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    sizes = head.pop("sizes", None) if isinstance(head, dict) else None
    if not isinstance(sizes, list) or not all(type(s) is int and s >= 0 for s in sizes):
        raise ValueError("not a message")
    if sum(sizes) > largest:
        raise ValueError(f"a message of {sum(sizes)} bytes")
    blobs = []
    for size in sizes:
        blobs.append(stream.read(size))
        if len(blobs[-1]) != size:
            raise EOFError
    return head, blobs
