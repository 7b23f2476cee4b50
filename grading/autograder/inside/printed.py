"""What a cell printed and showed, as a notebook's outputs.

Invariant: at most so many bytes of a cell are kept; what is over is counted, not kept.
"""

from __future__ import annotations

import re

MARK = re.compile("\x1e(\\d{1,6})\x1e")
DISPLAY_BYTES = 16 << 20  # of one cell


class Printed:
    """Bytes as they came, of two streams."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[tuple[str, bytes]] = []
        self._size = self.dropped = 0

    def add(self, name: str, data: bytes) -> None:
        """Keep what there is room for."""
        kept = data[: max(0, self._most - self._size)]
        self.dropped += len(data) - len(kept)
        self._size += len(kept)
        if kept:
            self._parts.append((name, kept))

    def streams(self) -> list[tuple[str, str]]:
        """``(stream, text)``, neighbours of one stream joined."""
        joined: list[tuple[str, bytes]] = []
        for name, data in self._parts:
            if joined and joined[-1][0] == name:
                joined[-1] = (name, joined[-1][1] + data)
            else:
                joined.append((name, data))
        return [(name, data.decode("utf-8", "replace")) for name, data in joined]


def outputs_of(printed: Printed, answer: dict, count: int) -> list[dict]:
    """nbformat's outputs, in the order in which they came."""
    shown, used = answer.get("shown", []), 0
    outputs: list[dict] = []
    for name, text in printed.streams():
        parts = MARK.split(text)
        for index, part in enumerate(parts):
            if index % 2 == 0:
                outputs += [_stream(name, part)] if part else []
            elif int(part) < len(shown):
                data = shown[int(part)]
                used += sum(map(len, data.values()))
                if used <= DISPLAY_BYTES:
                    outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    if printed.dropped:
        outputs.append(_stream("stderr", f"[{printed.dropped} bytes more were printed]\n"))
    if error := answer.get("error"):
        outputs.append({"output_type": "error", "ename": error["ename"],
                        "evalue": error["evalue"],
                        "traceback": error["traceback"].splitlines()})  # fmt: skip
    return outputs


def _stream(name: str, text: str) -> dict:
    return {"output_type": "stream", "name": name, "text": text}
