"""How a run ended: from what the engine saw, and from what the runner says as far as it may.

Invariant: what the engine saw decides. A container that was killed, or in which the kernel
killed a process for memory, is no success whatever it left behind; what the runner wrote counts
only where it agrees with its own exit code, and never as a reason to try again.
"""

from __future__ import annotations

from dataclasses import dataclass

from cohort.engine import JobState
from experiments.report.result import RunnerResult
from experiments.states import FINAL, WORDS, Reason, State

# What the runner's exit code stands for; 4 is a notebook that could not be run at all.
CODES = {0: "succeeded", 1: "failed", 2: "cancelled", 3: "timed out", 4: "failed"}
# 143 and 2: SIGTERM from somebody who is not us. 255: what an engine that went down without a
# word says of the containers that it finds dead when it is back.
FROM_OUTSIDE = {2, 143, 255}
# What a runner may say of itself; any other reason is for those to find who look from outside.
FAILURES = {
    Reason.USER_ERROR, Reason.GPU_MEMORY, Reason.HOST_MEMORY, Reason.KERNEL_DIED,
    Reason.DISK_LIMIT, Reason.BAD_NOTEBOOK,
}  # fmt: skip
TIMES = {Reason.TIME_LIMIT, Reason.CELL_LIMIT}


@dataclass(frozen=True)
class Ending:
    """The state that a run comes to, and why in a word and in a sentence."""

    state: State
    reason: Reason | None = None
    message: str | None = None


def ending(reason: Reason, message: str | None = None) -> Ending:
    """The ending that a reason stands for, in its usual words unless there are better ones."""
    return Ending(FINAL.get(reason, State.FAILED), reason, message or WORDS[reason])


def decide(
    job: JobState | None, result: RunnerResult | None, *, stopped: Reason | None = None
) -> Ending:
    """How a run ended whose container has ended, or is gone (``job`` is None).

    ``stopped``: why we killed it, if we did. An ending whose reason is in `states.RETRY` may be
    followed by another attempt. Whether somebody asked for the run to be cancelled is in its
    row, and `changes.after_failure` gives that precedence.
    """
    if stopped is not None:
        return ending(stopped)
    if job is None:
        # Nobody knows its exit code any more: what the runner wrote last is all there is.
        return _said(result) if result else ending(Reason.ENGINE_GONE)
    return _contradicted(job, result) or _said(result)


def _contradicted(job: JobState, result: RunnerResult | None) -> Ending | None:
    """The ending that the engine saw, where that is another than the runner's own."""
    if job.out_of_memory:
        return ending(Reason.HOST_MEMORY)
    if job.exit_code in FROM_OUTSIDE:
        return ending(Reason.ENGINE_GONE)
    if job.exit_code == 4 and result is None:
        return ending(Reason.BAD_NOTEBOOK)
    if result is None or CODES.get(job.exit_code) != result.outcome:
        return ending(Reason.RUNNER_DIED)
    return None


def _said(result: RunnerResult) -> Ending:
    """The ending that a runner speaks of, no further than it may."""
    match result.outcome:
        case "succeeded":
            return Ending(State.SUCCEEDED)
        case "cancelled":  # by somebody who is not us
            return ending(Reason.ENGINE_GONE)
        case "timed out":
            reason = result.reason if result.reason in TIMES else Reason.TIME_LIMIT
        case _:
            reason = result.reason if result.reason in FAILURES else Reason.USER_ERROR
    return ending(reason, result.message)
