"""Runs code in the kernel, one request after another, until it ends or must stop.

Invariant: a request has ended when the kernel has said both that it is answered and that all of
its output is out; or when the kernel is dead and everything it sent has been read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from experiments.runner.channels import LOSSLESS, Channels
from experiments.runner.kernel import KernelProcess
from experiments.runner.kernel_log import KernelLog
from experiments.runner.limits import Limits
from experiments.runner.memory import oom_kills
from experiments.runner.outcome import RunEnded, ended, of_death
from experiments.runner.outputs import Outputs
from experiments.states import Reason

# Between two looks at clocks, signals and the kernel's process, at most.
TICK_S = 0.1
# What a cell has to clean up after an interrupt; `docker stop` waits 10 s in all.
GRACE_S = 5.0
# A dead kernel's last messages may still be on their way.
LAST_WORDS_S = 0.3
START_S = 120.0
# nbclient gives a kernel as long for its exit handlers.
SHUTDOWN_S = 5.0


class Requests:
    """The requests of one run to its kernel."""

    def __init__(
        self, kernel: KernelProcess, channels: Channels, limits: Limits, log: KernelLog
    ) -> None:
        self._kernel, self._channels, self._limits, self._log = kernel, channels, limits, log
        self._oom_kills = oom_kills()
        self._listening = False
        self._replies: dict[str, dict] = {}
        self._idle: set[str] = set()
        # Set while a cell is made to stop: why, and when its time for that is over.
        self._stopping: Reason | None = None
        self._kill_at = 0.0

    @property
    def oom_kills(self) -> int:
        """Processes that the memory limit has ended since the last request began."""
        return oom_kills() - self._oom_kills

    def check(self, cell: int | None) -> None:
        """Raise RunEnded if the run must stop, behind this cell."""
        if (reason := self._limits.due()) is not None:
            raise ended(reason, cell)

    def wait_ready(self, outputs: Outputs) -> dict:
        """Wait until the kernel listens and is heard; what it says of itself."""
        give_up = time.monotonic() + START_S
        info = asked = None
        while info is None or not self._listening:
            if asked is None or asked in self._idle or asked in self._replies:
                asked = self._channels.request("kernel_info_request")
            self._pump(outputs, TICK_S)
            info = self._replies.get(asked, info)
            self.check(None)
            if self._kernel.exit_code is not None or time.monotonic() > give_up:
                raise RunEnded(of_death(self._kernel.exit_code, None, self.oom_kills))
        if self._kernel.spec.is_ipython:
            # Its answer comes before the first cell's; nobody needs to wait for it.
            self._channels.execute(LOSSLESS, silent=True)
        return info

    def run(
        self, code: str, outputs: Outputs, cell: int, tick: Callable, *, silent: bool = False
    ) -> dict:
        """Run code of a cell; the kernel's reply. Raises RunEnded if it must stop or dies.

        ``tick`` is called every `TICK_S` seconds, or more often.
        """
        self._oom_kills = oom_kills()
        self._limits.cell_begins()
        request = self._channels.execute(code, silent=silent)
        if not silent:
            outputs.expect(request, cell)
        while not self._ended(request):
            self._pump(outputs, TICK_S)
            tick()
            self._stop_if_due()
            if self._kernel.exit_code is not None:
                self._last_words(outputs, LAST_WORDS_S)
                if not self._ended(request):
                    raise self._death(cell)
        if self._stopping:
            raise ended(self._stopping, cell)
        self._limits.cell_ended()
        self._idle.clear()
        return self._replies.pop(request)

    def shut_down(self, outputs: Outputs) -> None:
        """Let the kernel end by itself, and take what it still has to say."""
        self._channels.request("shutdown_request", {"restart": False}, control=True)
        end = time.monotonic() + SHUTDOWN_S
        while self._kernel.exit_code is None and time.monotonic() < end and not self._limits.due():
            self._pump(outputs, 0.02)
        self._last_words(outputs, 0.02)

    def _ended(self, request: str) -> bool:
        return request in self._replies and request in self._idle

    def _death(self, cell: int) -> RunEnded:
        """The kernel is dead: because the run must stop, or by itself."""
        if self._stopping:
            return ended(self._stopping, cell)
        return RunEnded(of_death(self._kernel.exit_code, cell, self.oom_kills))

    def _stop_if_due(self) -> None:
        """Interrupt the cell if the run must stop; kill the kernel if that does not help."""
        if self._stopping is None:
            self._stopping = self._limits.due()
            if self._stopping and self._kernel.spec.interrupts_by_message:
                self._channels.request("interrupt_request", control=True)
            elif self._stopping:
                self._kernel.interrupt()
            self._kill_at = time.monotonic() + GRACE_S
        elif time.monotonic() >= self._kill_at:
            self._kernel.kill()

    def _last_words(self, outputs: Outputs, quiet_s: float) -> None:
        """Take what a dead kernel has sent, until nothing has come for ``quiet_s`` seconds."""
        while self._pump(outputs, quiet_s):
            pass

    def _pump(self, outputs: Outputs, wait_s: float) -> bool:
        """Take what has come, after ``wait_s`` seconds at most; False if that is nothing."""
        came = False
        for message in self._channels.receive(wait_s):
            came = True
            if isinstance(message, bytes):
                self._log.take(message)
            elif message.shell:
                self._replies[message.parent] = message.content
            else:
                self._listening = True
                if message.kind == "status" and message.content.get("execution_state") == "idle":
                    self._idle.add(message.parent)
                outputs.take(message)
        outputs.tick()
        return came
