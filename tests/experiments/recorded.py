"""The experiments service as its contract has it, from memory: for what the real one rarely does.

It keeps runs as plain JSON, brings them forward a step whenever they are looked at, notes every
request, and loses connections when it is told to.
"""

from __future__ import annotations

import io
import json
import socket
import tarfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from experiments.notebooks import validate_notebook
from experiments.parameters import read_parameters
from experiments.service.shapes import parameter_shape
from tests.labs import eventually

PREFIX = "/services/experiments"
TOKEN = "t0ken"
AT = "2026-11-23T06:00:00+00:00"
ENDED = {"succeeded", "failed", "cancelled", "timed out", "lost"}


def run_data(name: str = "run-aaaaaaaaaaaa", **changes) -> dict:
    """A run that waits, as the API has it."""
    data = {
        "id": name, "owner": "team-apollo", "owner_title": "team apollo", "author": "ada",
        "title": "train", "notebook": "train.ipynb", "snapshot": "0" * 64, "parameters": {},
        "secrets": [], "tags": [], "state": "waiting", "reason": None, "message": None,
        "kernel": "python3", "image": "workspace", "image_digest": "sha256:1", "cpus": 1.0,
        "memory_bytes": 2 * 2**30, "gpus": 0, "devices": [], "time_limit_s": 3600,
        "cell_limit_s": 0, "network": False, "attempt": 0, "max_attempts": 3, "cells_done": 0,
        "cells_total": None, "metrics": {}, "verdict": None, "sweep_id": None,
        "schedule_id": None, "verify_of": None, "created_at": AT, "started_at": None,
        "ended_at": None, "reported_at": None, "published_at": None, "removed_at": None,
        "bytes_kept": 0,
        "waiting": None, "may": ["cancel"], "url": f"{PREFIX}/runs/{name}",
    }  # fmt: skip
    return data | changes


def ended(state: str = "succeeded", **changes) -> dict:
    """What changes in a run when it ends."""
    return {
        "state": state, "started_at": "2026-11-23T06:00:02+00:00",
        "ended_at": "2026-11-23T06:03:14+00:00", "reported_at": "2026-11-23T06:03:15+00:00",
        "cells_done": 3, "cells_total": 3, **changes,
    }  # fmt: skip


RUNNING = {"state": "running", "started_at": "2026-11-23T06:00:02+00:00", "cells_total": 3}
WAITS = {"waiting": {"why": "It needs 1 GPU; 0 GPUs are free.", "place": 3, "expected": None}}


def refusal(status: int, code: str, message: str, **details) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, **details}}, status)


class HangUp(Exception):
    """The connection is cut before the answer is whole, after it was heard if ``heard``."""

    def __init__(self, *, heard: bool = False) -> None:
        self.heard = heard

    async def answer(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise self


@dataclass
class RecordedService:
    """What it knows, what it was asked, and what it is to do."""

    runs: dict[str, dict] = field(default_factory=dict)
    sweeps: dict[str, dict] = field(default_factory=dict)
    schedules: dict[str, dict] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    log: bytes = b""
    # Of a run: how it changes, one step whenever it is looked at.
    steps: list[dict] = field(default_factory=list)
    events: list[tuple[str, dict]] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)  # events of one connection after another
    # Answers in place of the usual ones, by "METHOD /path".
    instead: dict[str, list[Response | HangUp]] = field(default_factory=dict)
    asked: list[tuple[str, str, object]] = field(default_factory=list)
    handed_in: list[dict[str, bytes]] = field(default_factory=list)
    by_key: dict[str, str] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin anew."""
        self.__init__()

    def bodies(self, line: str) -> list:
        """What was sent with each request of this "METHOD /path"."""
        return [body for method, path, body in self.asked if f"{method} {path}" == line]

    def add_run(self, **changes) -> dict:
        name = f"run-{len(self.runs):a>12}".replace("0", "z")
        self.runs[name] = run_data(name, **changes)
        return self.runs[name]

    def look(self, run: dict) -> dict:
        """The run as it is now; it goes on a step."""
        if self.steps:
            run |= {"waiting": None, **self.steps.pop(0)}
        return run


def create_app(service: RecordedService) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, call_next):
        path = request.url.path.removeprefix(f"{PREFIX}/api/v1")
        body = await request.body()
        is_json = "json" in request.headers.get("content-type", "")
        said = json.loads(body) if is_json else dict(request.query_params)
        service.asked.append((request.method, path, said))
        if request.headers.get("authorization") != f"token {TOKEN}":
            return refusal(401, "login_needed", "Nobody is logged in here.")
        waiting = service.instead.get(f"{request.method} {path}")
        if waiting:
            answer = waiting.pop(0)
            if not isinstance(answer, HangUp):
                return answer
            if answer.heard:
                await call_next(request)
            return StreamingResponse(answer.answer(), headers={"content-length": "9"})
        return await call_next(request)

    for add in (_add_runs, _add_changes, _add_sweeps, _add_schedules, _add_files, _add_rest):
        add(app, service)
    return app


def _add_runs(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.post(f"{api}/runs")
    async def submit(request: Request):
        body = await request.json()
        asked = body["run"]
        if asked["idempotency_key"] in service.by_key:
            run = service.runs[service.by_key[asked["idempotency_key"]]]
            return {"run": run, "created": False, "same": "key"}
        for run in service.runs.values():
            same = run["parameters"] == asked["parameters"] and run["state"] == "succeeded"
            if same and not body["again"]:
                return {"run": run, "created": False, "same": "inputs"}
        run = service.add_run(parameters=asked["parameters"], owner=body["owner"],
                              secrets=sorted(asked["secrets"]))  # fmt: skip
        service.by_key[asked["idempotency_key"]] = run["id"]
        return JSONResponse({"run": run, "created": True, "same": None}, 201)

    @app.get(f"{api}/runs")
    def find(limit: int, after: str | None = None, state: str | None = None):
        found = [run for run in service.runs.values() if state in (None, run["state"])]
        start = int(after or 0)
        more = str(start + limit) if start + limit < len(found) else None
        return {"runs": found[start : start + limit], "next": more}

    @app.get(f"{api}/runs/{{name}}")
    def show(name: str):
        if name not in service.runs:
            return refusal(404, "run_unknown", f"There is no run {name} that you may see.")
        return service.look(service.runs[name])


def _add_changes(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.get(f"{api}/runs/{{name}}/changes")
    def changes(name: str):
        return {"changes": [{"at": AT, "who": "ada", "what": "waiting", "detail": None}]}

    @app.post(f"{api}/runs/{{name}}/cancel")
    def cancel(name: str):
        run = service.runs[name]
        if run["state"] in ENDED:
            return refusal(409, "already_ended", f"The run {name} has already ended.")
        run |= {"state": "cancelled", "ended_at": AT}
        return run

    @app.put(f"{api}/runs/{{name}}/published")
    def publish(name: str):
        run = service.runs[name]
        if run["state"] not in ENDED:
            return refusal(409, "publish_not_possible", "Only the report of a run that came to its "
                           "end can be published.")  # fmt: skip
        run["published_at"] = AT
        return run

    @app.delete(f"{api}/runs/{{name}}/published")
    def withdraw(name: str):
        service.runs[name]["published_at"] = None
        return service.runs[name]

    @app.post(f"{api}/runs/{{name}}/retry", status_code=201)
    def retry(name: str):
        return {"run": service.add_run()}

    @app.post(f"{api}/runs/{{name}}/verify", status_code=201)
    def verify(name: str):
        return {"run": service.add_run(verify_of=name)}

    @app.get(f"{api}/runs/{{name}}/events")
    def events(name: str, request: Request):
        start = int(request.headers.get("last-event-id", 0))
        return StreamingResponse(_stream(service, start), media_type="text/event-stream")


async def _stream(service: RecordedService, start: int) -> AsyncIterator[bytes]:
    room = service.break_after.pop(0) if service.break_after else None
    lines = [*service.events, ("end", {})][start:]
    for number, (name, data) in enumerate(lines, start + 1):
        if room is not None and number > start + room:
            raise HangUp
        said = json.dumps(data, ensure_ascii=False)
        yield f": ping\r\n\r\nid: {number}\r\nevent: {name}\r\ndata: {said}\r\n\r\n".encode()


def _add_sweeps(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.post(f"{api}/sweeps", status_code=201)
    async def sweep(request: Request):
        body = (await request.json())["sweep"]
        made = {
            "id": "sweep-aaaaaaaaaaaa", "owner": "team-apollo", "author": "ada", "title": "train",
            "spec": body["spec"], "max_running": body.get("max_running", 4), "created_at": AT,
            "counts": {"waiting": 4}, "members": 4, "url": f"{PREFIX}/sweeps/sweep-aaaaaaaaaaaa",
        }  # fmt: skip
        service.sweeps[made["id"]] = made
        return {"sweep": made}

    @app.get(f"{api}/sweeps")
    def sweeps():
        return {"sweeps": list(service.sweeps.values()), "next": None}

    @app.get(f"{api}/sweeps/{{name}}")
    def show_sweep(name: str):
        return service.look(service.sweeps[name])

    @app.post(f"{api}/sweeps/{{name}}/{{what}}")
    def change_sweep(name: str, what: str):
        return service.sweeps[name]


def _add_schedules(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.post(f"{api}/schedules/preview")
    async def preview(request: Request):
        cron = (await request.json())["cron"]
        if len(cron.split()) != 5:
            return refusal(422, "cron_invalid", f'"{cron}" is no cron expression.', field="cron")
        return {"times": [AT]}

    @app.post(f"{api}/schedules", status_code=201)
    async def schedule(request: Request):
        body = (await request.json())["schedule"]
        made = {
            "id": "schedule-aaaaaaaaaaaa", "owner": "team-apollo", "author": "ada",
            "title": "train", "notebook": "train.ipynb", "cron": body["cron"],
            "timezone": body.get("timezone", "Asia/Hong_Kong"), "missed": "one",
            "overlap": "forbid", "paused": False, "next_at": AT, "next": [AT], "last_at": None,
            "request": body["run"] | {"secrets": []}, "url": f"{PREFIX}/schedules/schedule-a",
        }  # fmt: skip
        service.schedules[made["id"]] = made
        return {"schedule": made}

    @app.get(f"{api}/schedules")
    def schedules():
        return {"schedules": list(service.schedules.values())}

    @app.get(f"{api}/schedules/{{name}}")
    def show_schedule(name: str):
        return service.schedules[name]

    @app.post(f"{api}/schedules/{{name}}/{{what}}")
    def change_schedule(name: str, what: str):
        service.schedules[name]["paused"] = what == "pause"
        return service.schedules[name]

    @app.patch(f"{api}/schedules/{{name}}")
    async def alter_schedule(name: str, request: Request):
        service.schedules[name] |= await request.json()
        return service.schedules[name]

    @app.delete(f"{api}/schedules/{{name}}", status_code=204)
    def remove(name: str):
        del service.schedules[name]


def _add_files(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.post(f"{api}/snapshots", status_code=201)
    async def hand_in(request: Request):
        async with request.form() as form:
            archive = io.BytesIO(await form["archive"].read())
            service.asked.append(("FORM", "/snapshots", {"owner": form["owner"]}))
        with tarfile.open(fileobj=archive) as tar:
            files = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}
        service.handed_in.append(files)
        return {"hash": "5" * 64, "files": len(files), "bytes": 1}

    @app.get(f"{api}/snapshots/{{snapshot}}/parameters")
    def parameters(notebook: str):
        content = validate_notebook(service.handed_in[-1][notebook])
        found = [parameter_shape(one).model_dump() for one in read_parameters(content)]
        return {"notebook": notebook, "parameters": found}

    @app.get(f"{api}/runs/{{name}}/log")
    def log(name: str):
        return PlainTextResponse(service.log)

    @app.get(f"{api}/runs/{{name}}/files")
    def files(name: str):
        return {"files": [{"path": p, "bytes": len(c)} for p, c in service.files.items()]}

    @app.get(f"{api}/runs/{{name}}/files/{{path:path}}")
    def file(name: str, path: str):
        return Response(service.files[path], media_type="application/octet-stream")

    @app.get(f"{api}/runs/{{name}}/report.pdf")
    def pdf(name: str):
        return Response(b"%PDF-", media_type="application/pdf")


def _add_rest(app: FastAPI, service: RecordedService) -> None:
    api = f"{PREFIX}/api/v1"

    @app.get(f"{api}/me")
    def me():
        owners = [{"account": "team-apollo", "title": "team apollo"}]
        return {"login": "team-apollo", "name": "team apollo", "role": None, "owners": owners,
                "advises": [], "xsrf": None}  # fmt: skip

    @app.get(f"{api}/compare")
    def compare(request: Request):
        names = request.query_params.getlist("run")
        columns = [
            {"kind": "parameter", "name": "lr", "numeric": True, "varies": True},
            {"kind": "parameter", "name": "epochs", "numeric": True, "varies": False},
            {"kind": "metric", "name": "loss", "numeric": True, "varies": True},
        ]
        rows = [{"run": name, "title": "train", "author": "ada", "state": "succeeded",
                 "verdict": None, "created": AT, "seconds": 3.0,
                 "values": [0.1 * (number + 1), 3, 1 / 3 if number else None]}
                for number, name in enumerate(names)]  # fmt: skip
        return {"columns": columns, "rows": rows}

    @app.get(f"{api}/compare/cells")
    def compare_cells():
        return {"cells": [DIFFERENT], "compared": 3, "different": 1, "first": 0}


DIFFERENT = {
    "kind": "code", "same_source": True, "same_outputs": False,
    "difference": "Line 1: '0.31' and '0.42'.",
    "left": {"index": 2, "source": "print(loss)", "outputs": [{"kind": "stdout", "text": "0.31"}]},
    "right": {"index": 2, "source": "print(loss)", "outputs": [{"kind": "stdout", "text": "0.42"}]},
}  # fmt: skip


def verdict(word: str) -> dict:
    """A verdict as it stands on a run."""
    off = {"name": "loss", "original": 0.31, "again": 0.42, "same": False, "within": False,
           "tolerance": None}  # fmt: skip
    diverged = word == "DIVERGED"
    return {
        "verdict": word, "sentence": "Run again, it came out so.", "original": "run-a",
        "again": "run-b", "metrics": [off] if diverged else [], "tolerances": {},
        "cells": {"compared": 3, "different": int(diverged)},
        "first": DIFFERENT if diverged else None,
    }  # fmt: skip


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an app's service while it is served, by a thread of this process."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        eventually(lambda: server.started, what="the service has started")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
        finally:
            server.should_exit = True
            thread.join()
