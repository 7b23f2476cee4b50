"""The experiments service on a port of its own, without a hub: who calls is said by a header.

Everything else is what a lab has: database, store, engine, the application served by uvicorn.
Runs are brought through their states by the tests, so nothing depends on how fast they are;
the supervisor runs only in a service that is told to.
"""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import httpx
import uvicorn
from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.database import Base
from cohort.membership import Membership
from cohort.service.callers import Caller
from cohort.service.session import LoginNeededError
from cohort.settings import Settings
from experiments.changes import Cause, move
from experiments.report.collect import collect
from experiments.service.api.common import caller_of
from experiments.service.app import PREFIX, create_app
from experiments.service.context import create_context
from experiments.states import State
from experiments.tables import Run
from tests.labs import PREFIX as PROJECT
from tests.labs import eventually
from tests.machine import free_ports
from tests.workspace.servers import image

API = f"{PREFIX}/api/v1"
HEADER = "x-fixed-caller"


def person(login: str, role: str, *teams: str) -> Caller:
    """Somebody whom no hub had to be asked for."""
    return Caller(login, login.title(), Membership(teams, role))


PEOPLE = {
    caller.login: caller
    for caller in (
        person("ada", "participant", "apollo"),
        person("ken", "researcher", "apollo"),
        person("ben", "participant", "borealis"),
        person("mia", "mentor", "apollo"),
        person("max", "mentor", "borealis"),
        person("ines", "instructor"),
        person("otto", "operator"),
        Caller("team-apollo", "team apollo"),
        Caller("course-ml", "course ml"),
    )
}  # fmt: skip


async def fixed_caller(request: Request) -> Caller:
    """In place of the hub's word: whoever the header names."""
    found = PEOPLE.get(request.headers.get(HEADER, ""))
    if found is None:
        raise LoginNeededError
    return found


class Service:
    """One running service and what tests do to it behind its back."""

    def __init__(self, data: Path, url: str, **settings: object) -> None:
        self.data = data
        (data / "runs").mkdir(parents=True)
        (data / "scenarios").mkdir()
        self.settings = Settings.model_validate(
            {
                "lab": {"data": data, "project": PROJECT + secrets.token_hex(3)},
                "database": url,
                "profiles": [{"name": k, "title": k, "kind": k} for k in ("desk", "team")],
                **settings,
            }
        )
        tag = image().rpartition(":")[2]
        environment = {"COHORT_IMAGE_TAG": tag, "COHORT_CDI_DIRS": "/etc/cdi"}
        with mock.patch.dict(os.environ, environment):
            self.context = create_context(
                self.settings, {"experiments_key": "5e" * 32, "experiments_token": "none"}
            )
        self.app = create_app(self.context)
        self.app.dependency_overrides[caller_of] = fixed_caller
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self, *, supervised: bool = False) -> Iterator[Service]:
        """Serve inside the block; supervisor and loops run only if they are asked for."""
        server = uvicorn.Server(
            uvicorn.Config(
                self.app, host="127.0.0.1", port=self.port, log_level="warning", access_log=False,
                lifespan="on" if supervised else "off", timeout_graceful_shutdown=1,
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
            if not supervised:  # else the application has closed it
                self.context.pool.close()
                self.context.database.dispose()

    def to(self, login: str, **headers: str) -> httpx.Client:
        """A client that calls the API as somebody."""
        return httpx.Client(
            base_url=self.url + API, headers={HEADER: login, **headers}, timeout=30,
            trust_env=False,
        )  # fmt: skip

    def run(self, run_id: str) -> Run:
        with Session(self.context.database, expire_on_commit=False) as session:
            return session.get_one(Run, run_id)

    def move(self, run_id: str, *states: State, **cause: object) -> None:
        """Bring a run through states, as the supervisor does."""
        for state in states:
            with Session(self.context.database) as session, session.begin():
                row = session.get_one(Run, run_id)
                move(session, row, state, self.context.offer.now(), Cause(**cause))

    def finish(self, run_id: str, files: dict[str, bytes], *, report: bool = False) -> None:
        """End a run that left these files, with a report on it if asked for."""
        self.move(run_id, State.STARTING, State.RUNNING, State.SUCCEEDED)
        result = self.data / "result"
        for name, content in files.items():
            path = result / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        kept = self.context.folders.kept(run_id)
        collect(result, kept, b"said\n", attempt=1)
        if report:
            self.context.supervisor.attempts.report(run_id)

    def everything(self) -> dict[str, object]:
        """All rows of all tables and the names of all files: equal if nothing has changed."""
        with Session(self.context.database) as session:
            rows = {
                name: sorted(map(repr, session.execute(select(table)).all()))
                for name, table in Base.metadata.tables.items()
            }
        files = sorted(str(p) for p in (self.data / "runs").rglob("*") if p.is_file())
        return {**rows, "files": files}


@contextmanager
def service_in(folder: Path, url: str = "", **settings: object) -> Iterator[Service]:
    """A service with its data in a folder, on SQLite unless a URL says otherwise."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with Service(folder / "data", url, **settings).serving() as service:
        yield service


def archive(files: dict[str, bytes]) -> bytes:
    """A tar.gz of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def notebook(parameters: str = "lr: float = 0.1", cells: int = 1) -> bytes:
    """A notebook with a cell of parameters and some more."""
    first = {"cell_type": "code", "source": parameters, "outputs": [], "execution_count": None,
             "metadata": {"tags": ["parameters"]}}  # fmt: skip
    more = {**first, "source": "1 + 1", "metadata": {}}
    return json.dumps(
        {"cells": [first, *[more] * cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    ).encode()


def hand_in(client: httpx.Client, owner: str = "team-apollo", files=None, **form) -> httpx.Response:
    """Upload a folder, ``work.ipynb`` alone unless others are given."""
    content = archive(files or {"work.ipynb": notebook()})
    return client.post(
        "/snapshots", data={"owner": owner, **form}, files={"archive": ("a.tar.gz", content)}
    )


def request_for(client: httpx.Client, owner: str = "team-apollo", **fields: object) -> dict:
    """The body of a submission of a notebook that is handed in for it."""
    snapshot = hand_in(client, owner).json()["hash"]
    return {
        "owner": owner,
        "run": {"notebook": "work.ipynb", "snapshot": snapshot, "memory": "256M", **fields},
    }


def submit(client: httpx.Client, owner: str = "team-apollo", **fields: object) -> dict:
    """A run of a simple notebook, as the API gives it."""
    answer = client.post("/runs", json=request_for(client, owner, **fields) | {"again": True})
    assert answer.status_code == 201, answer.text
    return answer.json()["run"]


def refused(answer: httpx.Response, status: int, code: str) -> dict:
    """The error of a refusal, which has the shape that all of them have."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert error["code"] == code, error
    assert isinstance(error["message"], str)
    assert error["message"].endswith((".", "?"))
    return error
