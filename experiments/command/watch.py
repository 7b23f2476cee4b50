"""Stays with a run or a sweep until it has ended, and shows how far it is.

Invariant: who stops watching stops nothing else, and is told so.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from experiments.client import Run, Sweep
from experiments.command import exits
from experiments.command.summary import ending, standing, sweep_ending
from experiments.command.terminal import Terminal, address, clean
from experiments.command.transcript import Transcript
from experiments.command.words import place


def stay(terminal: Terminal, run: Run, args: Namespace) -> int:
    """Follow a new run or wait for it, if that is asked for; the exit code."""
    if args.follow:
        if terminal.json:
            terminal.line({"event": "submitted", "data": terminal.document()})
        return follow(terminal, run)
    if args.wait:
        return wait_for(terminal, run)
    terminal.say(address(place(run.data["url"])))
    return exits.OK


def wait_for(terminal: Terminal, run: Run) -> int:
    """Wait until a run has ended; the exit code."""
    with _bar(terminal.err) as bar, _told(run.id):
        task = bar.add_task(run.state, total=None)
        shown = ""

        def look(run: Run) -> None:
            nonlocal shown
            said = standing(run)
            bar.update(task, description=said.plain, completed=run.data["cells_done"],
                       total=run.data["cells_total"])  # fmt: skip
            if bar.disable and said.plain != shown and not run.ended:
                terminal.note(said)
            shown = said.plain

        run.wait(on_look=look)
    terminal.say(*ending(run))
    return exits.of_state(run.state)


def follow(terminal: Terminal, run: Run) -> int:
    """Show a run's output until it has ended; the exit code."""
    transcript = Transcript()
    with _bar(terminal.out, disable=terminal.json) as bar, _told(run.id):
        task = bar.add_task(run.state, total=None)
        for event in run.follow():
            if terminal.json:
                terminal.line({"event": event.name, "data": event.data})
                continue
            for line in transcript.lines(event):
                bar.console.print(line, soft_wrap=True)
            bar.update(task, description=transcript.state, completed=transcript.done,
                       total=transcript.total)  # fmt: skip
    terminal.give(lambda: {"event": "end", "data": run.data})
    terminal.say(*ending(run))
    return exits.of_state(run.state)


def wait_for_sweep(terminal: Terminal, sweep: Sweep) -> int:
    """Wait until all members of a sweep have ended; the exit code."""
    with _bar(terminal.err) as bar, _told(sweep.id):
        task = bar.add_task("", total=sweep.members)
        shown = -1

        def look(sweep: Sweep) -> None:
            nonlocal shown
            said = f"{sweep.done} of {sweep.members} runs have ended"
            bar.update(task, description=said, completed=sweep.done, total=sweep.members)
            if bar.disable and sweep.done != shown and sweep.done < sweep.members:
                terminal.note(said)
            shown = sweep.done

        sweep.wait(on_look=look)
    terminal.say(*sweep_ending(sweep))
    return exits.of_counts(sweep.counts)


def _bar(console: Console, *, disable: bool = False) -> Progress:
    """A bar that goes away when it is done; on no terminal there is none."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=min(40, console.width // 4)),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=disable or not console.is_terminal,
    )


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise exits.interrupted(
            f"{clean(name)} goes on. To watch it again: experiments follow {clean(name)}; "
            f"to stop it: experiments cancel {clean(name)}"
        ) from None
