"""Notebooks, rows and records for the tests of reports."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from experiments.report.provenance import Evidence, build_record
from experiments.report.result import RunnerResult, read_result
from experiments.snapshots import Manifest, SnapshotFile
from experiments.tables import Run

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
START = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
RESULT = {
    "outcome": "succeeded", "reason": None, "message": None, "cell": None, "ename": None,
    "evalue": None, "started": 1.0, "ended": 2.0, "cells_total": 3, "cells_done": 3,
    "metrics": {"accuracy": 0.93125, "model": "mlp"}, "seed": 7,
    "environment": {"python": "3.11.2", "packages": {"numpy": "2.4.1"}, "cpu": "A CPU",
                    "cores": 2.5, "gpu": ["A GPU"], "driver": "580.65"},
    "left_out": [{"path": "outputs/key.txt", "why": "holds a secret"}],
}  # fmt: skip


def code(source: str = "1", *outputs: dict, **metadata: object) -> dict:
    """A code cell that was executed."""
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": 1,
            "metadata": metadata}  # fmt: skip


def text(source: str) -> dict:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: object) -> dict:
    """A display of MIME types; ``text_html`` stands for text/html."""
    bundle = {name.replace("_", "/", 1): value for name, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def notebook(*cells: dict, **metadata: object) -> bytes:
    """The file of a notebook."""
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4,
                       "nbformat_minor": 4}).encode()  # fmt: skip


def png(colour: tuple[int, int, int], *, level: int = 6, software: str = "tests") -> str:
    """A picture of 40 by 20 pixels, as outputs hold it; packed and labelled as asked."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = b"".join(b"\0" + bytes(colour) * 40 for _ in range(20))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 20, 8, 2, 0, 0, 0))
    data += chunk(b"tEXt", b"Software\0" + software.encode()) + chunk(
        b"IDAT", zlib.compress(rows, level)
    )
    return base64.b64encode(data + chunk(b"IEND", b"")).decode()


def result(**changes: object) -> RunnerResult:
    """What a runner said last."""
    read = read_result(json.dumps({**RESULT, **changes}).encode())
    assert read is not None
    return read


def run(**changes: object) -> Run:
    """A run that has ended well."""
    fields = {
        "id": "run-k3m9x2pqh7wa", "owner": "team-apollo", "author": "ada", "title": "A study",
        "request_hash": "0" * 64, "fingerprint": "f" * 64, "snapshot": "ab" * 32,
        "notebook": "study/work.ipynb", "parameters": {"lr": 0.01, "layers": [8, 4]},
        "kernel": "python3", "image": "cohort/workspace:6f7a",
        "image_digest": "sha256:" + "d8" * 32,
        "cpus": 2.0, "memory_bytes": 4 << 30, "gpus": 1, "time_limit_s": 3600, "cell_limit_s": 0,
        "network": False, "state": "succeeded", "attempt": 1, "max_attempts": 3, "cells_done": 3,
        "devices": ["sim.cohort/gpu=0"], "metrics": {"accuracy": 0.93125}, "bytes_kept": 0,
        "created_at": START, "started_at": START + timedelta(seconds=3),
        "ended_at": START + timedelta(seconds=195),
    }  # fmt: skip
    return Run(**{**fields, **changes})


def manifest(paths: Sequence[str] = ("study/work.ipynb", "study/helper.py")) -> Manifest:
    return Manifest("ab" * 32, tuple(SnapshotFile(p, "c" * 64, 10, 0o644) for p in paths))


def record(row: Run | None = None, secrets: Sequence[str] = (), **evidence: object) -> dict:
    """A provenance record; ``secrets`` are the names in the run's row."""
    row = row or run()
    row.secret_names = list(secrets) or None
    found = {"manifest": manifest(), "result": result(), **evidence}
    return build_record(row, Evidence(**found))


def write(folder: Path, data: bytes, name: str = "notebook.ipynb") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
