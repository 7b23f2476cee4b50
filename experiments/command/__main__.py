"""The command ``experiments``: runs a subcommand, and turns how it went into an exit code.

Invariant: every end of it is one sentence on standard error, an exit code of `exits` and, with
``--json``, one JSON document on standard output; modules that take long to import wait until the
subcommand that needs them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from experiments.command import exits
from experiments.command.parser import parse
from experiments.errors import ExperimentError

COMMANDS = {
    "submit": "submit:submit", "sweep": "submit:sweep", "schedule": "submit:schedule",
    "follow": "take:follow", "logs": "take:logs", "download": "take:download",
    "list": "show:list_", "show": "show:show",
    "sweeps": "show:sweeps", "schedules": "show:schedules",
    "cancel": "change:cancel", "retry": "change:retry",
    "publish": "change:publish", "withdraw": "change:withdraw",
    "pause": "change:pause", "resume": "change:resume",
    "reschedule": "change:reschedule", "unschedule": "change:unschedule",
    "compare": "judge:compare", "verify": "judge:verify",
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    # A title in another script is no reason to fail on a terminal that cannot show it.
    sys.stdout.reconfigure(errors="replace")
    sys.stderr.reconfigure(errors="replace")
    try:
        return _run(argv)
    except BrokenPipeError:
        # What is still in the buffer would be flushed at the end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE


def _run(argv: Sequence[str]) -> int:
    try:
        args = parse(argv)
    except ExperimentError as error:
        if "--json" in argv:
            print(json.dumps(error.body()))
        return _tell(error)
    # Not at the top: this is rich, and what follows httpx, which help does not need.
    from experiments.command.terminal import Terminal  # noqa: PLC0415

    terminal = Terminal(as_json=args.json)
    module, _, function = COMMANDS[args.command].partition(":")
    try:
        act = getattr(import_module(f"experiments.command.{module}"), function)
        code = act(terminal, args)
    except (ExperimentError, KeyboardInterrupt) as ended:
        error = exits.interrupted() if isinstance(ended, KeyboardInterrupt) else ended
        terminal.finish(error.body())
        return _tell(error)
    terminal.finish()
    return code


def _tell(error: ExperimentError) -> int:
    print(f"experiments: {error}", file=sys.stderr)
    return exits.of_error(error)


if __name__ == "__main__":
    sys.exit(main())
