"""What a service does by the clock.

Invariant: each look is whole by itself and is taken again if it fails; one loop's trouble is no
other's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cohort.errors import CohortError

log = logging.getLogger(__name__)


class Loop:
    """Calls something again and again, in a thread, until it is stopped."""

    def __init__(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        self._name, self._seconds, self._call = name, seconds, call
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failed = False

    def start(self) -> None:
        """Begin, at once."""
        self._thread.start()

    def stop(self) -> None:
        """End when the call that is under way has ended."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._call()
                self._failed = False
            except Exception as e:
                # Once: a database that is away is away for every look.
                if not self._failed:
                    known = isinstance(e, CohortError)
                    log.warning("%s: %s", self._name, e, exc_info=None if known else e)
                self._failed = True
            self._ended.wait(self._seconds)
