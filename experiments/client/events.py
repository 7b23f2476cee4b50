"""Server-sent events: what a run says while it runs.

Invariant: lines end at CR, LF or CRLF and nowhere else, wherever the chunks of the stream are
cut (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
httpx's own ``iter_lines`` also ends them at U+2028 and its like, which outputs may contain.
"""

from __future__ import annotations

import codecs
import io
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from experiments.client.http import WATCHING, Http, not_ours

RECONNECT_S = 1.0


@dataclass(frozen=True)
class Event:
    """One event: its name, its JSON, and the id after which a stream can be taken up again."""

    name: str
    data: dict = field(default_factory=dict)
    id: str | None = None


def listen(http: Http, path: str) -> Iterator[Event]:
    """The events from a path; a stream that breaks is taken up where it broke, for ever.

    Raises `ExperimentError` if it is refused, `UnreachableError` if it cannot be taken up.
    """
    last: str | None = None
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with (
            http.stream(path, patience=WATCHING, headers=headers) as response,
            suppress(httpx.TransportError),
        ):
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise not_ours(response)
            for event in read_events(response.iter_bytes()):
                last = event.id or last
                yield event
        time.sleep(RECONNECT_S)


def read_events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; one that the end of the stream cuts off is not among them."""
    name, data, last = "", [], None
    for line in _lines(chunks):
        if not line:
            if data:
                yield Event(name or "message", _json("\n".join(data)), last)
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
        elif key == "id" and "\0" not in value:
            last = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    text = codecs.getincrementaldecoder("utf-8")("replace")
    newlines = io.IncrementalNewlineDecoder(text, translate=True)
    rest: list[str] = []
    for chunk in chunks:
        first, *others = newlines.decode(chunk).split("\n")
        rest.append(first)
        for other in others:
            yield "".join(rest)
            rest = [other]


def _json(text: str) -> dict:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    return data if isinstance(data, dict) else {}
