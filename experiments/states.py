"""The states of a run and the reasons for its end.

Invariant: a run moves forward only, along `NEXT`; what has ended never changes again. A reason
comes from what happened (exit codes, the engine, the clock), never from the notebook's file.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a run is."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    LOST = "lost"


class Reason(StrEnum):
    """Why a run ended other than well; `WORDS` has the sentence."""

    USER_ERROR = "user error"
    GPU_MEMORY = "GPU out of memory"
    HOST_MEMORY = "host out of memory"
    KERNEL_DIED = "kernel died"
    CELL_LIMIT = "cell time limit"
    TIME_LIMIT = "time limit"
    DISK_LIMIT = "disk limit"
    BAD_NOTEBOOK = "bad notebook"
    IMAGE_MISSING = "image missing"
    CANCELLED = "cancelled"
    RUNNER_DIED = "runner died"
    ENGINE_GONE = "engine gone"


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT, State.LOST})
TELLING = frozenset({State.SUCCEEDED, State.FAILED})  # what says something of the notebook
ACTIVE = frozenset({State.STARTING, State.RUNNING})

# Back to waiting is a retry: the attempt failed for a reason that is not the notebook's.
NEXT: dict[State, frozenset[State]] = {
    State.WAITING: frozenset({State.STARTING, State.CANCELLED, State.FAILED}),
    State.STARTING: frozenset({State.RUNNING, State.WAITING}) | ENDED,
    State.RUNNING: frozenset({State.WAITING}) | ENDED,
} | dict.fromkeys(ENDED, frozenset())

WORDS: dict[Reason, str] = {
    Reason.USER_ERROR: "A cell of the notebook raised an error.",
    Reason.GPU_MEMORY: "The GPU's memory was not enough: use a smaller batch or model.",
    Reason.HOST_MEMORY: "The run needed more memory than its limit: ask for more memory.",
    Reason.KERNEL_DIED: "The notebook's kernel ended by itself in the middle of a cell.",
    Reason.CELL_LIMIT: "A cell took longer than the time limit of a cell.",
    Reason.TIME_LIMIT: "The run took longer than its time limit.",
    Reason.DISK_LIMIT: "The run wrote more to disk than a run may.",
    Reason.BAD_NOTEBOOK: "The notebook cannot be run as it is.",
    Reason.IMAGE_MISSING: "The run's image is not on this machine: ask the operator.",
    Reason.CANCELLED: "The run was cancelled.",
    Reason.RUNNER_DIED: "The run's own process ended without saying why.",
    Reason.ENGINE_GONE: "The run's container is gone: the machine or its engine was restarted.",
}

# What may be tried again by itself, and how long to wait first, in seconds, per attempt.
RETRY: dict[Reason, tuple[int, ...]] = {
    Reason.ENGINE_GONE: (5, 30, 120),
    Reason.RUNNER_DIED: (5, 30),
}

# Where a run ends that is not tried again; every other reason ends in `State.FAILED`.
FINAL: dict[Reason, State] = {
    Reason.TIME_LIMIT: State.TIMED_OUT,
    Reason.CELL_LIMIT: State.TIMED_OUT,
    Reason.CANCELLED: State.CANCELLED,
    Reason.ENGINE_GONE: State.LOST,
}
