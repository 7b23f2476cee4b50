"""A program in somebody's workspace that asks the experiments service, for the bench."""

from __future__ import annotations

import io
import json
import tarfile
import time

import httpx

from tests.labs import Lab

ENDED = {"succeeded", "failed", "cancelled", "timed out", "lost"}


def notebook(cells: list[str], parameters: str = "seed = 1") -> bytes:
    """A notebook with a parameters cell and these code cells."""

    def cell(number: int, source: str, tags: list[str]) -> dict:
        return {"cell_type": "code", "id": f"c{number}", "metadata": {"tags": tags},
                "source": source, "outputs": [], "execution_count": None}  # fmt: skip

    made = [cell(0, parameters, ["parameters"])]
    made += [cell(number, source, []) for number, source in enumerate(cells, 1)]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": made}
    return json.dumps(content).encode()


class Asker:
    """Speaks to the service with the token of a team's server."""

    def __init__(self, lab: Lab, account: str) -> None:
        token = lab.sh(account, 'printf %s "$JUPYTERHUB_API_TOKEN"')
        self.owner = account
        self.http = httpx.Client(
            base_url=f"{lab.url}/services/experiments/",
            headers={"Authorization": f"token {token}"},
            timeout=120,
            # Shorter than the proxy keeps connections: a request on one that it closes just then
            # is lost.
            limits=httpx.Limits(max_connections=100, keepalive_expiry=2),
        )

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()

    def hand_in(self, content: bytes) -> str:
        """Hand a notebook in; its snapshot's hash."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo("notebook.ipynb")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        files = {"archive": ("folder.tar.gz", packed.getvalue())}
        return self.ask("POST", "snapshots", data={"owner": self.owner}, files=files)["hash"]

    def ask(self, method: str, path: str, **options) -> dict:
        """Ask the API; what it answers, or an error with the evidence."""
        answer = self.http.request(method, f"api/v1/{path}", **options)
        if answer.status_code >= 300:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def submit(self, snapshot: str, **options) -> dict:
        """Ask for a run."""
        run = {"snapshot": snapshot, "notebook": "notebook.ipynb", **options}
        body = {"owner": self.owner, "run": run, "again": True}
        return self.ask("POST", "runs", json=body)["run"]

    def wait(self, run_id: str) -> dict:
        """The run once its report is made, and with it all that the machine had to do for it."""
        while True:
            run = self.ask("GET", f"runs/{run_id}")
            if run["state"] in ENDED - {"succeeded"}:
                raise AssertionError(f"a run went wrong: {run}")
            if run["reported_at"]:
                return run
            time.sleep(0.05)

    def first_cell(self, run_id: str) -> float:
        """When the first cell of a run began, in seconds since 1970."""
        answer = self.http.get(f"api/v1/runs/{run_id}/files/events.jsonl")
        events = [json.loads(line) for line in answer.text.splitlines()]
        return next(event["t"] for event in events if event["kind"] == "cell_started")
