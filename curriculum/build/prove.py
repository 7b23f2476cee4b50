"""Proves one lesson by running it: as it is, blank, wrongly answered, with other parameters.

Invariant: what is not tried is a problem. Runs in the workspace image with the network off.
Every notebook gets a fresh kernel; marks are nbgrader's.

    python -m curriculum.build.prove COURSE LESSON FOLDER   writes FOLDER/proof.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import papermill
from nbformat import NotebookNode

from curriculum.build import marks
from curriculum.build.course import Lesson, Proof, Wrong, find, load_proof
from curriculum.build.figures import images, is_blank
from curriculum.build.leaks import leaks
from curriculum.build.notebooks import Role, grade_id, load, points, role
from curriculum.build.rules import figures_every

KINDS = ("runs", "figures", "solution", "blank", "student", "wrong", "papermill")
RUN_SECONDS = 60


class Proving:
    """What is found out about a lesson: ``problems`` by kind, each a sentence; and ``facts``."""

    def __init__(self, lesson: Lesson, folder: Path) -> None:
        self.lesson, self.folder = lesson, folder
        self.problems: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.facts: dict[str, dict] = {}
        self.proof: Proof = load_proof(lesson.proof)

    def all(self) -> dict:
        """Prove lesson and assignment."""
        self.notebook("lesson", self.lesson.notebook)
        self.notebook("assignment", self.lesson.assignment)
        self.parameters()
        return {"problems": self.problems, "facts": self.facts}

    def notebook(self, what: str, path: Path) -> None:
        """Prove one notebook with its solutions, without them, and with wrong answers."""
        source = load(path)
        desk = marks.Desk(self.folder / what, path)
        release = desk.release()
        self.note("student", what, leaks(source, release))
        for name, (got, _) in desk.mark("blank", release).scores.items():
            if got:
                self.note("blank", what, [f"'{name}' gives {got:g} points to a blank release"])
        done = desk.mark("solved", marks.solved(release, source))
        for name, (got, of) in done.scores.items():
            if got != of:
                self.note("solution", what, [f"'{name}' gives the solution {got:g} of {of:g}"])
        self.ran(what, done.notebook)
        self.attempts(what, path, source)

    def ran(self, what: str, notebook: NotebookNode) -> None:
        """Look at a notebook that ran with its solutions."""
        seconds = running_time(notebook)
        self.note("runs", what, disturbances(notebook))
        if seconds > RUN_SECONDS:
            self.note("runs", what, [f"it runs for {seconds:.0f} s, at most {RUN_SECONDS}"])
        self.note("figures", what, blanks(notebook))
        figures = [index for index, cell in enumerate(notebook.cells) if images(cell)]
        if what == "lesson":
            self.note("figures", what, list(figures_every(len(notebook.cells), figures)))
        self.facts[what] = {"seconds": round(seconds, 1), "figures": len(figures)}

    def note(self, kind: str, what: str, sentences: list[str]) -> None:
        """Keep problems, each with where it is."""
        self.problems[kind] += [f"{self.lesson.name} {what}: {one}" for one in sentences]

    def attempts(self, what: str, path: Path, source: NotebookNode) -> None:
        """Try the wrong answers to this notebook's exercises."""
        worth = {grade_id(c): points(c) for c in source.cells if role(c) is Role.TESTS}
        gaps = {grade_id(c) for c in source.cells if role(c) is Role.SOLUTION}
        wrong = [one for one in self.proof.wrong if one.exercise in gaps]
        order = {"wrong": [asdict(one) for one in wrong], "to_the_end": what == "assignment"}
        outcome = in_own_process(path, order)
        self.note("figures", what, outcome["empty"])
        for one, failed in zip(wrong, outcome["failed"], strict=True):
            self.note("wrong", what, judge(one, failed, worth))

    def parameters(self) -> None:
        """Run the lesson through papermill with its parameters changed."""
        output = self.folder / "papermill.ipynb"
        try:
            papermill.execute_notebook(
                self.lesson.notebook, output, self.proof.parameters, cwd=str(self.lesson.course),
                kernel_name="python3", progress_bar=False, log_output=False,
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            self.note("papermill", "lesson", [f"{error.ename}: {error.evalue}"])
            return
        ran = load(output)
        self.note("papermill", "lesson", disturbances(ran))
        if not any("injected-parameters" in c.metadata.get("tags", []) for c in ran.cells):
            self.note("papermill", "lesson", ["its parameters cannot be changed"])


def in_own_process(path: Path, order: dict) -> dict:
    """Run `attempts` on a notebook where it would find its library."""
    line = [sys.executable, "-m", "curriculum.build.attempts", str(path)]
    env = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(line, input=json.dumps(order), text=True, capture_output=True,
                          cwd=path.parent, env=env)  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"trying wrong answers on {path}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def judge(one: Wrong, failed: list[str] | None, worth: dict[str, int]) -> list[str]:
    """What is not as the proof sheet says about an attempt."""
    title = f"'{one.exercise}' answered wrongly ({one.why})"
    if failed is None:
        return [f"{title} does not come to an end"]
    loses = {name: worth[name] for name in failed}
    return [] if loses == one.loses else [f"{title} loses {loses}, not {one.loses}"]


def disturbances(notebook: NotebookNode) -> list[str]:
    """Errors and lines on stderr of a notebook that ran; code cells that did not run."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"cell {cell.id} raises {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                found.append(f"cell {cell.id} writes to stderr: {output.text[:200]}")
    return found + [f"cell {c.id} did not run" for c in notebook.cells
                    if c.cell_type == "code" and c.source and not c.execution_count]  # fmt: skip


def blanks(notebook: NotebookNode) -> list[str]:
    """Images of a notebook that show nothing."""
    return [f"cell {c.id} draws an image of one colour" for c in notebook.cells
            if any(is_blank(png) for png in images(c))]  # fmt: skip


def running_time(notebook: NotebookNode) -> float:
    """Seconds from the first cell's start to the last one's end."""
    stamps = [c.metadata.execution for c in notebook.cells if "execution" in c.metadata]
    times = [datetime.fromisoformat(value) for stamp in stamps for value in stamp.values()]
    return (max(times) - min(times)).total_seconds() if times else 0.0


if __name__ == "__main__":
    began = time.monotonic()
    course, name, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    out.mkdir()
    result = Proving(find(name, Path(course)), out).all()
    result["facts"]["proved_in_s"] = round(time.monotonic() - began, 1)
    (out / "proof.json").write_text(json.dumps(result), encoding="utf-8")
