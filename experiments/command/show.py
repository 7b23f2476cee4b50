"""``list``, ``show``, ``sweeps`` and ``schedules``.

Invariant: nothing here changes anything in the lab.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.text import Text

from experiments.client import Client, Run, Schedule, Sweep
from experiments.command import exits
from experiments.command.ids import kind_of
from experiments.command.summary import counts, metrics, standing
from experiments.command.terminal import (
    Terminal,
    address,
    facts,
    state_text,
    table,
    text,
    title,
)
from experiments.command.words import cells, clock, count, distance, in_zone, moment, place, took
from experiments.errors import ExperimentError
from experiments.report.words import duration, literal
from experiments.states import State

GIB = 1024**3
FILTERS = ("state", "owner", "author", "notebook", "tag", "sweep", "schedule", "text")
NARROW, WIDE = 70, 100  # columns of a terminal


def list_(terminal: Terminal, args: Namespace) -> int:
    """A line for each run."""
    found = {name: getattr(args, name) for name in FILTERS}
    given = {name: value for name, value in found.items() if value is not None}
    runs = Client().runs(limit=args.limit, **given)
    terminal.give(lambda: {"runs": [run.data for run in runs]})
    terminal.say(*_runs(terminal, runs))
    return exits.OK


def show(terminal: Terminal, args: Namespace) -> int:
    """All there is to say of a run, a sweep or a schedule."""
    client, kind = Client(), kind_of(args.id)
    if kind == "run":
        run = client.run(args.id)
        try:
            changes = run.changes()
        except ExperimentError as error:
            if error.status != 404:
                raise
            changes = []  # an operator sees that a run is there, and not what was in it
        terminal.give(lambda: {"run": run.data, "changes": changes})
        terminal.say(*_run(run), *_changes(changes))
    elif kind == "sweep":
        sweep = client.get_sweep(args.id)
        runs = client.runs(limit=sweep.members, sweep=sweep.id)
        terminal.give(lambda: {"sweep": sweep.data, "runs": [run.data for run in runs]})
        terminal.say(*_sweep(sweep), *_runs(terminal, runs))
    else:
        schedule = client.get_schedule(args.id)
        runs = client.runs(limit=10, schedule=schedule.id)
        terminal.give(lambda: {"schedule": schedule.data, "runs": [run.data for run in runs]})
        terminal.say(*_schedule(schedule), *_runs(terminal, runs))
    return exits.OK


def sweeps(terminal: Terminal, args: Namespace) -> int:
    """A line for each sweep."""
    found = Client().sweeps(owner=args.owner)
    terminal.give(lambda: {"sweeps": [sweep.data for sweep in found]})
    made = table("sweep", "title", "runs", "submitted")
    for sweep in found:
        data = sweep.data
        made.add_row(
            sweep.id, text(data["title"]), counts(sweep.counts), distance(data["created_at"])
        )
    terminal.say(made if found else "There are no sweeps.")
    return exits.OK


def schedules(terminal: Terminal, args: Namespace) -> int:
    """A line for each schedule."""
    found = Client().schedules(owner=args.owner)
    terminal.give(lambda: {"schedules": [schedule.data for schedule in found]})
    made = table("schedule", "title", "cron", "next")
    for schedule in found:
        data = schedule.data
        made.add_row(schedule.id, title(data["title"]), text(data["cron"]), _next(data))
    terminal.say(made if found else "There are no schedules.")
    return exits.OK


def _runs(terminal: Terminal, runs: list[Run]) -> Iterator[RenderableType]:
    """A line for each run, with as many columns as there is room for."""
    if not runs:
        yield "There are no such runs."
        return
    columns = ["run", "state", "title"]
    columns += ["submitted"] if terminal.out.width >= NARROW else []
    columns += ["took", "owner", "author"] if terminal.out.width >= WIDE else []
    made = table(*columns, numbers=("took",))
    for run in runs:
        row = _row(run.data)
        made.add_row(*(row[name] for name in columns))
    yield made


def _row(data: dict) -> dict[str, Text]:
    more = f" {cells(data)}" if data["state"] == State.RUNNING else ""
    return {
        "run": Text(data["id"]),
        "state": state_text(data["state"], more),
        "title": title(data["title"]),
        "submitted": Text(distance(data["created_at"])),
        "took": Text(took(data)),
        "owner": text(data["owner"]),
        "author": text(data["author"]),
    }


def _run(run: Run) -> Iterator[RenderableType]:
    data, waiting = run.data, run.data["waiting"] or {}
    yield Text.assemble((run.id, "bold"), " ", standing(run))
    made = facts()
    rows = {
        "title": data["title"],
        "notebook": data["notebook"],
        "of": f"{data['author']} for {data['owner_title']}",
        "submitted": moment(data["created_at"]),
        "starts": moment(waiting["expected"]) if waiting.get("expected") else "",
        "started": moment(data["started_at"]) if data["started_at"] else "",
        "took": took(data),
        "cells": cells(data),
        "asked for": _limits(data),
        "tags": ", ".join(data["tags"]),
        "sweep": data["sweep_id"],
        "schedule": data["schedule_id"],
        "verifies": data["verify_of"],
        "verdict": _verdict(data),
    }
    for name, value in rows.items():
        if value:
            made.add_row(name, text(value))
    yield made
    yield address(place(data["url"]))
    yield from _section("parameters", run.parameters)
    if run.metrics:
        yield Text("metrics", "bold")
        yield from metrics(run.metrics)


def _section(title: str, values: dict) -> Iterator[RenderableType]:
    if values:
        made = facts()
        for name, value in values.items():
            made.add_row(text(name), text(literal(value)))
        yield Text(title, "bold")
        yield made


def _changes(changes: Iterable[dict]) -> Iterator[RenderableType]:
    made = facts()
    for change in changes:
        detail = f": {change['detail']}" if change["detail"] else ""
        made.add_row(clock(change["at"]), text(f"{change['what']} ({change['who']}){detail}"))
    if made.row_count:
        yield Text("history", "bold")
        yield made


def _limits(data: dict) -> str:
    said = [f"{data['cpus']:g} CPU", f"{data['memory_bytes'] / GIB:.3g} GB"]
    said += [count(data["gpus"], "GPU")] if data["gpus"] else []
    said += [f"at most {duration(data['time_limit_s'])}"]
    return ", ".join(said + (["network"] if data["network"] else []))


def _verdict(data: dict) -> str:
    verdict = data["verdict"]
    return f"{verdict['verdict']}. {verdict['sentence']}" if verdict else ""


def _sweep(sweep: Sweep) -> Iterator[RenderableType]:
    data = sweep.data
    yield Text.assemble((sweep.id, "bold"), " ", counts(sweep.counts))
    made = facts()
    made.add_row("title", text(data["title"]))
    made.add_row("of", text(data["author"]))
    made.add_row("submitted", moment(data["created_at"]))
    made.add_row("at once", str(data["max_running"]))
    yield made
    yield address(place(data["url"]))
    yield from _section("axes", data["spec"].get("axes", {}))


def _schedule(schedule: Schedule) -> Iterator[RenderableType]:
    data = schedule.data
    yield Text.assemble((schedule.id, "bold"), " ", _next(data))
    made = facts()
    made.add_row("title", text(data["title"]))
    made.add_row("cron", text(f"{data['cron']}, {data['timezone']}"))
    made.add_row("if missed", text(data["missed"]))
    made.add_row("if it overlaps", text(data["overlap"]))
    for number, time in enumerate(data["next"]):
        made.add_row("" if number else "next", in_zone(time, data["timezone"]))
    yield made
    yield address(place(data["url"]))


def _next(data: dict) -> Text:
    if data["paused"]:
        return Text("paused", "yellow")
    return Text(in_zone(data["next_at"], data["timezone"]) if data["next_at"] else "never")
