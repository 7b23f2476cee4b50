"""What happens in a run, as lines for a terminal.

Invariant: only whole lines are given out, so that they can be printed above a progress bar; of a
line that rewrites itself, and of a display that changes in its place, the last state is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.text import Text

from experiments.client.events import Event
from experiments.command.terminal import state_text, text
from experiments.states import ENDED

HEADING = 60  # characters of a cell's source
LINE = 64 * 1024  # characters of a line that does not end


class Transcript:
    """One run's events; ``total`` and ``done`` are its code cells."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.done = 0
        self.state = ""
        self._started = 0
        self._rest = ""  # of a line that has not ended
        self._shown: dict[int, str] = {}  # displays of the cell, by their place in it
        self._changed: dict[int, str] = {}
        self._said: Text | None = None
        self._takes: dict[str, Callable[[dict], Iterator[Text]]] = {
            "state": self._state,
            "run_started": self._run_started,
            "cell_started": self._cell_started,
            "output": self._output,
            "output_cleared": self._output_cleared,
            "cell_ended": self._cell_ended,
            "run_ended": self._run_ended,
        }

    def lines(self, event: Event) -> list[Text]:
        """The lines that an event adds; none for one that is of no known form."""
        take = self._takes.get(event.name)
        try:
            return list(take(event.data)) if take else []
        # A notebook can write what it likes into the log of its run.
        except (KeyError, TypeError, AttributeError, ValueError):
            return []

    def _state(self, data: dict) -> Iterator[Text]:
        said = describe(data)
        # It comes again with every cell, and when a stream is taken up again.
        if said != self._said:
            self._said, self.state = said, data["state"]
            yield from self._flush()
            if data["state"] not in ENDED:  # how it ended is told when all is told
                yield said

    def _run_started(self, data: dict) -> Iterator[Text]:
        self.total, self.done, self._started = int(data["cells"]), 0, 0
        yield from self._flush()

    def _cell_started(self, data: dict) -> Iterator[Text]:
        yield from self._flush()
        self._started += 1
        first = data["source"].strip().partition("\n")[0]
        yield text(f"[{self._started}/{self.total or '?'}] {first[:HEADING]}", "bold")

    def _output(self, data: dict) -> Iterator[Text]:
        output = data["output"]
        kind = output["output_type"]
        if kind == "stream":
            *whole, rest = (self._rest + _joined(output["text"])).split("\n")
            self._rest = _last(rest)
            yield from (_line(line) for line in whole)
            if len(self._rest) > LINE:
                yield from self._flush_line()
            return
        yield from self._flush_line()
        if kind == "error":
            yield from (_line(line) for line in "\n".join(output["traceback"]).split("\n"))
            return
        said = _display(output["data"])
        if data.get("index") in self._shown:
            self._changed[data["index"]] = said
        else:
            self._shown[data.get("index", -1)] = said
            yield text(said)

    def _output_cleared(self, data: dict) -> Iterator[Text]:
        self._rest = ""
        self._changed.clear()
        self._shown.clear()
        yield from ()

    def _cell_ended(self, data: dict) -> Iterator[Text]:
        self.done += 1
        yield from self._flush()

    def _run_ended(self, data: dict) -> Iterator[Text]:
        yield from self._flush()

    def _flush(self) -> Iterator[Text]:
        yield from self._flush_line()
        for index, said in self._changed.items():
            if said != self._shown[index]:
                yield text(said)
        self._changed.clear()
        self._shown.clear()

    def _flush_line(self) -> Iterator[Text]:
        if self._rest:
            yield _line(self._rest)
        self._rest = ""


def describe(data: dict) -> Text:
    """A state and what there is to say of it: ``waiting, place 3: It needs 1 GPU: …``."""
    said = state_text(data["state"])
    if data.get("place"):
        said.append(f", place {data['place']}")
    if why := data.get("message") or data.get("reason"):
        said.append(": ").append_text(text(why))
    return said


def _last(line: str) -> str:
    """A line that has not ended, without what it has overwritten."""
    bare = line.rstrip("\r")
    return bare.rpartition("\r")[2] + line[len(bare) :][:1]


def _line(line: str) -> Text:
    """A line as it stands when it has ended."""
    return text(_last(line).rstrip("\r"))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _display(data: dict) -> str:
    for mime in ("text/plain", "text/markdown", "text/latex"):
        if mime in data:
            return _joined(data[mime])
    return f"[{', '.join(data) or 'nothing'}]"
