"""``cancel``, ``retry``, ``publish``, ``withdraw``; of schedules ``pause``, ``resume``,
``reschedule`` and ``unschedule``.

Invariant: ids are checked before anything is changed; what was changed before a refusal is in
the JSON beside it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text

from experiments.client import Client, Run, Schedule
from experiments.command import exits, watch
from experiments.command.ids import kind_of
from experiments.command.summary import counts, next_times, standing
from experiments.command.terminal import Terminal, state_text
from experiments.command.values import read_secrets
from experiments.errors import ExperimentError

CHANGED = ("title", "cron", "timezone", "missed", "overlap")


def cancel(terminal: Terminal, args: Namespace) -> int:
    """Ask for runs and sweeps to be stopped."""
    kinds = {name: kind_of(name, "run", "sweep") for name in args.ids}
    client, done = Client(), []
    terminal.give(lambda: {"cancelled": done})
    for name, kind in kinds.items():
        if kind == "run":
            run = client.run(name).cancel()
            said = state_text(run.state) if run.ended else Text("is being stopped")
            done.append(run.data)
        else:
            sweep = client.get_sweep(name).cancel()
            said = counts(sweep.counts)
            done.append(sweep.data)
        terminal.say(Text.assemble((name, "bold"), " ", said))
    return exits.OK


def retry(terminal: Terminal, args: Namespace) -> int:
    """Submit again: a run, or the members of a sweep of which none went well."""
    kind = kind_of(args.id, "run", "sweep")
    client, secrets = Client(), read_secrets(args.secrets)
    if kind == "sweep":
        return _retry_sweep(terminal, args, client, secrets)
    run = client.run(args.id).retry(secrets)
    terminal.give(lambda: {"run": run.data})
    terminal.say(Text.assemble((run.id, "bold"), " ", standing(run)))
    return watch.stay(terminal, run, args)


def _retry_sweep(terminal: Terminal, args: Namespace, client: Client, secrets: dict) -> int:
    sweep = client.get_sweep(args.id)
    sweep.run_missing(secrets)
    terminal.give(lambda: {"sweep": sweep.data})
    terminal.say(Text.assemble((sweep.id, "bold"), " ", counts(sweep.counts)))
    return watch.wait_for_sweep(terminal, sweep) if args.wait or args.follow else exits.OK


def publish(terminal: Terminal, args: Namespace) -> int:
    """Show reports to the whole lab."""
    return _each(terminal, args.ids, "run", Run.publish, "is on the showcase")


def withdraw(terminal: Terminal, args: Namespace) -> int:
    """Take reports back."""
    return _each(terminal, args.ids, "run", Run.withdraw, "is not on the showcase")


def pause(terminal: Terminal, args: Namespace) -> int:
    """Let schedules rest."""
    return _each(terminal, args.ids, "schedule", Schedule.pause, "rests")


def resume(terminal: Terminal, args: Namespace) -> int:
    """Let schedules go on."""
    return _each(terminal, args.ids, "schedule", Schedule.resume, "goes on")


def unschedule(terminal: Terminal, args: Namespace) -> int:
    """Take schedules away."""
    return _each(terminal, args.ids, "schedule", Schedule.remove, "is gone; its runs stay")


def reschedule(terminal: Terminal, args: Namespace) -> int:
    """Alter a schedule's title, times or rules, and say when it runs."""
    kind_of(args.id, "schedule")
    wanted = {name: getattr(args, name) for name in CHANGED}
    changes = {name: value for name, value in wanted.items() if value is not None}
    if not changes:
        said = ", ".join(f"--{name}" for name in CHANGED)
        raise ExperimentError(f"Say what is to be changed: {said}.", code="usage")
    schedule = Client().get_schedule(args.id).change(**changes)
    terminal.give(lambda: {"schedule": schedule.data})
    terminal.say(*next_times(schedule))
    return exits.OK


def _each(
    terminal: Terminal, ids: Sequence[str], kind: str, act: Callable[[Any], object], said: str
) -> int:
    """Do the same with runs or with schedules."""
    for name in ids:
        kind_of(name, kind)
    client, done = Client(), []
    find = {"run": client.run, "schedule": client.get_schedule}[kind]
    terminal.give(lambda: {f"{kind}s": done})
    for name in ids:
        one = find(name)
        act(one)
        done.append(one.data)
        terminal.say(Text.assemble((name, "bold"), f" {said}"))
    return exits.OK
