"""A few warm worker processes that lay out and compare notebooks.

Invariant: whatever a notebook does to a worker, the service gets a sentence within the time
limit and the next request gets a sound worker. Answers are text and JSON, never objects: a
worker that was taken over can lie about its notebook and do nothing else.
"""

from __future__ import annotations

import contextlib
import math
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from experiments.errors import ExperimentError
from experiments.report.frames import receive, send

T = TypeVar("T")
MAX_ANSWER = 512 << 20
HERE = str(Path(__file__).resolve().parents[2])  # a worker runs this code, not another copy
START_SECONDS = 60
TOO_LONG = "The notebook took longer than {:g} s to lay out: download it."
BROKEN = "The notebook cannot be laid out, it breaks what reads it: download it."
TASKS = 200  # after so many a worker is replaced, with whatever memory it has gathered


class WorkerPool:
    """Threads may share one. Close it, or use it as a context manager."""

    def __init__(self, size: int = 2, *, seconds: float = 60, memory_bytes: int = 2 << 30) -> None:
        self.seconds, self.memory_bytes = seconds, memory_bytes
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._closed = False
        for _ in range(size):
            self._idle.put(self._worker())

    def ask(self, operation: str, *blobs: bytes) -> list[bytes]:
        """What a worker answers. Waits for a free one; raises `ExperimentError` with a sentence."""
        if self._closed:
            raise RuntimeError("the pool of workers is closed")
        worker = self._idle.get()
        try:
            if worker.tasks >= TASKS or worker.process.poll() is not None:
                worker = self._replace(worker)
            return worker.ask(operation, blobs)
        except _Broken as e:
            worker = self._replace(worker)
            raise ExperimentError(str(e), code="notebook_too_much") from None
        finally:
            self._idle.put(worker)
            if self._closed:
                worker.stop()

    def close(self) -> None:
        """Stop the workers; one that is at work is stopped when it has answered."""
        self._closed = True
        while True:
            try:
                self._idle.get_nowait().stop()
            except queue.Empty:
                return

    def _replace(self, worker: _Worker) -> _Worker:
        worker.stop()
        return self._worker()

    def _worker(self) -> _Worker:
        return _Worker(self.memory_bytes, self.seconds)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Broken(Exception):
    """The worker gave no answer; the sentence says why."""


class _Worker:
    """One process; it begins to import at once, and a first request waits for that."""

    def __init__(self, memory_bytes: int, seconds: float) -> None:
        self.tasks, self.seconds = 0, seconds
        limits = [str(memory_bytes), str(math.ceil(seconds))]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "experiments.report.worker", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Nothing of the service's environment: it holds tokens.
            env={"PYTHONPATH": HERE, "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        )

    def ask(self, operation: str, blobs: tuple[bytes, ...]) -> list[bytes]:
        if self.tasks == 0:
            # Its imports, on a busy machine, are not the notebook's time.
            self._within(START_SECONDS, lambda: receive(self.process.stdout, 0))
        self.tasks += 1

        def exchange() -> tuple[dict, list[bytes]]:
            send(self.process.stdin, {"operation": operation}, *blobs)
            return receive(self.process.stdout, MAX_ANSWER)

        head, answers = self._within(self.seconds, exchange)
        if "message" in head:
            raise ExperimentError(str(head["message"]), code=str(head.get("code")))
        return answers

    def _within(self, seconds: float, call: Callable[[], T]) -> T:
        """What a call returns that waits for the process, which is killed when time is up."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.process.kill()

        clock = threading.Timer(seconds, stop)
        clock.start()
        try:
            return call()
        except (OSError, EOFError, ValueError) as e:
            raise _Broken(TOO_LONG.format(seconds) if late.is_set() else BROKEN) from e
        finally:
            clock.cancel()
            clock.join()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # what it did not read any more
