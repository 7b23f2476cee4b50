"""How a run or a sweep stands or ended, and when a schedule runs, in a few lines.

Invariant: the first line of each has the id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.text import Text

from experiments.client import Run, Schedule, Sweep
from experiments.command.terminal import address, facts, state_text, text
from experiments.command.transcript import describe
from experiments.command.words import in_zone, place, took
from experiments.report.words import short
from experiments.states import State


def standing(run: Run) -> Text:
    """The state of a run, and why it waits or ended so."""
    waiting = run.data["waiting"] or {}
    why = waiting.get("why") or run.data["message"]
    return describe({"state": run.state, "place": waiting.get("place"), "message": why})


def ending(run: Run) -> Iterator[RenderableType]:
    """The outcome, why, the metrics and where the report is."""
    data = run.data
    line = Text.assemble((data["id"], "bold"), " ", state_text(run.state))
    if time := took(data):
        line.append(f" after {time}")
    yield line
    if data["message"]:
        yield text(data["message"])
    yield from metrics(run.metrics)
    yield address(place(data["url"]))


def metrics(values: Mapping) -> Iterator[RenderableType]:
    """A line for each metric; nothing if there is none."""
    if values:
        made = facts()
        for name, value in values.items():
            made.add_row(text(name), text(short(value)))
        yield made


def sweep_ending(sweep: Sweep) -> Iterator[RenderableType]:
    """How many members ended how, and how to compare them."""
    yield Text.assemble((sweep.id, "bold"), " ", counts(sweep.counts))
    if sweep.counts.get(State.SUCCEEDED):
        yield text(f"Compare them: experiments compare --sweep {sweep.id}", "dim")
    if sweep.done == sweep.members > sweep.counts.get(State.SUCCEEDED, 0):
        yield text(f"Run the others again: experiments retry {sweep.id}", "dim")
    yield address(place(sweep.data["url"]))


def next_times(schedule: Schedule) -> Iterator[RenderableType]:
    """When a schedule runs next, on the clock of its time zone."""
    zone = schedule.data["timezone"]
    when = "rests" if schedule.data["paused"] else f"runs next, by the clock of {zone}:"
    yield Text.assemble((schedule.id, "bold"), " ", when)
    for time in schedule.data["next"]:
        yield text(f"  {in_zone(time, zone)}")


def counts(numbers: Mapping[str, int]) -> Text:
    """38 succeeded, 2 failed; each in its colour."""
    said = [
        Text.assemble(f"{numbers[state]} ", state_text(state))
        for state in State
        if numbers.get(state)
    ]
    return Text(", ").join(said) if said else Text("no runs")
