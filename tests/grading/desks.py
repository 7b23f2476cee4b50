"""Desks, team workspaces and course servers with nbgrader, as containers of the workspace image.

They talk to the grading service of `tests.grading.services`; a token is its account's name.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from fastapi import Request

from cohort.service.callers import Caller
from cohort.service.session import LoginNeededError
from grading.service.context import Context, with_autograder
from tests.grading import services
from tests.grading.services import PEOPLE, PREFIX, Service
from tests.labs import PREFIX as PROJECT
from tests.machine import docker
from tests.workspace.servers import image

HOME = "/home/jovyan"
INSIDE = "/srv/tests"  # this folder, there
# Instructor's version of an assignment: an answer, its tests (some hidden), a question in words.
HIDDEN = "assert answer == 42, 'not 42'"
SOURCE = {
    "answer": ("code", "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", None),
    "test": (
        "code",
        f"assert answer > 0\n### BEGIN HIDDEN TESTS\n{HIDDEN}\n### END HIDDEN TESTS",
        10,
    ),
    "words": ("markdown", "Write why.", 5),
}


async def token_caller(request: Request) -> Caller:
    """In place of the hub's word: whoever the token is named after."""
    found = PEOPLE.get(request.headers.get("Authorization", "").removeprefix("token "))
    if found is None:
        raise LoginNeededError
    return found


@contextmanager
def service_for_desks(folder: Path, *, grades: bool = False) -> Iterator[Service]:
    """A service whose callers have tokens; it ``grades`` with containers of the image."""
    with mock.patch.object(services, "fixed_caller", token_caller):
        service = Service(folder / "data", "")
        if grades:
            service.context = _graded(service.context)
        with service.serving():
            yield service


def _graded(context: Context) -> Context:
    """The service's parts with an autograder, whose containers are this service's alone."""
    lab = context.settings.lab.model_copy(update={"project": PROJECT + secrets.token_hex(3)})
    settings = context.settings.model_copy(update={"lab": lab})
    found = {"COHORT_IMAGE_TAG": image().rpartition(":")[2], "COHORT_CDI_DIRS": "/etc/cdi"}
    with mock.patch.dict(os.environ, found):
        return with_autograder(dataclasses.replace(context, settings=settings))


class Desk:
    """The container of one account."""

    def __init__(self, account: str, home: Path, name: str) -> None:
        self.account, self.home, self._name = account, home, name
        self._inside: subprocess.Popen | None = None

    def nbgrader(self, *words: str, fails: bool = False) -> str:
        """What the command ``nbgrader`` says; it must end well, unless it is to fail."""
        done = self.call("nbgrader", words=words)
        assert bool(done["code"]) == fails, done["said"]
        return done["said"]

    def call(self, function: str, **arguments: object) -> object:
        """What a function of `tests.grading.inside` returns there; one process answers all."""
        if self._inside is None:
            self._inside = subprocess.Popen(
                ["docker", "exec", "--interactive", "--workdir", HOME, self._name, "python",
                 f"{INSIDE}/inside.py"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        print(json.dumps([function, arguments]), file=self._inside.stdin, flush=True)
        answer = json.loads(self._inside.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        if self._inside is not None:
            self._inside.communicate()

    def write(self, files: dict[str, bytes]) -> None:
        """Put files into the account's home."""
        for name, content in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        subprocess.run(["chown", "-R", "1000:1000", self.home], check=True)


@contextmanager
def desk(service: Service | None, account: str, folder: Path) -> Iterator[Desk]:
    """A container of an account with its home, for the time being."""
    home = folder / account
    home.mkdir()
    course = account.removeprefix("course-") if account.startswith("course-") else ""
    variables = {
        "COHORT_GRADING_URL": service.url + PREFIX if service else "",
        "COHORT_COURSE": course,
        "JUPYTERHUB_API_TOKEN": account,
        "JUPYTERHUB_USER": account,
    }
    flags = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    volumes = (f"{home}:{HOME}", f"{Path(__file__).parent}:{INSIDE}:ro")
    flags += [part for volume in volumes for part in ("--volume", volume)]
    name = docker("run", "--detach", "--init", "--network", "host", "--label", "cohort.kind=test",
                  *flags, image(), "sleep", "infinity")  # fmt: skip
    one = Desk(account, home, name)
    try:
        one.write({})
        yield one
    finally:
        one.close()
        docker("rm", "--force", name)


def answered(released: str, answer: str) -> bytes:
    """A notebook as it was fetched, with a student's code in its first cell."""
    notebook = json.loads(released)
    notebook["cells"][0]["source"] = answer
    return json.dumps(notebook).encode()


def source_notebook(cells: dict = SOURCE) -> bytes:
    """The instructor's notebook, with nbgrader's marks on its cells."""
    made = []
    for name, (kind, source, points) in cells.items():
        test = name.startswith("test")
        facts = {"schema_version": 3, "grade_id": name, "grade": points is not None,
                 "solution": not test, "locked": test, "task": False}  # fmt: skip
        facts |= {"points": points} if points is not None else {}
        cell = {"cell_type": kind, "source": source, "metadata": {"nbgrader": facts}, "id": name}
        made.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole).encode()
