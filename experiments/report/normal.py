"""What counts of a cell's outputs when two runs are compared.

Invariant: only what is certainly noise is taken away. That is: execution counts, ids and
metadata; how output was cut into pieces, and the order between the two streams; ANSI colours;
memory addresses (``at 0x7f…``) and the kernel's names for cells; progress bars, which are lines
that rewrite themselves and the bars of tqdm; random ids in HTML and SVG; texts in a PNG file,
such as the library's version. Times of day and durations are not: they may be the result.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
import zlib
from itertools import groupby

from experiments.report.executed import SHOWN_IMAGES

ANSI = re.compile(r"\x1b\[[0-9;?]*[@-~]")
ADDRESS = re.compile(r"(?<=\bat )0x[0-9a-fA-F]{4,16}\b")
CELL_FILE = re.compile(r"/tmp/ipykernel_\d+/\d+\.py")  # noqa: S108  (a text that kernels write)
BAR = re.compile(r"\d+/(\d+|\?) \[(\d+:)+\d\d<")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
STYLER = re.compile(r"\bT_[0-9a-f]{5}(?![0-9a-f])")  # pandas' tables
SVG_ID = re.compile(r"(?<=[\"#])[A-Za-z]{1,2}[0-9a-f]{10}(?=[\"_)])")  # matplotlib's
SVG_DATE = re.compile(r"<dc:date>.*?</dc:date>", re.DOTALL)
WIDGET = "application/vnd.jupyter.widget-view+json"  # its state is not in the notebook
PNG = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"tIME"}
MAX_PIXELS = 256 << 20  # bytes


def outputs_of(cell: dict) -> list[tuple[str, str]]:
    """What counts, as (kind, value) in order: equal lists mean equal outputs.

    The kind is a stream's name, "error" or a MIME type; an image's value is a hash.
    """
    counted: list[tuple[str, str]] = []
    for kind, group in groupby(cell.get("outputs", ()), key=lambda o: o["output_type"]):
        outputs = list(group)
        if kind == "stream":
            # The kernel sends the two when it pleases: their order among themselves is chance.
            for name in ("stdout", "stderr"):
                text = plain("".join(o["text"] for o in outputs if o["name"] == name))
                counted += [(name, text)] if text else []
        elif kind == "error":
            counted += [("error", plain(f"{o['ename']}: {o['evalue']}")) for o in outputs]
        else:
            for output in outputs:
                if WIDGET not in output["data"]:
                    counted += sorted((m, _value(m, v)) for m, v in output["data"].items())
    return counted


def plain(text: str) -> str:
    """Text without colours, addresses and progress bars."""
    text = CELL_FILE.sub("<cell>", ADDRESS.sub("0x…", ANSI.sub("", text)))
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return "\n".join(line for line in lines if "\r" not in line and not BAR.search(line))


def _value(mime: str, value: object) -> str:
    if mime.endswith("json"):
        return json.dumps(value, sort_keys=True)
    if mime in SHOWN_IMAGES:
        return _picture(value)
    if mime == "image/svg+xml":
        return SVG_DATE.sub("", SVG_ID.sub("id", value))
    if mime in ("text/html", "application/javascript"):
        return plain(STYLER.sub("T_id", UUID.sub("id", value)))
    return plain(value)


def _picture(text: str) -> str:
    """A hash of a PNG's pixels; of the bytes of another picture, or of a damaged one."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):
        data = text.encode()
    digest = hashlib.sha256()
    try:
        for kind, body in _chunks(data):
            if kind not in PNG_TEXTS:
                digest.update(kind + body)
    except (ValueError, struct.error, zlib.error):
        digest = hashlib.sha256(data)
    return digest.hexdigest()


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Chunks of a PNG, the compressed ones inflated: equal pixels may be packed unequally."""
    if not data.startswith(PNG):
        raise ValueError("no PNG")
    found, packed, at = [], b"", len(PNG)
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            packed += body
        else:
            found.append((kind, body))
        at += size + 12
    unpacker = zlib.decompressobj()
    found.append((b"IDAT", unpacker.decompress(packed, MAX_PIXELS)))
    if unpacker.unconsumed_tail:
        raise ValueError("too large")
    return found
