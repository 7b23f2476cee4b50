"""What the service does by the clock: schedules, notices, retention.

Invariant: each look is whole by itself and is taken again if it fails; one loop's trouble is no
other's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cohort.errors import CohortError
from experiments.notices import Messenger
from experiments.retention import enforce
from experiments.schedules import due
from experiments.service.context import Context
from experiments.unused import Collector

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


def make_loops(context: Context) -> list[Loop]:
    """The loops of the service, not begun."""
    messenger = Messenger(context.database, context.settings, context.offer)
    kept = context.settings.data / "runs" / "kept"
    collector = Collector(context.database, context.snapshots, context.rules)

    def fire() -> None:
        if due(context.database, context.offer):
            context.supervisor.wake()

    def retain() -> None:
        kept.mkdir(parents=True, exist_ok=True)
        now = context.offer.now()
        enforce(context.database, kept, context.rules, now)
        context.snapshots.blobs.sweep_temporary()
        snapshots, contents = collector.collect(now)
        if snapshots or contents:
            log.info("Removed %d unused snapshots and %d contents.", snapshots, contents)

    return [
        Loop("schedules", 1, fire),
        Loop("notices", 2, messenger.send_due),
        Loop("retention", 600, retain),
    ]
