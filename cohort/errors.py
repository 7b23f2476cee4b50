"""Errors that people see: one sentence that says what happened and what to do."""


class CohortError(Exception):
    """An expected failure; ``str(error)`` is the sentence shown, the log has the evidence."""


class SettingsError(CohortError):
    """``cohort.toml`` is not valid; the sentence names the key, the line and what was expected."""


class PeopleError(CohortError):
    """``people.csv`` is not valid; the sentence names line, column and what was expected."""


class EngineError(CohortError):
    """The container engine is absent, too old, unreachable or refused; says what to do."""


class GpuTakenError(CohortError):
    """Every GPU that was asked for is held; the sentence names who holds it."""


class Refusal(CohortError):
    """A request that a service refuses: a sentence for people, a code for programs, facts.

    ``status`` is the HTTP status it is answered with; ``details`` are facts such as the
    parameter's name, which stand beside code and message in the answer.
    """

    def __init__(self, message: str, *, code: str, status: int = 422, **details) -> None:
        super().__init__(message)
        self.code, self.status, self.details = code, status, details

    def body(self) -> dict:
        """The answer's JSON: the same shape for every refusal."""
        return {"error": {"code": self.code, "message": str(self), **self.details}}
