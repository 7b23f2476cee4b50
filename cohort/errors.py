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
