"""How a run ended, told from what happened: exceptions, signals, the clock, exit codes.

Invariant: nothing here looks into the notebook's file; its metadata says what its author likes.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

from experiments.states import WORDS, Reason, State

EXIT_CODES = {State.SUCCEEDED: 0, State.FAILED: 1, State.CANCELLED: 2, State.TIMED_OUT: 3}
BAD_NOTEBOOK = 4
OUTCOMES = {
    Reason.CANCELLED: State.CANCELLED,
    Reason.TIME_LIMIT: State.TIMED_OUT,
    Reason.CELL_LIMIT: State.TIMED_OUT,
}
# torch.OutOfMemoryError (torch.cuda.OutOfMemoryError before 2.5), CuPy's, TensorFlow's, JAX's.
GPU_ERRORS = {"OutOfMemoryError", "ResourceExhaustedError"}
GPU_WORDS = ("CUDA out of memory", "CUDA error: out of memory", "HIP out of memory",
             "RESOURCE_EXHAUSTED: Out of memory")  # fmt: skip
# NumPy's is a MemoryError of another name.
HOST_ERRORS = {"MemoryError", "_ArrayMemoryError"}
# No space left, a file too large, a quota reached; and as Python begins the error's text.
DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
DISK_WORDS = tuple(f"[Errno {number}]" for number in DISK_ERRORS)
LONGEST = 2000
LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class Ending:
    """The outcome of a run; ``cell`` is an index in the executed notebook."""

    outcome: State
    reason: Reason | None = None
    message: str | None = None
    cell: int | None = None
    ename: str | None = None
    evalue: str | None = None

    def cleaned(self, clean: Callable[[str], str]) -> Ending:
        """This ending in words that may be written: clean first, short only then.

        A text that is cut first could end in half a secret.
        """
        return replace(
            self,
            message=self.message and clean(self.message).partition("\n")[0][:LONGEST_MESSAGE],
            ename=self.ename and clean(self.ename)[:LONGEST],
            evalue=self.evalue and clean(self.evalue)[:LONGEST],
        )

    @property
    def exit_code(self) -> int:
        """What the runner exits with."""
        if self.reason is Reason.BAD_NOTEBOOK:
            return BAD_NOTEBOOK
        return EXIT_CODES[self.outcome]


SUCCESS = Ending(State.SUCCEEDED)


class RunEnded(Exception):
    """A run that ends before its last cell, or cannot begin."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


def ended(reason: Reason, cell: int | None = None, message: str | None = None) -> RunEnded:
    """The end for a reason, in the words for it if there are no better ones."""
    outcome = OUTCOMES.get(reason, State.FAILED)
    return RunEnded(Ending(outcome, reason, message or WORDS[reason], cell))


def of_error(reply: dict, cell: int, prompt: object, oom_kills: int) -> Ending:
    """A cell that raised; ``oom_kills`` processes were ended for memory while it ran.

    SystemExit with no status or 0 is a notebook that chose to stop here, as papermill has it.
    """
    ename, evalue = str(reply.get("ename", "")), str(reply.get("evalue", ""))
    if ename == "SystemExit" and evalue in ("", "0", "None"):
        return SUCCESS
    reason = reason_of_error(ename, evalue, oom_kills)
    message = WORDS[reason]
    if reason is Reason.USER_ERROR:
        message = f"In [{prompt}] raised {ename}{': ' if evalue else ''}{evalue.strip()}"
    return Ending(State.FAILED, reason, message, cell, ename, evalue)


def reason_of_error(ename: str, evalue: str, oom_kills: int) -> Reason:
    """What an exception in a cell is a sign of."""
    if ename in GPU_ERRORS or any(words in evalue for words in GPU_WORDS):
        return Reason.GPU_MEMORY
    if ename in HOST_ERRORS or oom_kills:
        return Reason.HOST_MEMORY
    if evalue.startswith(DISK_WORDS):
        return Reason.DISK_LIMIT
    return Reason.USER_ERROR


def of_death(exit_code: int | None, cell: int | None, oom_kills: int) -> Ending:
    """A kernel whose process ended by itself, or that does not answer: ``exit_code`` is None."""
    if oom_kills:
        return ended(Reason.HOST_MEMORY, cell).ending
    how = "it never answered" if exit_code is None else f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        how = signal.strsignal(-exit_code) or f"signal {-exit_code}"
    words = WORDS[Reason.KERNEL_DIED].rstrip(".")
    return ended(Reason.KERNEL_DIED, cell, f"{words} ({how}).").ending


def is_disk_full(error: OSError) -> bool:
    """True for an error that says that nothing more can be written."""
    return error.errno in DISK_ERRORS
