"""Processes that run student code, as the conductor holds them.

Invariant: a fork's channel is the connection whose other end the kernel says is that process,
and its key went over that connection alone.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from marshal import dumps
from pathlib import Path

from grading.autograder.inside.channel import KEY_BYTES, BrokenChannelError, Channel, wait
from grading.autograder.inside.plan import Plan
from grading.autograder.inside.printed import Printed

CHILD = [sys.executable, "-I", "-m", "grading.autograder.inside.child"]
AFTER_INTERRUPT = 3.0  # seconds until a cell that does not heed Ctrl-C is killed
BACKLOG = 64


class Ended(Exception):
    """A process that says nothing more: a finding's name, its cell and a sentence."""

    def __init__(self, name: str, cell: str, detail: str) -> None:
        super().__init__(detail)
        self.name, self.detail = name, detail
        self.finding = (name, cell, detail)


class Line:
    """One process and the channel to it."""

    def __init__(self, pid: int, channel: Channel, host: Host) -> None:
        self.pid, self._channel, self._host = pid, channel, host

    def ask(self, order: dict, seconds: float, *, interrupt: bool = False) -> dict:
        """Send an order and wait for its answer; raises `Ended`, and the process is gone then."""
        try:
            self._channel.send(order)
            return self._answer(seconds, interrupt)
        except TimeoutError:
            self.kill()
            raise Ended("time-limit", "", f"It ran for more than {seconds:.0f} s.") from None
        except BrokenChannelError:
            self.kill()
            raise Ended("grader-channel", "", "Something else was said to the grader.") from None
        except OSError:
            self.kill()
            raise Ended("process-exit", "", "The process ended before it had answered.") from None

    def _answer(self, seconds: float, interrupt: bool) -> dict:
        try:
            answer = wait(self._channel, seconds, self._host.readers)
        except TimeoutError:
            if not interrupt:
                raise
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)
            answer = wait(self._channel, AFTER_INTERRUPT, self._host.readers)
        if answer is None:
            raise BrokenPipeError
        self._host.drain()
        return answer

    def kill(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._channel.sock.close()


class Host:
    """Makes processes in a folder and listens to what they print."""

    def __init__(self, folder: Path, output_bytes: int) -> None:
        self._folder, self._output_bytes = folder, output_bytes
        self._address = b"\0" + secrets.token_hex(16).encode()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self._address)
        self._socket.listen(BACKLOG)
        pipes = [os.pipe() for _ in range(2)]
        self._read_ends = [read for read, _ in pipes]
        self._write_ends = [write for _, write in pipes]
        for end in self._read_ends:
            os.set_blocking(end, False)
        self._printed = Printed(output_bytes)
        named = zip(self._read_ends, ("stdout", "stderr"), strict=True)
        self.readers = {end: partial(self._read, end, name) for end, name in named}
        self._process: subprocess.Popen | None = None
        self.pids: set[int] = set()

    def spawn(self, plan: Plan, seconds: float) -> Line:
        """The main line, with everything imported that the instructor's cells import."""
        key = secrets.token_bytes(KEY_BYTES)
        process = subprocess.Popen(
            CHILD, cwd=self._folder, stdin=subprocess.PIPE,
            stdout=self._write_ends[0], stderr=self._write_ends[1],
        )  # fmt: skip
        self._process = process
        self.pids.add(process.pid)
        start = {"address": self._address, "key": key, "folder": str(self._folder),
                 "modules": plan.modules, "imports": plan.imports, "shadows": plan.shadows,
                 "compared": plan.compared, "mocks": _mocks(plan), "look": plan.look}  # fmt: skip
        with suppress(BrokenPipeError):
            process.stdin.write(dumps(start))
            process.stdin.close()
        connection = self._accept(process.pid, seconds)
        return Line(process.pid, Channel(connection, key), self)

    def fork(self, line: Line, seconds: float) -> Line:
        """A fork of a process, as it is now; raises `Ended`."""
        pid = line.ask({"op": "fork"}, seconds)["pid"]
        self.pids.add(pid)
        connection = self._accept(pid, seconds)
        key = secrets.token_bytes(KEY_BYTES)
        one = Line(pid, Channel(connection, key), self)
        try:
            connection.sendall(key)
            one._answer(seconds, interrupt=False)
        except (OSError, BrokenChannelError):  # a TimeoutError is an OSError, too
            one.kill()
            raise Ended("process-exit", "", "A process of the grader's did not come up.") from None
        return one

    def listen(self) -> Printed:
        """Collect what is printed from now on in a new place."""
        self.drain()
        self._printed = Printed(self._output_bytes)
        return self._printed

    def drain(self) -> None:
        """Read all that has been printed."""
        for read in self.readers.values():
            read()

    def close(self) -> None:
        """Let go of everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        for end in (*self._read_ends, *self._write_ends):
            os.close(end)

    def _read(self, end: int, name: str) -> None:
        for _ in range(64):  # endless output must not keep us from looking at the clock
            try:
                self._printed.add(name, os.read(end, 1 << 16))
            except BlockingIOError:
                return

    def _accept(self, pid: int, seconds: float) -> socket.socket:
        """The connection of this process; others are hung up on."""
        end = time.monotonic() + seconds
        poll = select.poll()
        for descriptor in (self._socket.fileno(), *self.readers):
            poll.register(descriptor, select.POLLIN)
        while (left := end - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(min(left, 0.5) * 1000):
                if descriptor in self.readers:
                    self.readers[descriptor]()
                    continue
                connection, _ = self._socket.accept()
                if _peer(connection) == pid:
                    return connection
                connection.close()
            if self._process is not None and self._process.pid == pid and self._process.poll():
                break
        raise Ended("process-exit", "", "A process of the grader's did not come up.")


def _peer(connection: socket.socket) -> int:
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", found)[0]


def _mocks(plan: Plan) -> bool:
    return any(name.partition(".")[0] in ("mock", "unittest") for name in plan.modules)
