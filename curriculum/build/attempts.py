"""Wrong answers tried on a notebook: which tests each of them fails.

Invariant: every attempt sees exactly the state that a learner has when they come to the gap. The
notebook runs once, with its solutions, in a process of its own; at each gap the process forks,
once for each wrong answer, and the fork goes on with that answer. So an attempt costs what comes
after the gap and nothing of what came before.

    python -m curriculum.build.attempts NOTEBOOK  < attempts.json  > outcome.json
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline import backend_inline
from nbformat import NotebookNode
from traitlets.config import Config

from curriculum.build.exercises import filled
from curriculum.build.figures import emptiness
from curriculum.build.notebooks import Role, grade_id, load, role

ATTEMPT_SECONDS = 60


class Runner:
    """Runs cells one after the other as a kernel would; remembers which figures were empty."""

    def __init__(self) -> None:
        # Without a history, whose thread would not live on in a fork.
        self.shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        self.cell = ""
        self.empty: list[str] = []
        backend_inline.display = self._look

    def _look(self, shown: object, **_: object) -> None:
        """Stand where a figure is drawn for the page; a forked attempt need not draw any."""
        if hasattr(shown, "axes"):
            self.empty += [f"cell {self.cell}: {what}" for what in emptiness(shown)]

    def run(self, cell: NotebookNode, source: str | None = None) -> bool:
        """Run a cell; False if it raised or wrote to stderr, as nbgrader sees it."""
        self.cell = cell.id
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            result = self.shell.run_cell(cell.source if source is None else source)
        return result.success and not err.getvalue()


def attempt(runner: Runner, cells: list[NotebookNode], source: str) -> list[str] | None:
    """Go on from a gap with another source in a fork; names of failed tests, None if it hung."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # The fork's only word is what it writes below; after the alarm it writes nothing.
        try:
            signal.alarm(ATTEMPT_SECONDS)
            runner.run(cells[0], source)
            failed = [grade_id(c) for c in cells[1:] if not runner.run(c) and role(c) is Role.TESTS]
            os.write(writer, json.dumps(failed).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else None


def try_all(notebook: NotebookNode, wrong: list[dict], to_the_end: bool) -> dict:
    """Run the notebook and every attempt ``{"exercise", "code"}``.

    Returns {"failed": what each attempt fails, "empty": figures with nothing in them}. An
    attempt runs to the last test of its exercise, or of the notebook if ``to_the_end``.
    """
    runner = Runner()
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    failed: list[list[str] | None] = [None] * len(wrong)
    for index, cell in enumerate(cells):
        for number, one in enumerate(wrong):
            if role(cell) is Role.SOLUTION and grade_id(cell) == one["exercise"]:
                prefix = "" if to_the_end else f"{one['exercise']}-"
                last = max((i for i, c in enumerate(cells) if role(c) is Role.TESTS
                            and grade_id(c).startswith(prefix)), default=index)  # fmt: skip
                source = filled(cell.source, one["code"])
                failed[number] = attempt(runner, cells[index : last + 1], source)
        runner.run(cell)
    return {"failed": failed, "empty": runner.empty}


if __name__ == "__main__":
    order = json.load(sys.stdin)
    print(json.dumps(try_all(load(Path(sys.argv[1])), **order)))
