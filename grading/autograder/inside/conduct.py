"""Runs one merged notebook: the main line, the forks before tests, the tests, their twins.

Invariant: the text of a test's hidden part is sent to a fork only when the main line has run its
last cell and is gone. A test passes only if its fork says so over its own channel, nothing was
refused meanwhile, and a twin of it, which cannot pass, does not.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from grading.autograder.inside.hints import read_hints
from grading.autograder.inside.lines import Ended, Host, Line
from grading.autograder.inside.magics import to_python
from grading.autograder.inside.merge import Cell, Merged
from grading.autograder.inside.order import Order
from grading.autograder.inside.plan import (
    Plan,
    compile_test,
    hidden_lines,
    is_shared,
    needed_before,
)
from grading.autograder.inside.printed import outputs_of

START_SECONDS, FORK_SECONDS = 120.0, 20.0
MESSAGE = 2000
HIDDEN_FAILED = "A hidden test did not hold."


@dataclass
class Group:
    """Tests with no cell of the student's between them, and the fork that waits before them."""

    tests: list[Cell]
    line: Line | None = None


@dataclass
class Verdict:
    """What is found out about one notebook."""

    cells: dict[str, dict] = field(default_factory=dict)
    needs_look: dict[str, None] = field(default_factory=dict)
    tampering: list[dict] = field(default_factory=list)

    def note(self, name: str, cell: str, detail: str) -> None:
        """A finding that an instructor should look at."""
        one = {"name": name, "cell": cell, "detail": detail}
        if one not in self.tampering and len(self.tampering) < 200:
            self.tampering.append(one)
        self.needs_look[name] = None


class Conductor:
    """One notebook's run."""

    def __init__(self, order: Order, merged: Merged, plan: Plan, host: Host, end: float) -> None:
        self._order, self._merged, self._plan, self._host = order, merged, plan, host
        self._end = end
        self.verdict = Verdict(tampering=list(merged.tampering))
        self.verdict.needs_look = {one["name"]: None for one in merged.tampering}
        self._groups: list[Group] = []
        self._main: Line | None = None

    def run(self, known: set[str]) -> Verdict:
        """Run everything; ``known`` are the hints that the instructor's own text gives."""
        for cell in self._merged.cells:
            if cell.kind == "student":
                for name, word in read_hints(cell.source):
                    if word not in known:
                        self.verdict.note(name, cell.name, f"The code says {word!r}.")
        try:
            self._first_pass()
        except Ended as why:
            self.verdict.note(*why.finding)
        finally:
            if self._main is not None and self._order.forks:
                self._main.kill()
        tests = [cell for cell in self._merged.cells if cell.kind == "test"]
        self._needed = needed_before(tests)
        for group in self._groups:
            self._judge(group)
        for cell in tests:
            if cell.name not in self.verdict.cells:
                self._missing(cell, "The notebook did not come as far as this test.")
        return self.verdict

    def _first_pass(self) -> None:
        """The student's cells and the visible tests, in order."""
        self._main = main = self._host.spawn(self._plan, min(START_SECONDS, self._left()))
        group: Group | None = None
        for index, cell in enumerate(self._merged.cells):
            if cell.kind == "test":
                if group is None:
                    group = Group([])
                    self._groups.append(group)
                    group.line = self._fork(main, cell) if self._order.forks else main
                group.tests.append(cell)
            else:
                group = None
            self._run_cell(main, index, cell)

    def _run_cell(self, main: Line, index: int, cell: Cell) -> None:
        keep = self._plan.defined if cell.kind != "student" else []
        order = {"op": "run", "source": to_python(cell.source), "keep": keep,
                 "file": f"<cell {index + 1}>"}  # fmt: skip
        printed = self._host.listen()
        answer, why = None, None
        try:
            answer = main.ask(order, self._seconds(), interrupt=True)
        except Ended as ended:
            why = ended
        shown = self._merged.notebook["cells"][self._merged.places[index]]
        shown["execution_count"] = index + 1
        shown["outputs"] = outputs_of(printed, answer or {}, index + 1)
        if why is not None:
            raise Ended(why.name, cell.name or f"cell {index + 1}", why.detail)
        self._notes(answer, cell.name or f"cell {index + 1}")

    def _notes(self, answer: dict, where: str) -> None:
        for one in answer["seen"]:
            self.verdict.note(one["name"], where, f"Refused: {one['detail']}.")
        for name in answer.get("shell", ()):
            kind = "silenced-tracebacks" if "traceback" in name else name.replace("_", "-")
            self.verdict.note(kind, where, f"get_ipython().{name} was set.")
        if (answer.get("error") or {}).get("ename") == "KeyboardInterrupt":
            self.verdict.note("time-limit", where, "The cell was stopped.")
        if answer.get("threads"):
            self.verdict.note("thread-outlives-cell", where, f"{answer['threads']} still run.")
        for name in answer.get("replaced", ()):
            kind = "patched-builtins" if name.startswith("builtins.") else "patched-library"
            self.verdict.note(kind, where, f"{name} had been replaced; it was put back.")

    def _fork(self, line: Line, cell: Cell) -> Line:
        try:
            return self._host.fork(line, FORK_SECONDS)
        except Ended as why:
            self.verdict.note(why.name, cell.name, why.detail)
            raise

    def _judge(self, group: Group) -> None:
        """Run the tests of a group, each after the others, as they stand in the notebook."""
        line = group.line
        # All of a group or none: they use one another's names.
        self._shared = any(is_shared(cell, self._plan) for cell in group.tests)
        try:
            if line is not None:
                self._notes(line.ask({"op": "restore"}, FORK_SECONDS), group.tests[0].name)
            for cell in group.tests:
                if line is None:
                    self._missing(cell, "The process before it has ended.")
                else:
                    line = self._test(line, cell, group)
        except Ended as why:
            self.verdict.note(why.name, group.tests[0].name, why.detail)
        finally:
            if line is not None and line is not self._main:
                line.kill()

    def _test(self, line: Line, cell: Cell, group: Group) -> Line | None:
        """Judge one test; the process in which the next one runs."""
        try:
            self._earlier(line, cell, group)
            spare = self._host.fork(line, FORK_SECONDS) if self._order.forks else None
        except Ended as why:
            self.verdict.note(why.name, cell.name, why.detail)
            self._missing(cell, "The process before it has ended.")
            return None
        fooled = None
        if spare is not None and secrets.randbelow(2):
            fooled = self._twin(spare, cell)  # which of the two comes first is not to be known
        result = self._real(line, cell)
        if spare is not None and result["status"] == "passed" and fooled is None:
            fooled = self._twin(spare, cell)
        if fooled and result["score"]:
            result |= {"status": "error", "score": 0.0, "message": fooled}
        if fooled:
            self.verdict.note("forged-verdict", cell.name, fooled)
        ended = result.pop("ended", False)
        self.verdict.cells[cell.name] = result
        if ended:
            return spare
        if spare is not None:
            spare.kill()
        return line

    def _earlier(self, line: Line, cell: Cell, group: Group) -> None:
        """Run tests of earlier groups again whose hidden parts bind what this test reads."""
        mine = {one.name for one in group.tests}
        for other in self._merged.cells:
            if other.name in self._needed[cell.name] and other.name not in mine:
                line.ask(self._order_of(other), self._seconds())

    def _real(self, line: Line, cell: Cell) -> dict:
        result = {"status": "error", "score": 0.0, "max_score": cell.points, "message": ""}
        try:
            answer = line.ask(self._order_of(cell), self._seconds())
        except SyntaxError as error:
            return result | {"message": f"The test itself cannot be read: {error}."}
        except Ended as why:
            self.verdict.note(why.name, cell.name, why.detail)
            return result | {"message": why.detail, "ended": True}
        self._notes(answer, cell.name)
        if answer["passed"] is not True:
            return result | self._failed(answer, cell)
        if answer["replaced"]:
            return result | {"message": "What this test called replaced what the test uses."}
        if answer["seen"]:
            return result | {"message": "What this test called tried what is refused."}
        score, value = cell.points, answer["value"]
        if value is not None and 0 <= value <= cell.points and type(value) is not bool:
            score = float(value)
        return result | {"status": "passed" if score == cell.points else "failed", "score": score}

    def _failed(self, answer: dict, cell: Cell) -> dict:
        error = answer["error"]
        if answer["forged"]:
            self.verdict.note("forged-value", cell.name, error["evalue"])
        text = f"{error['ename']}: {error['evalue']}"[:MESSAGE]
        hidden = any(a <= answer["line"] <= b for a, b in hidden_lines(cell))
        return {"status": "failed", "message": HIDDEN_FAILED if hidden else text, "hidden": hidden,
                "detail": text}  # fmt: skip

    def _twin(self, spare: Line, cell: Cell) -> str:
        """Run a copy that cannot pass; what is wrong if it is not said to fail."""
        word = secrets.token_hex(8)
        try:
            line = self._host.fork(spare, FORK_SECONDS)
        except Ended:
            return "No copy of this test could be made."
        try:
            answer = line.ask(self._order_of(cell, word), self._seconds())
        except (Ended, SyntaxError):
            return ""  # it was not said to pass
        finally:
            line.kill()
        return "A copy of this test that cannot pass was said to pass." if answer["passed"] else ""

    def _missing(self, cell: Cell, why: str) -> None:
        self.verdict.note("missing-verdict", cell.name, why)
        self.verdict.cells[cell.name] = {"status": "missing", "score": 0.0,
                                         "max_score": cell.points, "message": why}  # fmt: skip

    def _order_of(self, cell: Cell, twin: str = "") -> dict:
        compiled = compile_test(cell, self._plan, twin=twin)
        return {"op": "test", "shared": self._shared, **compiled}

    def _left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def _seconds(self) -> float:
        return min(self._order.cell_seconds, self._left())
