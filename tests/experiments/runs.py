"""Runs of the runner in containers like those that the service starts."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.labs import docker, eventually
from tests.workspace.servers import image

HARDENING = (
    "--init", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
    "--pids-limit", "512", "--memory", "1g", "--memory-swap", "1g", "--user", "1000:1000",
)  # fmt: skip
RUNNER = ("python", "-m", "experiments.runner", "/run/order.json")


@dataclass
class Run:
    """A run's container and its folder on this machine."""

    name: str
    folder: Path

    @property
    def result_folder(self) -> Path:
        return self.folder / "result"

    @property
    def result(self) -> dict:
        return json.loads((self.result_folder / "result.json").read_text())

    @property
    def events(self) -> list[dict]:
        path = self.result_folder / "events.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    @property
    def notebook(self) -> nbformat.NotebookNode:
        return nbformat.read(self.result_folder / "notebook.ipynb", 4)

    def of(self, kind: str) -> list[dict]:
        """The events of a kind."""
        return [event for event in self.events if event["kind"] == kind]

    def wait_for_text(self, text: str) -> None:
        """Wait until an output with this text is in the event log."""
        eventually(
            lambda: any(text in str(event.get("output")) for event in self.events),
            what=f"{text!r} in {self.log()}",
        )

    def wait(self, within: float = 60) -> int:
        """The runner's exit code, once it has ended."""
        done = subprocess.run(
            ["docker", "wait", self.name], capture_output=True, text=True, timeout=within
        )
        return int(done.stdout)

    def log(self) -> str:
        """What the container has said."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True)
        return done.stdout + done.stderr

    def text(self, cell: int) -> str:
        """What a cell has printed."""
        outputs = self.notebook.cells[cell].outputs
        return "".join(one.text for one in outputs if one.output_type == "stream")


def notebook(*cells: str, parameters: str | None = None) -> nbformat.NotebookNode:
    """A notebook of code cells, the first of them tagged as parameters if there are any."""
    nb = new_notebook(cells=[new_code_cell(source) for source in cells])
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python", "language": "python"}
    if parameters is not None:
        nb.cells.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        nb.cells.insert(0, new_markdown_cell("# A study"))
    return nb


def prepare(folder: Path, nb: nbformat.NotebookNode | str, **order) -> None:
    """Write what the service writes before it starts a run."""
    order = {
        "run": "run-test", "attempt": 1, "notebook": "study/a.ipynb", "parameters": {},
        "secrets": [], "kernel": "python3", "time_limit_s": 120, "cell_limit_s": 0,
        "save_seconds": 2.0, **order,
    }  # fmt: skip
    for one in ("work/study", "result"):
        (folder / one).mkdir(parents=True, exist_ok=True)
        # The user of the image is not the one who runs the tests.
        os.chmod(folder / one, 0o777)
    text = nb if isinstance(nb, str) else nbformat.writes(nb)
    (folder / "work" / "study" / "a.ipynb").write_text(text, encoding="utf-8")
    (folder / "order.json").write_text(json.dumps(order))


@contextmanager
def running(
    folder: Path,
    nb: nbformat.NotebookNode | str,
    *options: str,
    secrets: dict[str, str] | None = None,
    command: tuple[str, ...] = RUNNER,
    **order,
) -> Iterator[Run]:
    """A run that has been started; its container is gone after the block."""
    secrets = secrets or {}
    prepare(folder, nb, secrets=list(secrets), **order)
    for name, value in secrets.items():
        options += ("--env", f"COHORT_SECRET_{name.upper()}={value}")
    name = docker(
        "run", "--detach", "--label", "cohort.kind=test", *HARDENING,
        "--volume", f"{folder / 'work'}:/run/work", "--volume", f"{folder / 'result'}:/run/result",
        "--volume", f"{folder / 'order.json'}:/run/order.json:ro", *options, image(), *command,
    )  # fmt: skip
    try:
        yield Run(name, folder)
    finally:
        docker("rm", "--force", name)
        # Files of the image's user, which pytest could not remove for everyone.
        for path in sorted((folder / "work").rglob("*"), reverse=True):
            if path.is_fifo():
                path.unlink()


@dataclass
class Ended(Run):
    """A run that has ended; its container is gone."""

    exit_code: int
    said: str
    seconds: float

    def log(self) -> str:
        return self.said


def run(folder: Path, nb: nbformat.NotebookNode | str, *options: str, **order) -> Ended:
    """A run from its start to its end."""
    began = time.monotonic()
    with running(folder, nb, *options, **order) as one:
        code = one.wait()
        return Ended(one.name, folder, code, one.log(), time.monotonic() - began)


def ending(one: Ended) -> tuple:
    """How a run has ended: exit code, outcome, reason, cell."""
    result = one.result
    assert result["outcome"] == one.of("run_ended")[0]["outcome"], one.said
    return one.exit_code, result["outcome"], result["reason"], result["cell"]
