"""What can be wrong with what somebody asks of grading."""

from __future__ import annotations

from cohort.errors import Refusal


class GradingError(Refusal):
    """A refusal by grading, in the shape that all of the lab's services have."""
