"""``python -m experiments.runner ORDER``: run the notebook that an order names.

Exit code: 0 succeeded, 1 failed, 2 cancelled, 3 timed out, 4 no notebook that can be run; any
other means that the runner itself failed, and said so in the container's log.

The kernel starts before most of the runner is imported: it needs a third of a second for itself.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from pathlib import Path

from cohort.workspace.deferred import defer
from experiments.runner.kernel import KernelProcess, find_kernel
from experiments.runner.limits import Limits
from experiments.runner.order import Order, read_order
from experiments.runner.outcome import Ending, RunEnded, ended
from experiments.states import Reason

# What papermill and jsonschema import and no run needs. Milliseconds of CPU saved, in brackets.
DEFERRED = (
    "requests",  # [40] notebooks at web addresses
    "isoduration",  # [28] a format of strings that notebooks have none of, as the next one
    "click",  # [18] papermill's command line
    "rfc3986_validator",  # [14]
)
# EX_SOFTWARE of sysexits.h; Python's own 1 would be a notebook that failed.
RUNNER_FAILED = 70


def main(path: Path, limits: Limits) -> int:
    """Run the order at ``path``; the exit code."""
    started = time.time()
    order = read_order(path, os.environ)
    limits.set(order.time_limit_s, order.cell_limit_s)
    kernel = start_kernel(order)
    defer(*DEFERRED)
    from experiments.runner.run import Run  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    run = Run(order, limits, started)
    ending = kernel if isinstance(kernel, Ending) else run.execute(kernel)
    return run.finish(ending).exit_code


def start_kernel(order: Order) -> KernelProcess | Ending:
    """The kernel, or how the run ends because there can be none."""
    try:
        if not order.notebook.is_file():
            raise ended(Reason.BAD_NOTEBOOK, message=f"There is no notebook {order.notebook.name}.")
        return KernelProcess(find_kernel(order.kernel), order.notebook.parent)
    except RunEnded as end:
        return end.ending


if __name__ == "__main__":
    its_limits = Limits()
    its_limits.catch_sigterm()
    # Modules are no garbage: the collector would look at them again and again. [45]
    gc.disable()
    try:
        code = main(Path(sys.argv[1]), its_limits)
    except Exception:
        traceback.print_exc()
        code = RUNNER_FAILED
    sys.exit(code)
