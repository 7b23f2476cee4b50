"""The event log of a run: ``result/events.jsonl``, which others read while it grows.

Invariant: a line is written whole, with one write, as soon as the thing has happened; a log
that a killed runner leaves behind can be read to its last line.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

# Texts longer than this are cut here; the notebook keeps all of them.
LONGEST_BYTES = 64 * 1024
SOURCE_CHARACTERS = 2000
# Twice what a notebook may hold: only one that redraws its pictures for hours gets there, and
# then the log stops, the notebook does not.
MOST_OUTPUT_BYTES = 128 * 1024**2


class EventLog:
    """Appends events; what it is given holds no secrets any more."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o644)
        self._size, self._room = 0, MOST_OUTPUT_BYTES

    def add(self, kind: str, **fields) -> int:
        """Append an event; how many bytes it took."""
        event = {"t": round(time.time(), 3), "kind": kind, **fields}
        data = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            # The disk is full: no half line, behind which nothing could be read.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        return len(data)

    def cell_started(self, cell: int, source: str) -> None:
        """A cell begins; of its source the log has the beginning."""
        self.add("cell_started", cell=cell, source=source[:SOURCE_CHARACTERS])

    def output(self, cell: int, index: int, output: dict) -> None:
        """An output at a place of its cell: more text of a stream, or what stands there now."""
        if self._room <= 0:
            return
        for part in parts(output):
            self._room -= self.add("output", cell=cell, index=index, output=part)
        if self._room <= 0:
            text = "\n[What follows is in the notebook, no longer in this log.]\n"
            note = {"output_type": "stream", "name": "stderr", "text": text}
            self.add("output", cell=cell, index=index + 1, output=note)


def parts(output: dict) -> list[dict]:
    """An output as the log has it: a stream's text in several parts, other long texts cut."""
    kind = output["output_type"]
    if kind == "stream":
        text = output["text"]
        # A character has four bytes at most.
        step = LONGEST_BYTES if text.isascii() else LONGEST_BYTES // 4
        return [{**output, "text": text[i : i + step]} for i in range(0, len(text), step)]
    if kind == "error":
        return [{**output, "evalue": cut(output["evalue"]),
                 "traceback": [cut(line) for line in output["traceback"][:1000]]}]  # fmt: skip
    return [{**output, "data": short_data(output["data"])}]


def short_data(data: dict) -> dict:
    """A display's data without what is too long for the log; a note stands in for it."""
    kept, notes = {}, []
    for mime, value in data.items():
        size = len(value if isinstance(value, str) else json.dumps(value))
        if size <= LONGEST_BYTES:
            kept[mime] = value
        elif mime == "text/plain":
            kept[mime] = cut(value)
        else:
            notes.append(f"[{mime}, {size / 1000:,.0f} kB: see the notebook]")
    if notes:
        kept["text/plain"] = "\n".join([*notes, str(kept.get("text/plain", ""))]).rstrip()
    return kept


def cut(text: object) -> str:
    """A text of at most 64 kB, with a note if it was longer."""
    text = str(text)
    if len(text) <= LONGEST_BYTES:
        return text
    return (
        f"{text[:LONGEST_BYTES]}\n[{len(text) - LONGEST_BYTES:,} characters more: see the notebook]"
    )
