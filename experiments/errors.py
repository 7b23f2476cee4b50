"""What can be wrong with what somebody asks of experiments, in the API's own shape."""

from __future__ import annotations

from cohort.errors import CohortError


class ExperimentError(CohortError):
    """A refusal: a sentence for people, a code for programs, and what it is about.

    ``status`` is the HTTP status it is answered with; ``details`` are facts such as the
    parameter's name, which stand beside code and message in the answer.
    """

    def __init__(self, message: str, *, code: str, status: int = 422, **details) -> None:
        super().__init__(message)
        self.code, self.status, self.details = code, status, details

    def body(self) -> dict:
        """The answer's JSON: the same shape for every refusal."""
        return {"error": {"code": self.code, "message": str(self), **self.details}}
