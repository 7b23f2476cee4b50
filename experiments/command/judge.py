"""``compare`` and ``verify``: runs beside one another.

Invariant: a verdict is the service's; without one nothing is said to be reproduced.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.text import Text

from experiments.client import Client, Run
from experiments.command import exits, watch
from experiments.command.ids import kind_of
from experiments.command.terminal import WIDE, Terminal, clean, facts, state_text, table, text
from experiments.command.values import read_secrets
from experiments.errors import ExperimentError
from experiments.report.words import literal, short

MOST = 100
VERDICTS = {"REPRODUCED": "bold green", "WITHIN TOLERANCE": "bold green", "DIVERGED": "bold red"}


def compare(terminal: Terminal, args: Namespace) -> int:
    """A table of parameters that differ and of metrics, or two runs cell by cell."""
    client = Client()
    names = list(dict.fromkeys(args.runs))
    if args.sweep:
        kind_of(args.sweep, "sweep")
        # As they were submitted, the first axis changing slowest.
        names += [run.id for run in reversed(client.runs(limit=MOST, sweep=args.sweep))]
    for name in names:
        kind_of(name, "run")
    if len(names) < 2 or (args.cells and len(names) != 2):
        most = "two runs" if args.cells else f"2 to {MOST} runs, or --sweep SWEEP"
        raise ExperimentError(f"Name what is compared: {most}.", code="usage")
    if args.cells:
        answer = client.compare_cells(*names)
        terminal.say(*_cells(answer, names))
    else:
        answer = client.compare(names)
        terminal.say(*_table(answer, terminal.out))
    terminal.give(lambda: answer)
    return exits.OK


def verify(terminal: Terminal, args: Namespace) -> int:
    """Run it again and say the verdict; 7 if it diverged."""
    kind_of(args.run, "run")
    tolerance: dict[str, dict[str, float]] = {}
    for metric, kind, amount in args.tolerance:
        tolerance.setdefault(metric, {})[kind] = amount
    secrets = read_secrets(args.secrets)
    run = Client().run(args.run).verify(tolerance or None, secrets)
    terminal.give(lambda: {"run": run.data, "verdict": run.data["verdict"]})
    if args.no_wait:
        terminal.say(
            Text.assemble((run.id, "bold"), f" verifies {args.run}: ", state_text(run.state))
        )
        return exits.OK
    return _judge(terminal, run)


def _judge(terminal: Terminal, run: Run) -> int:
    code = watch.wait_for(terminal, run)
    try:
        verdict = run.verdict()
    except TimeoutError as error:
        raise ExperimentError(
            f"{error} Look at it later: experiments show {run.id}", code="verdict_missing"
        ) from None
    if verdict is None:
        return code
    said = verdict["verdict"]
    terminal.say(Text.assemble((said, VERDICTS.get(said, "bold")), ". ", text(verdict["sentence"])))
    terminal.say(*_metrics(verdict["metrics"]), *_first(verdict.get("first")))
    return exits.DIVERGED if said == "DIVERGED" else exits.OK


def _table(answer: dict, out: Console) -> Iterator[RenderableType]:
    """A row for each run or, where that is too wide, a few lines."""
    shown = [
        (number, column)
        for number, column in enumerate(answer["columns"])
        if column["varies"] or column["kind"] == "metric"
    ]
    names = [clean(column["name"]) for _, column in shown]
    numeric = tuple(clean(column["name"]) for _, column in shown if column["numeric"])
    made = table("run", "state", *names, numbers=numeric)
    rows = [
        (row["run"], state_text(row["state"]), [_value(row["values"][n]) for n, _ in shown])
        for row in answer["rows"]
    ]
    for run, state, values in rows:
        made.add_row(run, state, *values)
    if Measurement.get(out, out.options.update(max_width=WIDE), made).maximum <= out.width:
        yield made
    else:
        for run, state, values in rows:
            yield Text.assemble((run, "bold"), " ", state)
            lines = facts()
            for name, value in zip(names, values, strict=True):
                lines.add_row(f"  {name}", value)
            yield lines
    if same := len(answer["columns"]) - len(shown):
        yield Text(f"Parameters that are the same in all: {same}", "dim")


def _value(value: object) -> Text:
    if value is None:
        return Text("-", "dim")
    return text(short(value) if isinstance(value, float) else literal(value)[:40])


def _cells(answer: dict, names: list[str]) -> Iterator[RenderableType]:
    yield Text(f"{answer['different']} of {answer['compared']} code cells gave other output.")
    for pair in answer["cells"]:
        if pair["difference"] and pair["kind"] == "code":
            yield from _sides(pair, names)


def _first(pair: dict | None) -> Iterator[RenderableType]:
    if pair:
        yield from _sides(pair, ["before", "again"])


def _sides(pair: dict, names: list[str]) -> Iterator[RenderableType]:
    where = pair["left"] or pair["right"]
    source = where["source"].strip().partition("\n")[0]
    yield Text.assemble((f"cell {where['index'] + 1} ", "bold"), text(source[:60], "dim"))
    if pair["difference"]:
        yield text(f"  {pair['difference']}")
    made = facts()
    for name, side in zip(names, (pair["left"], pair["right"]), strict=True):
        outputs = side["outputs"] if side else []
        said = "\n".join(output.get("text", f"[{output['kind']}]").rstrip() for output in outputs)
        made.add_row(f"  {name}", text(_beginning(said) if side else "not there"))
    yield made


def _beginning(said: str, lines: int = 10) -> str:
    first = said.split("\n")
    return "\n".join(first[:lines] + (["…"] if len(first) > lines else []))


def _metrics(metrics: list[dict]) -> Iterator[RenderableType]:
    off = [metric for metric in metrics if not metric["same"]]
    if not off:
        return
    made = table("metric", "before", "again", "", numbers=("before", "again"))
    for metric in off:
        judged = Text("within", "green") if metric["within"] else Text("off", "red")
        before, again = _value(metric["original"]), _value(metric["again"])
        made.add_row(text(metric["name"]), before, again, judged)
    yield made
