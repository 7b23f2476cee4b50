"""Where the command writes: answers on standard output, everything else on standard error.

Invariant: with ``--json`` standard output holds one JSON document, or for what is followed one
a line, whatever happens; without a terminal there is no colour and nothing is cut to a width.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from experiments.states import State

# What no terminal shall act on: escape sequences, then all other controls but tab and newline.
ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)|\x1b[ -/]*[0-~]?", re.DOTALL
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WIDE = 10_000
STYLES = {
    State.WAITING: "yellow",
    State.STARTING: "cyan",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "dim",
    State.TIMED_OUT: "magenta",
    State.LOST: "red",
}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main`."""
        raise BrokenPipeError


def console(file: TextIO) -> Console:
    """A console that takes text as it is: no markup, no emoji names, no guessed colours."""
    width = None if file.isatty() else WIDE
    return _Console(file=file, markup=False, emoji=False, highlight=False, width=width)


class Terminal:
    """What one invocation of the command writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.json = as_json
        self.out, self.err = console(sys.stdout), console(sys.stderr)
        self.document: Callable[[], dict] = dict

    def say(self, *lines: RenderableType) -> None:
        """Show people an answer."""
        if self.json:
            return
        with nullcontext() if self.out.is_terminal else self.out.capture() as drawn:
            for line in lines:
                whole = isinstance(line, Text) and line.overflow == "ignore"
                self.out.print(line, soft_wrap=whole)
        if drawn and (said := drawn.get()):
            rows = said.removesuffix("\n").split("\n")
            print("\n".join(row.rstrip() for row in rows))  # tables fill their last column up

    def note(self, line: RenderableType) -> None:
        """Show people what is not the answer: progress, what was left out."""
        self.err.print(line)

    def give(self, document: Callable[[], dict]) -> None:
        """Have this printed, as it is at the end, as the JSON document."""
        self.document = document

    def line(self, document: dict) -> None:
        """Print a document on a line of its own, now."""
        print(json.dumps(document), flush=True)

    def finish(self, error: dict | None = None) -> None:
        """Print the JSON document, with the error that ended the command if one did."""
        if self.json:
            self.line(self.document() | (error or {}))


def clean(value: object) -> str:
    """Text from elsewhere as a terminal may show it."""
    return CONTROLS.sub("", ESCAPES.sub("", str(value)))


def text(value: object, style: str = "") -> Text:
    """One line, or more, of text from elsewhere."""
    return Text(clean(value), style)


def address(url: str) -> Text:
    """A page's address, which is never broken: it would be no link any more."""
    return Text(clean(url), "dim", no_wrap=True, overflow="ignore")


def state_text(state: str, more: str = "") -> Text:
    """A state in its colour."""
    return Text(f"{state}{more}", STYLES[State(state)])


def title(value: object) -> Text:
    """A text on one line, of which a narrow table shows the beginning."""
    return Text(clean(value), no_wrap=True, overflow="ellipsis")


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table without lines; ``numbers`` are columns aligned to the right.

    Where there is little room, it is taken from the column "title".
    """
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        right = "right" if name in numbers else "left"
        made.add_column(name, justify=right, no_wrap=name != "title", overflow="ellipsis")
    return made


def facts() -> Table:
    """A table of names and what they are, which may have several lines."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    return made
