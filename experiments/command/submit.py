"""``submit``, ``sweep`` and ``schedule``: from a notebook and a command line to runs.

Invariant: everything that can be refused here is, in this order and before anything is sent:
the notebook, the parameters, the secrets.
"""

from __future__ import annotations

from argparse import Namespace

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.text import Text

from experiments.client import Client, Study, read_study
from experiments.command import exits, watch
from experiments.command.summary import counts, next_times, standing
from experiments.command.terminal import Terminal, address, state_text, text
from experiments.command.values import read_axes, read_members, read_secrets, read_values
from experiments.command.words import place
from experiments.errors import ExperimentError
from experiments.parameters import check_values
from experiments.sweeps import expand

OPTIONS = ("gpus", "cpus", "memory", "network", "image", "title", "tags")


def submit(terminal: Terminal, args: Namespace) -> int:
    """Submit one run, and stay with it if that is asked for."""
    study = read_study(args.notebook, args.folder)
    values = check_values(study.parameters, read_values(args.parameters, study.parameters))
    options = _options(args, study)
    client = Client(owner=args.owner)
    study = hand_in(terminal, client, study)
    run = client.submit(study, values, again=args.again, **options)
    same = "inputs" if run.earlier else None
    terminal.give(lambda: {"run": run.data, "created": not run.earlier, "same": same})
    if run.earlier:
        said = Text.assemble("The same has run before: ", (run.id, "bold"), " ")
        said.append_text(state_text(run.state)).append(". To run it anew: --again.")
        terminal.say(said)
    else:
        terminal.say(Text.assemble((run.id, "bold"), " ", standing(run)))
    return watch.stay(terminal, run, args)


def sweep(terminal: Terminal, args: Namespace) -> int:
    """Submit a sweep, and stay with it if that is asked for."""
    study = read_study(args.notebook, args.folder)
    fixed = read_values(args.parameters, study.parameters)
    spec = _spec(args, study, fixed)
    members = len(expand(spec, study.parameters, fixed))
    options = _options(args, study)
    if args.max_running is not None:
        options["max_running"] = args.max_running
    client = Client(owner=args.owner)
    study = hand_in(terminal, client, study)
    made = client.sweep(study, spec, fixed, **options)
    terminal.give(lambda: {"sweep": made.data})
    terminal.say(Text.assemble((made.id, "bold"), f" {members} runs: ", counts(made.counts)))
    if args.wait:
        return watch.wait_for_sweep(terminal, made)
    terminal.say(address(place(made.data["url"])))
    return exits.OK


def schedule(terminal: Terminal, args: Namespace) -> int:
    """Make a schedule, and say when it runs."""
    study = read_study(args.notebook, args.folder)
    values = check_values(study.parameters, read_values(args.parameters, study.parameters))
    rules = {name: getattr(args, name) for name in ("timezone", "missed", "overlap")}
    options = _options(args, study) | {k: v for k, v in rules.items() if v is not None}
    client = Client(owner=args.owner)
    client.next_times(args.cron, args.timezone)  # refused before a folder is sent in vain
    study = hand_in(terminal, client, study)
    made = client.schedule(study, args.cron, values, **options)
    terminal.give(lambda: {"schedule": made.data})
    terminal.say(*next_times(made), address(place(made.data["url"])))
    return exits.OK


def hand_in(terminal: Terminal, client: Client, study: Study) -> Study:
    """Hand a study's folder in, and show how far that is."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal.err, transient=True,
                  disable=not terminal.err.is_terminal) as bar:  # fmt: skip
        task = bar.add_task("handing in", total=None)

        def count(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        study = client.hand_in(study, count)
    for note in study.notes:
        terminal.note(text(note, "yellow"))
    return study


def _options(args: Namespace, study: Study) -> dict:
    """What was asked for beside the parameters; asks for secrets."""
    options = {name: getattr(args, name) for name in OPTIONS}
    options |= {"time_limit_s": args.time_limit, "cell_limit_s": args.cell_limit}
    told = {"email": args.email, "webhook": args.webhook}
    options["notify"] = {name: value for name, value in told.items() if value} or None
    options["secrets"] = read_secrets(args.secrets, study.parameters) or None
    return {name: value for name, value in options.items() if value is not None}


def _spec(args: Namespace, study: Study, fixed: dict) -> dict:
    axes = read_axes(args.axes, fixed)
    if args.seed is not None and args.random is None:
        raise ExperimentError("--seed is for --random: without it nothing is drawn.", code="usage")
    if args.list is not None:
        if axes:
            raise ExperimentError("Give members by --list or axes by -g, not both.", code="usage")
        return {"kind": "list", "members": read_members(args.list, study.parameters)}
    if not axes:
        raise ExperimentError(
            "Give axes, such as -g lr=0.1,0.01, or members by --list FILE.", code="usage"
        )
    if args.random is None:
        return {"kind": "grid", "axes": axes}
    return {"kind": "random", "axes": axes, "count": args.random, "seed": args.seed or 0}
