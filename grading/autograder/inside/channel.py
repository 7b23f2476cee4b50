"""Messages between the conductor and the processes that run student code.

Invariant: a message is taken only if it carries the keyed hash of its content and number. The key
is known to the two ends alone; whoever only finds the descriptor can cut the line, not speak.
"""

from __future__ import annotations

import builtins
import select
import time
from _blake2 import blake2b
from collections.abc import Callable
from marshal import dumps, loads

# Functions keep the builtins that they find here, whatever student code does to the real ones.
__builtins__ = dict(vars(builtins))

KEY_BYTES, MAC_BYTES = 32, 32
LONGEST = 32 << 20
HEAD = 4 + MAC_BYTES


class BrokenChannelError(Exception):
    """What came is not from the other end."""


class Channel:
    """One end; only C functions stand between a message and its hash."""

    def __init__(self, sock, key: bytes) -> None:
        self.sock, self._key = sock, key
        self._sent = self._received = 0
        self._buffer = bytearray()

    def fileno(self) -> int:
        """For poll."""
        return self.sock.fileno()

    def send(self, message: dict) -> None:
        """Send a message of plain values."""
        body = dumps(message)
        self._sent += 1
        self.sock.sendall(len(body).to_bytes(4, "big") + self._mac(self._sent, body) + body)

    def receive(self) -> dict | None:
        """Wait for a message; None at the end of the line."""
        while (message := self.take()) is None:
            data = self.sock.recv(1 << 16)
            if not data:
                return None
            self._buffer += data
        return message

    def take(self) -> dict | None:
        """A message that has come whole; raises BrokenChannelError."""
        if len(self._buffer) < HEAD:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if size > LONGEST:
            raise BrokenChannelError
        if len(self._buffer) < HEAD + size:
            return None
        mac, body = bytes(self._buffer[4:HEAD]), bytes(self._buffer[HEAD : HEAD + size])
        del self._buffer[: HEAD + size]
        self._received += 1
        if mac != self._mac(self._received, body):
            raise BrokenChannelError
        return loads(body)  # noqa: S302  the hash has been seen to be right

    def fill(self) -> bool:
        """Read what is there; False at the end of the line."""
        data = self.sock.recv(1 << 16)
        self._buffer += data
        return bool(data)

    def _mac(self, number: int, body: bytes) -> bytes:
        numbered = number.to_bytes(8, "big") + body
        return blake2b(numbered, key=self._key, digest_size=MAC_BYTES).digest()


def wait(channel: Channel, seconds: float, others: dict[int, Callable[[], None]]) -> dict | None:
    """The channel's next message; None when it is cut. Raises TimeoutError, BrokenChannelError.

    ``others`` are descriptors that are read meanwhile, each by its function.
    """
    end = time.monotonic() + seconds
    poll = select.poll()
    for descriptor in (channel.fileno(), *others):
        poll.register(descriptor, select.POLLIN)
    while (message := channel.take()) is None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        for descriptor, _ in poll.poll(min(left, 1) * 1000):
            if descriptor in others:
                others[descriptor]()
            elif not channel.fill():
                return None
    return message
