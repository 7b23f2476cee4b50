"""``cancel``, ``retry``, ``pause``, ``resume`` and ``unschedule``.

Invariant: ids are checked before anything is changed; what was changed before a refusal is in
the JSON beside it.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from rich.text import Text

from experiments.client import Client, Schedule
from experiments.command import exits, watch
from experiments.command.ids import kind_of
from experiments.command.summary import counts, standing
from experiments.command.terminal import Terminal, state_text
from experiments.command.values import read_secrets


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


def pause(terminal: Terminal, args: Namespace) -> int:
    """Let schedules rest."""
    return _change(terminal, args, Schedule.pause, "rests")


def resume(terminal: Terminal, args: Namespace) -> int:
    """Let schedules go on."""
    return _change(terminal, args, Schedule.resume, "goes on")


def unschedule(terminal: Terminal, args: Namespace) -> int:
    """Take schedules away."""
    return _change(terminal, args, Schedule.remove, "is gone; its runs stay")


def _change(
    terminal: Terminal, args: Namespace, act: Callable[[Schedule], object], said: str
) -> int:
    for name in args.ids:
        kind_of(name, "schedule")
    client, done = Client(), []
    terminal.give(lambda: {"schedules": done})
    for name in args.ids:
        schedule = client.get_schedule(name)
        act(schedule)
        done.append(schedule.data)
        terminal.say(Text.assemble((name, "bold"), f" {said}"))
    return exits.OK
