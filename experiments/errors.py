"""What can be wrong with what somebody asks of experiments."""

from __future__ import annotations

from cohort.errors import Refusal


class ExperimentError(Refusal):
    """A refusal by experiments, in the shape that all of the lab's services have."""
