"""Options that several subcommands share, and what their texts mean.

Invariant: a text is turned into a value here or refused; no message repeats it whole.
"""

from __future__ import annotations

import argparse
import math
import re

from experiments.states import State

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> int:
    """Seconds of ``90``, ``90s``, ``30m``, ``2h`` or ``1d``."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)", text.strip())
    if not match:
        raise argparse.ArgumentTypeError("expected a time such as 90s, 30m, 2h or 1d")
    return math.ceil(float(match[1]) * SECONDS[match[2]])


def number(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or not 0 < int(text) < 100_000:
        raise argparse.ArgumentTypeError("expected a whole number from 1 on")
    return int(text)


def percentage(text: str) -> tuple[str, str, float]:
    """Metric, "abs" or "rel", and amount of ``loss=0.01`` or ``loss=1%``."""
    name, equals, amount = text.rpartition("=")
    bare = amount.strip().removesuffix("%")
    try:
        number = float(bare)
    except ValueError:
        number = math.nan
    if not name or not equals or not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError("expected METRIC=AMOUNT, such as loss=0.01 or loss=1%")
    return (name, "rel", number / 100) if "%" in amount else (name, "abs", number)


def add_notebook(parser: argparse.ArgumentParser) -> None:
    """The notebook, its folder and its parameters."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", action="append", default=[],
        help="a parameter of the notebook; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--secret", dest="secrets", metavar="NAME", action="append", default=[],
        help="a secret parameter: from the environment variable of this name, or asked for",
    )  # fmt: skip
    parser.add_argument(
        "--folder", help="the folder that the run needs (default: the notebook's own)"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What else a run may be asked for."""
    group = parser.add_argument_group("the run")
    group.add_argument("--gpus", type=int, metavar="N")
    group.add_argument("--cpus", type=float, metavar="N")
    group.add_argument("--memory", metavar="SIZE", help="such as 8G")
    group.add_argument("--time-limit", type=seconds, metavar="TIME", help="such as 30m or 2h")
    group.add_argument("--cell-limit", type=seconds, metavar="TIME", help="of each cell")
    group.add_argument("--network", action="store_true", default=None, help="let it use one")
    group.add_argument("--image", help="another image of the lab")
    group.add_argument("--title", help="what people see (default: the notebook's name)")
    group.add_argument("--tag", dest="tags", metavar="TAG", action="append", help="may be repeated")
    group.add_argument("--owner", metavar="ACCOUNT", help="whose run: your login or team-NAME")
    group.add_argument("--email", metavar="ADDRESS", help="is written to when it has ended")
    group.add_argument("--webhook", metavar="ADDRESS", help="is called when it has ended")


def add_schedule_rules(parser: argparse.ArgumentParser, *, new: bool) -> None:
    """When a schedule's runs come: of a ``new`` one, or of one that is changed."""
    parser.add_argument(
        "--cron", required=new, metavar="FIELDS",
        help="minute, hour, day of month, month, day of week, in quotes",
    )  # fmt: skip
    parser.add_argument("--timezone", metavar="ZONE", help="such as Asia/Hong_Kong")
    parser.add_argument(
        "--missed", choices=("skip", "one", "all"),
        help="what to do about times at which the lab was down"
        + " (default: one run for all)" * new,
    )  # fmt: skip
    parser.add_argument(
        "--overlap", choices=("forbid", "queue", "replace"),
        help="what to do while the run before goes on" + " (default: forbid another)" * new,
    )  # fmt: skip


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """Whether to stay."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--wait", action="store_true", help="wait until it has ended")
    group.add_argument("--follow", action="store_true", help="show its output until it has ended")


def add_again(parser: argparse.ArgumentParser) -> None:
    """The secrets of a run that was, which the lab has forgotten."""
    parser.add_argument(
        "--secret", dest="secrets", metavar="NAME", action="append", default=[],
        help="a secret parameter, which has to be given again",
    )  # fmt: skip


def add_search(parser: argparse.ArgumentParser) -> None:
    """What runs are looked for by."""
    parser.add_argument("--state", choices=[state.value for state in State])
    parser.add_argument("--owner", metavar="ACCOUNT", help="whose: a login or team-NAME")
    parser.add_argument("--author", metavar="LOGIN", help="who submitted it")
    parser.add_argument("--notebook", metavar="PATH", help="in its folder")
    parser.add_argument("--tag")
    parser.add_argument("--sweep", metavar="ID")
    parser.add_argument("--schedule", metavar="ID")
    parser.add_argument("--text", metavar="WORDS", help="words of title, notebook, tags, people")
    parser.add_argument(
        "--limit", type=number, default=20, metavar="N", help="how many (default: 20)"
    )
