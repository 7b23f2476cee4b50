"""``follow``, ``logs`` and ``download``: what a run says and leaves.

Invariant: nothing here changes anything in the lab.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from experiments.client import Client
from experiments.command import exits, watch
from experiments.command.ids import kind_of
from experiments.command.terminal import Terminal, clean, text
from experiments.command.words import count


def logs(terminal: Terminal, args: Namespace) -> int:
    """What the container has said, as it is but for what a terminal would act on."""
    kind_of(args.run, "run")
    said = Client().run(args.run).log()
    terminal.give(lambda: {"log": said})
    if not terminal.json:
        print(clean(said), end="" if said.endswith("\n") else "\n")
    return exits.OK


def follow(terminal: Terminal, args: Namespace) -> int:
    """Watch until it has ended."""
    client = Client()
    if kind_of(args.id, "run", "sweep") == "run":
        return watch.follow(terminal, client.run(args.id))
    sweep = client.get_sweep(args.id)
    terminal.give(lambda: {"event": "end", "data": sweep.data})
    return watch.wait_for_sweep(terminal, sweep)


def download(terminal: Terminal, args: Namespace) -> int:
    """Copy files of a run, and say where they are."""
    kind_of(args.run, "run")
    run = Client().run(args.run)
    folder = Path(args.to or run.id)
    columns = (TextColumn("copying"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal.err, transient=True,
                  disable=not terminal.err.is_terminal) as bar:  # fmt: skip
        task = bar.add_task("", total=None)

        def on_bytes(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        paths = run.download(folder, tuple(args.names), on_bytes)
    terminal.give(lambda: {"files": [str(path) for path in paths]})
    terminal.say(text(f"{count(len(paths), 'file')} in {folder}"))
    return exits.OK
