"""The grading service on a port of its own, without a hub: who calls is said by a header.

Everything else is what a lab has: database, store, the application served by uvicorn.
``python -m tests.grading.services FILE`` serves what a file describes until it is killed, which
is what the tests do to it.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.membership import Membership
from cohort.service.callers import Caller
from cohort.service.session import LoginNeededError
from cohort.settings import Settings
from grading.service.api.common import caller_of
from grading.service.app import PREFIX, create_app
from grading.service.context import Context, create_context
from grading.tables import Base
from tests.labs import ROOT, eventually
from tests.machine import free_ports

API = f"{PREFIX}/api/v1"
HEADER = "x-fixed-caller"
COURSE = "/courses/ai"
CAMPAIGN = bool(os.environ.get("COHORT_CAMPAIGN"))


def person(login: str, role: str, *teams: str) -> Caller:
    """Somebody whom no hub had to be asked for."""
    return Caller(login, login.title(), Membership(teams, role))


PEOPLE = {
    caller.login: caller
    for caller in (
        person("ada", "participant", "apollo"),
        person("ken", "participant", "apollo"),
        person("ben", "participant", "borealis"),
        person("eve", "participant", "comet"),  # her team takes no course
        person("mia", "mentor", "apollo"),
        person("ines", "instructor"),
        person("ivan", "instructor"),  # teaches the other course alone
        person("otto", "operator"),
        Caller("team-apollo", "team apollo"),
        Caller("team-borealis", "team borealis"),
        Caller("course-ai", "course ai"),
        Caller("course-ml", "course ml"),
    )
}
COURSES = [
    {"id": "ai", "title": "AI", "instructors": ["ines"], "takers": ["apollo", "borealis"]},
    {"id": "ml", "title": "ML", "instructors": ["ivan"], "takers": ["borealis"]},
]


async def fixed_caller(request: Request) -> Caller:
    """In place of the hub's word: whoever the header names."""
    found = PEOPLE.get(request.headers.get(HEADER, ""))
    if found is None:
        raise LoginNeededError
    return found


class FixedRoster:
    """In place of the hub's list: the people above."""

    async def everybody(self) -> tuple[Caller, ...]:
        return tuple(one for one in PEOPLE.values() if one.role is not None)


class Clock:
    """The real clock, which tests put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def make_context(data: Path, url: str, clock: Clock) -> Context:
    """The service's parts, on people and a clock of the tests."""
    data.mkdir(parents=True, exist_ok=True)
    settings = Settings.model_validate(
        {
            "lab": {"data": data},
            "database": url,
            "profiles": [{"name": k, "title": k, "kind": k} for k in ("desk", "team", "course")],
            "courses": COURSES,
        }
    )
    secrets = {"grading_key": "5e" * 32, "grading_token": "none"}
    context = create_context(settings, secrets)
    return dataclasses.replace(context, roster=FixedRoster(), now=clock)


def make_app(context: Context) -> FastAPI:
    """The application, which takes the header's word."""
    app = create_app(context)
    app.dependency_overrides[caller_of] = fixed_caller
    return app


class Service:
    """One running service and what tests do to it behind its back."""

    def __init__(self, data: Path, url: str) -> None:
        self.data, self.clock = data, Clock()
        self.context = make_context(data, url, self.clock)
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[Service]:
        """Serve inside the block."""
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(self.context), host="127.0.0.1", port=self.port, log_level="warning",
                access_log=False, timeout_graceful_shutdown=1,
            )
        )  # fmt: skip
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            eventually(lambda: server.started, 20, "the service listens")
            yield self
        finally:
            server.should_exit = True
            thread.join()

    def to(self, login: str, **headers: str) -> httpx.Client:
        """A client that calls the API as somebody."""
        return client(self.url, login, **headers)

    def everything(self) -> dict[str, object]:
        """All rows of all tables and the names of all files: equal if nothing has changed."""
        with Session(self.context.database) as session:
            rows = {
                name: sorted(map(repr, session.execute(select(table)).all()))
                for name, table in Base.metadata.tables.items()
                if name.startswith(("grading_", "autograde_"))
            }
        exchange = self.data / "exchange"
        return {**rows, "files": sorted(str(p) for p in exchange.rglob("*") if p.is_file())}


def client(url: str, login: str, **headers: str) -> httpx.Client:
    """A client of the API at an address, as somebody."""
    return httpx.Client(
        base_url=url + API, headers={HEADER: login, **headers}, timeout=30, trust_env=False
    )


@contextmanager
def service_in(folder: Path, url: str = "") -> Iterator[Service]:
    """A service with its data in a folder, on SQLite unless a URL says otherwise."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with Service(folder / "data", url).serving() as service:
        yield service


class Process:
    """The service in a process of its own, to be killed and started again."""

    def __init__(self, folder: Path, url: str) -> None:
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._file = folder / "service.json"
        facts = {"data": str(folder / "data"), "url": url, "port": self.port}
        self._file.write_text(json.dumps(facts))
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Serve, and return once it answers."""
        line = [sys.executable, "-m", "tests.grading.services", str(self._file)]
        self._process = subprocess.Popen(line, cwd=ROOT)
        eventually(self._answers, 30, "the service answers")

    def kill(self) -> None:
        """End it as a loss of power would."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the service ended by itself"
        try:
            return httpx.get(f"{self.url}{PREFIX}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False


def archive(files: dict[str, bytes]) -> bytes:
    """A tar.gz of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    """The files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def notebook(*sources: str, points: float = 0) -> bytes:
    """A notebook of code cells; with points its last cell is one that tests mark."""
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "execution_count": None,
         "metadata": {}}
        for source in sources or ("1 + 1",)
    ]  # fmt: skip
    if points:
        cells[-1]["metadata"] = {"nbgrader": {
            "grade": True, "grade_id": "t", "locked": True, "points": points,
            "schema_version": 3, "solution": False, "task": False}}  # fmt: skip
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole).encode()


def release(to: httpx.Client, name: str = "ps1", **rules: object) -> dict:
    """Release an assignment of one notebook, ``work.ipynb``, as an instructor with these rules."""
    if rules:
        answer = to.put(f"{COURSE}/assignments/{name}", json=rules)
        assert answer.status_code == 200, answer.text
    files = {
        "release/work.ipynb": notebook("# your work"),
        "release/data/a.csv": b"1,2\n",
        "source/work.ipynb": notebook("answer = 42", "assert answer == 42", points=10),
        "source/data/a.csv": b"1,2\n",
    }
    answer = to.post(f"{COURSE}/assignments/{name}/release", content=archive(files))
    assert answer.status_code == 201, answer.text
    return answer.json()


def hand_in(
    to: httpx.Client, name: str = "ps1", files: dict[str, bytes] | None = None, *,
    key: str | None = None, owner: str | None = None,
) -> httpx.Response:  # fmt: skip
    """Hand in a folder, ``work.ipynb`` alone unless others are given."""
    return to.post(
        f"{COURSE}/assignments/{name}/submissions",
        content=archive(files or {"work.ipynb": notebook("answer = 41")}),
        params={"owner": owner} if owner else {},
        headers={"Idempotency-Key": key} if key else {},
    )


def mark(name: str, submission: dict, score: float, **more: object) -> dict:
    """The body of a mark for a hand-in."""
    cells = [{"name": "t", "score": score, "max_score": 10, "comment": "well"}]
    return {"assignment": name, "owner": submission["owner"], "submission": submission["id"],
            "score": score, "max_score": 10, "cells": cells, **more}  # fmt: skip


def hand_back(to: httpx.Client, name: str, submission: dict) -> httpx.Response:
    """Hand a page back on a hand-in."""
    return to.post(
        f"{COURSE}/assignments/{name}/submissions/{submission['id']}/feedback",
        content=archive({"work.html": b"<h1>Well done</h1><script>alert(1)</script>"}),
    )


def refused(answer: httpx.Response, status: int, code: str) -> dict:
    """The error of a refusal, which has the shape that all of them have."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert error["code"] == code, error
    assert error["message"].endswith((".", "?"))
    return error


def main() -> None:
    """Serve what the file describes."""
    facts = json.loads(Path(sys.argv[1]).read_text())
    context = make_context(Path(facts["data"]), facts["url"], Clock())
    uvicorn.run(make_app(context), host="127.0.0.1", port=facts["port"], log_level="warning")


if __name__ == "__main__":
    main()
