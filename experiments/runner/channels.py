"""The messages between runner and kernel, over ZeroMQ, in Jupyter's protocol.

Invariant: no message of a kernel that is ours is dropped. ipykernel's output socket drops what
its reader is too slow for; it is told to wait instead (`LOSSLESS`), so that memory stays bounded
by the two queues of 1,000 messages.
https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import zmq
from jupyter_client.session import Session

# http://api.zeromq.org/master:zmq-setsockopt: ZMQ_XPUB_NODROP. One expression, so that nothing
# is left in the notebook's namespace.
LOSSLESS = (
    "get_ipython().kernel.iopub_thread.schedule(lambda t=get_ipython().kernel.iopub_thread:"
    " t.socket.setsockopt(__import__('zmq').XPUB_NODROP, 1))"
)
# At once, between two looks at clocks and signals.
BURST = 200
# One message of this size is not parsed: its JSON takes several times the memory.
LARGEST_BYTES = 128 * 1024**2
RECONNECT_MS = 20


class Message(NamedTuple):
    """A message from the kernel; ``raw`` is None if it was too large or no message at all.

    A stream's content is not parsed yet: much of it may be for nobody (`Channels.parse`).
    """

    shell: bool
    kind: str
    parent: str
    content: dict
    raw: dict | None
    size: int


class Channels:
    """The client's end of a kernel's sockets, and of what it writes past them."""

    def __init__(self, connection: dict, said: int, *, bounded: bool) -> None:
        self.session = Session(key=connection["key"].encode())
        # A guard against replayed messages: on a socket of our own it only costs time.
        self.session.digest_history_size = 0
        self._context = zmq.Context()
        self._shell = self._connect(zmq.DEALER, connection, "shell_port")
        self._control = self._connect(zmq.DEALER, connection, "control_port")
        # A kernel that is not told to wait drops nothing only for a reader with no bound.
        self._iopub = self._connect(zmq.SUB, connection, "iopub_port", 1000 if bounded else 0)
        self._said = said
        self._poller = zmq.Poller()
        for source in (self._shell, self._iopub, said):
            self._poller.register(source, zmq.POLLIN)

    def request(self, kind: str, content: dict | None = None, *, control: bool = False) -> str:
        """Send a request; the id that its answers have as their parent."""
        socket = self._control if control else self._shell
        return self.session.send(socket, kind, content or {})["msg_id"]

    def execute(self, code: str, *, silent: bool = False) -> str:
        """Ask for code to be run; silent code leaves no trace in history and outputs."""
        return self.request(
            "execute_request",
            {
                "code": code,
                "silent": silent,
                "store_history": not silent,
                "user_expressions": {},
                "allow_stdin": False,
                # Whether a notebook goes on after an error is decided here, not there.
                "stop_on_error": False,
            },
        )

    def send(self, message: dict) -> None:
        """Send a message that is made already, as nbclient's widgets do."""
        self.session.send(self._shell, message)

    def receive(self, wait_s: float) -> Iterator[Message | bytes]:
        """What has come, after at most ``wait_s`` seconds; bytes are what was written past us."""
        for source, _ in self._poller.poll(wait_s * 1000):
            if source == self._said:
                yield self._read_said()
                continue
            for _ in range(BURST):
                try:
                    frames = source.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                yield self._read(frames, shell=source is self._shell)

    def parse(self, content: bytes) -> dict:
        """A message's content; raises ValueError if it is none."""
        parsed = self.session.unpack(content)
        if not isinstance(parsed, dict):
            raise ValueError("no content")
        return parsed

    def close(self) -> None:
        """Close all sockets; what was not sent is dropped."""
        self._context.destroy(linger=0)

    def _connect(self, kind: int, connection: dict, port: str, most: int = 1000) -> zmq.Socket:
        socket = self._context.socket(kind)
        # The kernel is still starting: look again soon.
        socket.reconnect_ivl = RECONNECT_MS
        socket.rcvhwm = most
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(f"ipc://{connection['ip']}-{connection[port]}")
        return socket

    def _read(self, frames: list[bytes], *, shell: bool) -> Message:
        size = sum(len(frame) for frame in frames)
        try:
            if size > LARGEST_BYTES:
                raise ValueError("too large")
            raw = self.session.deserialize(self.session.feed_identities(frames)[1], content=False)
            kind, parent = str(raw["msg_type"]), str(raw["parent_header"].get("msg_id"))
            if kind != "stream":
                raw["content"] = self.parse(raw["content"])
            return Message(shell, kind, parent, raw["content"], raw, size)
        # A notebook can write what it likes to its kernel's socket.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Message(shell, "unreadable", "", {}, None, size)

    def _read_said(self) -> bytes:
        data = os.read(self._said, 65536)
        if not data:
            self._poller.unregister(self._said)
        return data
