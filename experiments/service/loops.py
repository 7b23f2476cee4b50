"""What the service does by the clock: schedules, notices, retention."""

from __future__ import annotations

import logging

from cohort.service.loops import Loop
from experiments.notices import Messenger
from experiments.retention import enforce
from experiments.schedules import due
from experiments.service.context import Context
from experiments.unused import Collector

log = logging.getLogger(__name__)


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
