"""What the command's exit codes mean.

Invariant: a script that only looks at the exit code knows how a run that it waited for ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.errors import ExperimentError
from experiments.states import State

OK, REFUSED, UNREACHABLE, DIVERGED, INTERRUPTED = 0, 2, 6, 7, 130
BROKEN_PIPE = 141  # as of a program that SIGPIPE ends: nobody reads any more
BY_STATE = {
    State.SUCCEEDED: OK,
    State.FAILED: 1,
    State.CANCELLED: 3,
    State.TIMED_OUT: 4,
    State.LOST: 5,
}
BY_ERROR = {
    "service_unreachable": UNREACHABLE,
    "address_invalid": UNREACHABLE,
    "answer_unexpected": UNREACHABLE,
    "interrupted": INTERRUPTED,
}

HELP = """\
exit codes:
  0  done, and what was waited for succeeded
  1  failed            2  refused: nothing was done
  3  cancelled         4  timed out
  5  lost              6  the service cannot be reached
  7  verify: DIVERGED  130  interrupted: what was submitted goes on
"""


def interrupted(what: str = "What was submitted before goes on.") -> ExperimentError:
    """Somebody pressed Ctrl-C; ``what`` goes on without them."""
    return ExperimentError(f"Interrupted. {what}", code="interrupted")


def of_error(error: ExperimentError) -> int:
    """The exit code for what could not be done."""
    return BY_ERROR.get(error.code, REFUSED)


def of_state(state: State) -> int:
    """The exit code for a run that has ended so."""
    return BY_STATE[state]


def of_counts(counts: Mapping[str, int]) -> int:
    """The exit code for a sweep: success if that is all there is, else the first other state."""
    return next((code for state, code in BY_STATE.items() if code and counts.get(state)), OK)
