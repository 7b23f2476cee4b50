"""Small tasks in threads, one at a time for each run.

Invariant: no two tasks of one key overlap, and a key whose task failed rests, longer each time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cohort.engine import EngineUnreachableError

log = logging.getLogger(__name__)

LONGEST_REST = 60.0  # seconds


class Tasks:
    """A pool of threads; ``done`` is called after each task, from its thread."""

    def __init__(self, workers: int, name: str, done: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._done = done
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._rest: dict[str, float] = {}

    def do(self, key: str, call: Callable, *args) -> None:
        """Have a task done soon, unless one of its key is under way or rests."""
        with self._lock:
            if key in self._busy or time.monotonic() < self._rest.get(key, 0):
                return
            self._busy.add(key)
        self._pool.submit(self._run, key, call, args)

    def failures(self, key: str) -> int:
        """How often in a row the tasks of a key have failed; an engine that is away is none."""
        return self._failures[key]

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, key: str, call: Callable, args: tuple) -> None:
        try:
            call(*args)
        except EngineUnreachableError:
            self._fail(key, 0)  # whoever looks at the engine all the time has said so
        except Exception:
            log.exception("%s of %s has failed and is tried again", call.__qualname__, key)
            self._fail(key, 1)
        else:
            with self._lock:
                self._failures.pop(key, None)
                self._rest.pop(key, None)
        finally:
            with self._lock:
                self._busy.discard(key)
            self._done()

    def _fail(self, key: str, count: int) -> None:
        with self._lock:
            self._failures[key] += count
            rest = min(2.0 ** self._failures[key], LONGEST_REST)
            self._rest[key] = time.monotonic() + rest
