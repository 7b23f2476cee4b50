"""What the service does by the clock."""

from __future__ import annotations

from cohort.service.loops import Loop
from grading.service.context import Context


def make_loops(context: Context) -> list[Loop]:
    """The loops of the service, not begun."""
    return [Loop("leftovers", 600, context.contents.blobs.sweep_temporary)]
