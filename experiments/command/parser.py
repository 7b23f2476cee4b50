"""The command line: its subcommands, their options and their help.

Invariant: of an argument that is in no place of its own nothing but an option's name is
repeated: what stands there may be a secret.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from experiments.command import exits
from experiments.command.options import (
    add_again,
    add_notebook,
    add_run_options,
    add_schedule_rules,
    add_search,
    add_waiting,
    percentage,
)
from experiments.errors import ExperimentError

EPILOG = f"""\
experiments COMMAND --help says more, with an example.

{exits.HELP}
The service is found by $COHORT_EXPERIMENTS_URL and $JUPYTERHUB_API_TOKEN, which every workspace
of the lab has."""


class Parser(argparse.ArgumentParser):
    """Refuses with one sentence, as everything else here does."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings, formatter_class=_Help, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise ExperimentError(f"{self.prog}: {message}. See {self.prog} --help.", code="usage")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help in two columns, the first wide enough for the names of all commands."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; ``command`` is the subcommand's name. Raises `ExperimentError`."""
    parser = Parser(
        prog="experiments",
        description="Run notebooks as queued, scheduled, swept, reproducible experiments.",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for add in (_add_asking, _add_looking, _add_changing, _add_judging):
        add(commands)
    args, rest = parser.parse_known_args(argv)
    if not args.command:
        parser.error("name a command, such as list or submit")
    if rest:
        options = [text.partition("=")[0] for text in rest if text.startswith("-")]
        chosen = commands.choices[args.command]
        chosen.error(f"there is no option {options[0]}" if options else "too many arguments")
    return args


def _command(commands, name: str, says: str, example: str) -> argparse.ArgumentParser:
    prog = f"experiments {name}"
    epilog = f"example:\n  {prog} {example}"
    parser = commands.add_parser(name, help=says, description=f"{says}.", epilog=epilog)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    return parser


def _add_asking(commands) -> None:
    submit = _command(
        commands, "submit", "Run a notebook with other parameters",
        "train.ipynb -p lr=0.01 --gpus 1 --wait",
    )  # fmt: skip
    add_notebook(submit)
    submit.add_argument(
        "--again", action="store_true", help="run it even if the same has succeeded before"
    )
    add_waiting(submit)
    add_run_options(submit)

    sweep = _command(
        commands, "sweep", "Run a notebook over many parameters",
        "train.ipynb -g lr=0.1,0.01 -g seed=1:5 --max-running 4",
    )  # fmt: skip
    add_notebook(sweep)
    sweep.add_argument(
        "-g", dest="axes", metavar="NAME=AXIS", action="append", default=[],
        help='an axis: values "0.1,0.01", a range "1:5" or "0:1:0.25", and with --random also '
        '"log(1e-4,1e-1)"; may be repeated',
    )  # fmt: skip
    how = sweep.add_mutually_exclusive_group()
    how.add_argument("--random", type=int, metavar="N", help="N draws instead of the whole grid")
    how.add_argument("--list", metavar="FILE", help="members from a .json list or a .csv table")
    sweep.add_argument("--seed", type=int, metavar="S", help="of --random (default: 0)")
    sweep.add_argument("--max-running", type=int, metavar="N", help="how many run at once")
    sweep.add_argument("--wait", action="store_true", help="wait until all have ended")
    add_run_options(sweep)

    schedule = _command(
        commands, "schedule", "Run a notebook by the clock",
        'report.ipynb --cron "0 2 * * *" --timezone Asia/Hong_Kong',
    )  # fmt: skip
    add_notebook(schedule)
    add_schedule_rules(schedule, new=True)
    add_run_options(schedule)


def _add_looking(commands) -> None:
    listing = _command(commands, "list", "List runs, the latest first", "--state failed --limit 20")
    add_search(listing)

    show = _command(commands, "show", "Show a run, a sweep or a schedule", "run-k3m9x2pqh7wa")
    show.add_argument("id", metavar="ID", help="of a run, a sweep or a schedule")

    logs = _command(commands, "logs", "Print what a run's container has said", "run-k3m9x2pqh7wa")
    logs.add_argument("run", metavar="RUN")

    follow = _command(
        commands, "follow", "Watch a run, or a sweep, until it has ended", "run-k3m9x2pqh7wa"
    )
    follow.add_argument("id", metavar="ID", help="of a run or a sweep")

    download = _command(
        commands, "download", "Copy what is kept of a run", "run-k3m9x2pqh7wa outputs report.pdf"
    )
    download.add_argument("run", metavar="RUN")
    download.add_argument(
        "names", metavar="NAME", nargs="*",
        help="files or folders of it, report.pdf or crate.zip (default: all files)",
    )  # fmt: skip
    download.add_argument("--to", metavar="FOLDER", help="where to (default: the run's id)")

    for name in ("sweeps", "schedules"):
        several = _command(commands, name, f"List {name}", "--owner team-apollo")
        several.add_argument("--owner", metavar="ACCOUNT", help="whose: a login or team-NAME")


def _add_changing(commands) -> None:
    cancel = _command(commands, "cancel", "Stop runs or whole sweeps", "run-k3m9x2pqh7wa")
    cancel.add_argument("ids", metavar="ID", nargs="+", help="of a run or a sweep")

    retry = _command(
        commands, "retry", "Run the same again, or what is missing of a sweep",
        "run-k3m9x2pqh7wa --wait",
    )  # fmt: skip
    retry.add_argument("id", metavar="ID", help="of a run or a sweep")
    add_again(retry)
    add_waiting(retry)

    for kind, name, says in (
        ("run", "publish", "Show reports to the whole lab, on the showcase"),
        ("run", "withdraw", "Take reports back from the showcase"),
        ("schedule", "pause", "Let schedules rest"),
        ("schedule", "resume", "Let schedules go on"),
        ("schedule", "unschedule", "Take schedules away; their runs stay"),
    ):
        change = _command(commands, name, says, f"{kind}-k3m9x2pqh7wa")
        change.add_argument("ids", metavar=kind.upper(), nargs="+")

    change = _command(
        commands, "reschedule", "Change a schedule's times, rules or title",
        'schedule-k3m9x2pqh7wa --cron "30 6 * * 1-5"',
    )  # fmt: skip
    change.add_argument("id", metavar="SCHEDULE")
    change.add_argument("--title", help="what people see")
    add_schedule_rules(change, new=False)


def _add_judging(commands) -> None:
    compare = _command(
        commands, "compare", "Compare parameters and metrics of runs",
        "run-k3m9x2pqh7wa run-hxw5p9c2m3qe",
    )  # fmt: skip
    compare.add_argument("runs", metavar="RUN", nargs="*")
    compare.add_argument("--sweep", metavar="SWEEP", help="the runs of a sweep")
    compare.add_argument("--cells", action="store_true", help="two runs, cell by cell")

    verify = _command(
        commands, "verify", "Run it again and say whether it gives the same",
        "run-k3m9x2pqh7wa --tolerance loss=1%",
    )  # fmt: skip
    verify.add_argument("run", metavar="RUN")
    verify.add_argument(
        "--tolerance", metavar="METRIC=AMOUNT", type=percentage, action="append", default=[],
        help="how far a metric may be off: 0.01, or 1%% of it (default: what the notebook "
        "declares); may be repeated",
    )  # fmt: skip
    verify.add_argument("--no-wait", action="store_true", help="do not wait for the verdict")
    add_again(verify)
