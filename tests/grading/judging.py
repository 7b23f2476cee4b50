"""An autograder on the real engine for tests, and notebooks to be graded, written as cells."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine as Database

from cohort.blobs import BlobStore
from cohort.database import ensure_schema, open_database
from cohort.engine_docker import DockerEngine
from cohort.gpus import GpuLedger
from grading.autograder.attempts import Attempts
from grading.autograder.launch import Launcher, Limits
from grading.autograder.loop import Autograder
from grading.autograder.queue import AttemptQueue, Wanted
from tests.engines import owned
from tests.leftovers import PREFIX
from tests.machine import docker, eventually
from tests.workspace.servers import image

LIMITS = Limits(cpus=1.0, memory_bytes=1 << 30, cell_seconds=20, total_seconds=200)


def code(source: str, grade_id: str = "", **nbgrader) -> dict:
    """A code cell; with nbgrader's metadata if it has a grade_id."""
    flags = {"grade": False, "locked": False, "solution": False, "task": False}
    given = {**flags, "schema_version": 3, "grade_id": grade_id, **nbgrader}
    return {"cell_type": "code", "source": source, "outputs": [], "execution_count": None,
            "metadata": {"nbgrader": given} if grade_id else {}}  # fmt: skip


def gap(source: str, grade_id: str) -> dict:
    """A cell that the student fills in."""
    return code(source, grade_id, solution=True)


def locked(source: str, grade_id: str) -> dict:
    """A cell of the instructor's."""
    return code(source, grade_id, locked=True)


def test(source: str, grade_id: str, points: float = 1) -> dict:
    """A cell that gives points."""
    return code(source, grade_id, grade=True, locked=True, points=points)


test.__test__ = False  # pytest's: it is none


def notebook(*cells: dict) -> dict:
    """A notebook of format 4."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel},
            "cells": json.loads(json.dumps(cells))}  # fmt: skip


def visible(source: str) -> str:
    """A test as students see it."""
    begin, end = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
    head, found, rest = source.partition(begin)
    return head + rest.partition(end)[2].lstrip("\n") if found else source


def answered(source: dict, **answers: str) -> dict:
    """A student's notebook: the release, with answers by grade_id."""
    student = json.loads(json.dumps(source))
    for cell in student["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        cell["source"] = answers.get(name.replace("-", "_"), visible(cell["source"]))
    return student


@dataclass
class Shelf:
    """Submissions and instructor's versions in memory, as the exchange would have them."""

    sources: dict[int, dict[str, dict]] = field(default_factory=dict)
    submissions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def lay_out(self, wanted: Wanted, folder: Path) -> dict[str, bytes]:
        """See `Materials`."""
        for part, files in (("submitted", self.submissions[wanted.submission]),
                            ("files", self.files)):  # fmt: skip
            for name, body in files.items():
                path = folder / part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        source = self.sources[wanted.source_version]
        return {name: json.dumps(nb).encode() for name, nb in source.items()}


class Judge:
    """An autograder of a test's own."""

    def __init__(self, folder: Path, database: Database, gpus: tuple[str, ...], limits: Limits):
        self.project = PREFIX + secrets.token_hex(3)
        self.shelf, self.folder, self.database = Shelf(), folder, database
        self.queue = AttemptQueue(database)
        self.launcher = Launcher(self.project, folder / "live", self.shelf, limits)
        self.ledger = GpuLedger(database, gpus)
        self.blobs = BlobStore(folder / "blobs")

    def attempts(self, engine=None) -> Attempts:
        """The steps, as a process has them that has just been started."""
        engine = engine or DockerEngine()
        return Attempts(self.queue, engine, self.launcher, self.ledger, self.blobs, image())

    def submit(
        self, notebooks: dict[str, dict | bytes], files: dict[str, bytes] | None = None
    ) -> str:
        """Put a submission on the shelf; its id."""
        submission = f"sub-{secrets.token_hex(6)}"
        bodies = {name: nb if isinstance(nb, bytes) else json.dumps(nb).encode()
                  for name, nb in notebooks.items()}  # fmt: skip
        self.shelf.submissions[submission] = bodies | (files or {})
        return submission

    def ask(self, submission: str, **more) -> str:
        """Ask for it to be graded by the first version; the attempt's id."""
        gpus = more.pop("gpus", 0)
        return self.queue.add(Wanted("course", "ps", submission, 1, gpus), by="ada", **more)

    def grade(self, source: dict[str, dict], *submissions: dict[str, dict | bytes]) -> list[dict]:
        """Grade submissions of an assignment; for each ``{notebook: verdict}``."""
        self.shelf.sources[1] = source
        asked = [self.ask(self.submit(one)) for one in submissions]
        with self.grading():
            eventually(lambda: not self.queue.open(), 240, "all graded")
        rows = [self.queue.get(attempt) for attempt in asked]
        assert [row.why for row in rows] == [None] * len(rows)
        return [row.result["notebooks"] for row in rows]

    def executed(self, sha256: str) -> dict:
        """A notebook as it ran."""
        return json.loads(self.blobs.path(sha256).read_bytes())

    @contextmanager
    def grading(self) -> Iterator[Autograder]:
        """The loop, for as long as the block lasts."""
        loop = Autograder(self.attempts())
        loop.start()
        try:
            yield loop
        finally:
            loop.stop()

    def containers(self) -> list[str]:
        """What is left on the engine."""
        line = ["ps", "--all", "--filter", f"label=cohort.project={self.project}"]
        return docker(*line, "--format", "{{.Names}}").split()


@contextmanager
def judging(
    folder: Path, url: str = "", gpus: tuple[str, ...] = (), limits: Limits = LIMITS
) -> Iterator[Judge]:
    """An autograder whose containers and folders are gone, and known to be, after the block."""
    database = open_database(url or f"sqlite:///{folder / 'lab.db'}")
    ensure_schema(database)
    judge = Judge(folder, database, gpus, limits)
    with owned(judge.project):
        try:
            yield judge
        finally:
            if left := judge.containers():
                docker("rm", "--force", *left)
            database.dispose()


def score(verdict: dict) -> float:
    """All points of a notebook."""
    return sum(cell["score"] for cell in verdict["cells"].values())
