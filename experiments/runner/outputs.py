"""Puts what a kernel says into the notebook's cells and into the event log.

Invariant: every output is kept, in the cell that made it, until the run has made as many bytes
as `Room` has; from there on, a note in the cell says that something is missing. No output gets
here with a secret in it.

How a message becomes an output (displays that change, widgets, clear_output) is nbclient's; how
it gets here is not: nbclient stops listening four seconds after a cell's reply.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

from nbclient import NotebookClient
from nbformat import NotebookNode

from experiments.runner.channels import Channels, Message
from experiments.runner.displays import Displays
from experiments.runner.events import EventLog
from experiments.runner.metrics import Metrics
from experiments.runner.room import MOST_BYTES, OVERHEAD_BYTES, Room
from experiments.runner.scrub import Scrubber
from experiments.runner.shapes import DISPLAYS, check
from experiments.runner.streams import Source, Streams

COMMS = {"comm_open", "comm_msg", "comm_close"}
# What Python raises at a message that is none. A notebook can write what it likes to its
# kernel's socket.
FORGED = (LookupError, TypeError, AttributeError, ValueError, RecursionError, AssertionError)
NO_OUTPUT = "An output that was no output could not be kept."
FULL = (
    f"This run has made {MOST_BYTES // 1024**2} MB of output, which is the limit: "
    "what follows in this cell is missing."
)


class Outputs:
    """The outputs of a notebook's cells while it runs."""

    def __init__(
        self, nb: NotebookNode, log: EventLog, scrubber: Scrubber, channels: Channels
    ) -> None:
        self.metrics = Metrics()
        # Whether something has come that the saved notebook may not have yet.
        self.changed = False
        self._nb, self._log, self._scrubber, self._channels = nb, log, scrubber, channels
        self._client = NotebookClient(nb, record_timing=False)
        # Through these ipywidgets' Output answers the kernel.
        self._client.kc = SimpleNamespace(session=channels.session, shell_channel=channels)
        self._streams = Streams(scrubber, self._put_text)
        self._displays = Displays(nb, log)
        self._room = Room()
        self._noted: set[int] = set()
        self._cells: dict[str, int] = {}
        self._current: int | None = None

    def expect(self, request: str, cell: int) -> None:
        """Messages whose parent is this request belong to this cell, also when they are late."""
        self._cells[request] = self._current = cell
        self._client.clear_before_next_output = False

    def take(self, message: Message) -> None:
        """Take a message from the kernel's output socket."""
        cell = self._cells.get(message.parent, self._current)
        if cell is None or message.kind == "status":
            return
        self.changed = True
        try:
            if message.raw is None:
                self._note(cell, f"An output of {message.size / 1e6:,.1f} MB could not be kept.")
            elif message.kind == "stream" and self._room.is_full:
                self._streams.flush()
                self._note(cell, FULL)
            elif message.kind == "stream":
                content = self._channels.parse(message.content)
                check("stream", content)
                source = Source(cell, content["name"], message.raw["parent_header"])
                self._streams.take(source, content["text"])
            else:
                self._take_other(message, cell)
        except FORGED:
            self._note(cell, NO_OUTPUT)

    def tick(self) -> None:
        """Let go on what has waited long enough; to be called often."""
        self._streams.tick()
        self._displays.tick()

    def cell_ended(self, cell: int) -> None:
        """Make a cell's outputs as a notebook's file has them."""
        self._streams.flush()
        self._displays.flush()
        for output in self._nb.cells[cell].outputs:
            if output["output_type"] == "stream" and isinstance(output["text"], list):
                output["text"] = "".join(output["text"])

    def finish(self) -> None:
        """Make all cells as a notebook's file has them, and keep the state of widgets."""
        for index, cell in enumerate(self._nb.cells):
            if cell.cell_type == "code":
                self.cell_ended(index)
        self._client.set_widgets_metadata()

    def _put_text(self, source: Source, text: str) -> None:
        """Append text to the cell's last output, or as a new one."""
        cell, data, last = source.cell, text.encode(), self._open_stream(source)
        overhead = 0 if last else OVERHEAD_BYTES
        room = max(0, self._room.take(cell, len(data) + overhead) - overhead)
        if room < len(data):
            text = data[:room].decode(errors="ignore")
        if last and text:
            last["text"].append(text)
        if text and (last or self._begin(source, text)):
            output = {"output_type": "stream", "name": source.name, "text": text}
            self._log.output(cell, len(self._nb.cells[cell].outputs) - 1, output)
        if room < len(data):
            self._note(cell, FULL)

    def _open_stream(self, source: Source) -> NotebookNode | None:
        """The cell's last output if it is of the same stream, its text as a list.

        The format allows that, and text that grows for hours is not copied every time.
        """
        outputs = self._nb.cells[source.cell].outputs
        if self._hooked(source.parent) or self._client.clear_before_next_output or not outputs:
            return None
        last = outputs[-1]
        if last["output_type"] != "stream" or last["name"] != source.name:
            return None
        if isinstance(last["text"], str):
            last["text"] = [last["text"]]
        return last

    def _begin(self, source: Source, text: str) -> bool:
        """True if the text became a new output of the cell, False if a widget took it."""
        raw = {
            "msg_type": "stream",
            "header": {"msg_type": "stream"},
            "parent_header": source.parent,
            "content": {"name": source.name, "text": text},
        }
        return self._process(raw, source.cell) is not None

    def _take_other(self, message: Message, cell: int) -> None:
        self._streams.flush()
        raw, content = message.raw, message.content
        if message.kind == "clear_output":
            self._process(raw, cell)
            if not content.get("wait") and not self._hooked(raw["parent_header"]):
                self._cleared(cell)
            return
        for key, value in content.items():
            content[key] = self._clean(key, value)
        check(message.kind, content)
        if message.kind == "error":
            self._put_error(raw, cell)
        elif message.kind in DISPLAYS:
            self.metrics.take(content["data"])
            self._put_display(message, cell)
        elif message.kind in COMMS or message.kind == "execute_input":
            self._process(raw, cell)

    def _clean(self, key: str, value: object) -> object:
        """Content as it may be written; MIME types are not the notebook's own words."""
        if key == "data" and isinstance(value, dict):
            return {str(mime): self._scrubber.tree(data) for mime, data in value.items()}
        return value if key == "comm_id" else self._scrubber.tree(value)

    def _put_error(self, raw: dict, cell: int) -> None:
        content = raw["content"]
        size = len(json.dumps(content)) + OVERHEAD_BYTES
        full = self._room.take(cell, size) < size
        if full:
            content["evalue"] = content["evalue"][:1000]
            content["traceback"] = [line[:1000] for line in content["traceback"][-20:]]
        output = self._process(raw, cell)
        if output is not None:
            self._log.output(cell, len(self._nb.cells[cell].outputs) - 1, output)
        if full:
            self._note(cell, FULL)

    def _put_display(self, message: Message, cell: int) -> None:
        content = message.content
        name = (content.get("transient") or {}).get("display_id")
        size = len(json.dumps(content["data"])) + OVERHEAD_BYTES
        # What changes in its place takes the room of what was there.
        more = size - (self._displays.size(name) if message.kind == "update_display_data" else 0)
        if self._room.take(cell, more) < more:
            self._note(cell, FULL)
            return
        output = self._process(message.raw, cell)
        if output is not None:
            self._log.output(cell, len(self._nb.cells[cell].outputs) - 1, output)
        if name:
            self._displays.shown(name, cell, output, size)

    def _process(self, raw: dict, cell: int) -> NotebookNode | None:
        """Have nbclient process a message; the output that it appended to the cell, if any."""
        # It clears a cell, if it was told to, right before the next output.
        due = self._client.clear_before_next_output
        try:
            output = self._client.process_message(raw, self._nb.cells[cell], cell)
        except FORGED:
            self._note(cell, NO_OUTPUT)
            return None
        if due and not self._client.clear_before_next_output:
            self._cleared(cell)
        return output

    def _hooked(self, parent: dict) -> bool:
        """True while an Output widget takes the outputs of a request."""
        return bool(self._client.output_hook_stack.get(parent.get("msg_id")))

    def _cleared(self, cell: int) -> None:
        self._room.give_back(cell)
        self._log.add("output_cleared", cell=cell)

    def _note(self, cell: int, text: str) -> None:
        """Say once in a cell's outputs that something is missing there."""
        if cell not in self._noted:
            self._noted.add(cell)
            output = {"output_type": "stream", "name": "stderr", "text": f"\n[{text}]\n"}
            self._nb.cells[cell].outputs.append(NotebookNode(output))
            self._log.output(cell, len(self._nb.cells[cell].outputs) - 1, output)
