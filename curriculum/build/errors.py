"""What can be wrong with a source of the curriculum."""

from __future__ import annotations

from cohort.errors import CohortError


class CurriculumError(CohortError):
    """A notebook, proof sheet or card that cannot be used; names the file and the place."""
