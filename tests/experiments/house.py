"""A lab's experiments without its web: database, snapshots, queue and supervisor on real engines.

``python -m tests.experiments.house FILE`` supervises the house described in a file until it is
killed, which is what the tests do to it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohort.database import ensure_schema, open_database
from cohort.engine import Engine
from cohort.engine_docker import DockerEngine
from cohort.gpus import GpuLedger
from cohort.settings import Settings
from experiments.attempts import Attempts
from experiments.changes import cancel
from experiments.hand_ins import By, hand_in
from experiments.launch import COMMAND, Launcher
from experiments.offer import GIB, Offer, Room
from experiments.queue import Origin, submit
from experiments.requests import RunRequest
from experiments.seal import Seal
from experiments.snapshots import SnapshotStore
from experiments.states import ACTIVE, ENDED
from experiments.supervisor import Supervisor
from experiments.tables import Run, RunChange
from tests.experiments.witnesses import evidence
from tests.labs import ROOT, docker, eventually

CAMPAIGN = bool(os.environ.get("COHORT_CAMPAIGN"))
KEY = "5e" * 32
OWNER = Origin(owner="team-apollo", author="ada")

# In place of the runner: does what its parameters say, by the same rules of files and codes.
# "ran" is the proof that an attempt was executed, and how often.
STAND_IN = r"""
import json, os, signal, sys, time
order = json.load(open("/run/order.json"))
p = order["parameters"]
print("ran", order["run"], order["attempt"], flush=True)

def event(**more):
    with open("/run/result/events.jsonl", "a") as log:
        log.write(json.dumps({"t": time.time(), **more}) + "\n")

def end(outcome, code, **more):
    result = {"outcome": outcome, "reason": None, "message": None, "cell": None, "ename": None,
              "evalue": None, "started": 0.0, "ended": 1.0, "cells_total": 3, "cells_done": 3,
              "metrics": {"answer": p.get("answer", 42)}, "seed": None,
              "environment": {"python": "3", "packages": {}, "cpu": "", "cores": 1, "gpu": [],
                              "driver": None}, **more}
    with open("/run/result/.result", "w") as file:
        json.dump(result, file)
    os.replace("/run/result/.result", "/run/result/result.json")
    sys.exit(code)

signal.signal(signal.SIGTERM, lambda *_: end("cancelled", 2, reason="cancelled"))
event(kind="run_started", cells=3)
event(kind="cell_ended", cell=0, ok=True, seconds=0.1)
exec(p.get("do", ""))
time.sleep(p.get("seconds", 0))
end(p.get("outcome", "succeeded"), p.get("code", 0), **p.get("more", {}))
"""
STANDING_IN = ("python3", "-c", STAND_IN)


class House:
    """One lab's runs, in a folder; several processes may open the same one."""

    def __init__(self, description: dict) -> None:
        self.description, self.skew = description, timedelta(0)
        self.data = Path(description["data"])
        self._said = self.data / "house.log"
        self.project = description["project"]
        self.settings = Settings.model_validate(
            {
                "lab": {"data": self.data, "project": self.project},
                "profiles": [
                    {"name": kind, "title": kind, "kind": kind} for kind in ("desk", "team")
                ],
            }
        )
        (self.data / "runs").mkdir(parents=True, exist_ok=True)
        (self.data / "scenarios").mkdir(exist_ok=True)
        self.database = open_database(description["url"])
        ensure_schema(self.database)
        self.ledger = GpuLedger(self.database, description.get("devices", []))
        self.snapshots = SnapshotStore(self.data / "runs")
        self.reported: Counter[str] = Counter()
        self.seal = Seal(KEY)
        self.offer = Offer(
            total=Room(description.get("cpus", 4), 64 * GIB, len(self.ledger.devices)),
            images={"workspace": description["digest"]},
            seal=self.seal,
            now=self.now,
        )
        command = COMMAND if description.get("real") else STANDING_IN
        self.launcher = Launcher(self.settings, self.snapshots, self.seal, command)

    def now(self) -> datetime:
        """The house's clock."""
        return datetime.now(UTC) + self.skew

    def attempts(self, engine: Engine) -> Attempts:
        """The steps of a run's life, on an engine."""
        return Attempts(
            self.database, engine, self.launcher, self.ledger, self._report, now=self.now
        )

    def _report(self, run_id: str) -> None:
        self.reported[run_id] += 1

    @contextmanager
    def supervised(self, engine: Engine | None = None, **limits) -> Iterator[Supervisor]:
        """A supervisor in this process."""
        supervisor = Supervisor(self.attempts(engine or DockerEngine()), self.offer, **limits)
        supervisor.start()
        try:
            yield supervisor
        finally:
            supervisor.stop()

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen]:
        """A supervisor in a process of its own, which is killed at the end of the block."""
        file = self.data / "house.json"
        file.write_text(json.dumps(self.description))
        line = [sys.executable, "-m", "tests.experiments.house", str(file)]
        with self._said.open("a") as said:
            process = subprocess.Popen(line, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Whatever fails inside the block says in what state everything is then."""
        try:
            yield
        except BaseException as e:
            e.add_note(evidence(self, self._said))
            raise

    def hand_in(self, files: dict[str, bytes]) -> str:
        """A snapshot of these files; its hash."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        archive.seek(0)
        by = By(OWNER.owner, OWNER.author)
        return hand_in(self.database, self.snapshots, archive, by, self.now()).hash

    def submit(self, files: dict[str, bytes] | None = None, **request) -> str:
        """A run of ``work.ipynb``; its id. What is not a field of a request is a parameter."""
        fields = {k: request.pop(k) for k in list(request) if k in RunRequest.model_fields}
        asked = RunRequest(
            **{
                "notebook": "work.ipynb",
                "snapshot": self.hand_in(files or {"work.ipynb": b"{}"}),
                "parameters": request,
                "memory": "256M",
                **fields,
            }
        )
        with Session(self.database) as session, session.begin():
            return submit(session, asked, OWNER, self.offer).id

    def run(self, run_id: str) -> Run:
        """The run's row as it is now."""
        with Session(self.database, expire_on_commit=False) as session:
            return session.get_one(Run, run_id)

    def alter(self, run_id: str, **values) -> None:
        """Change a row as a crash, a clock or another service may have left it."""
        with Session(self.database) as session, session.begin():
            run = session.get_one(Run, run_id)
            for name, value in values.items():
                setattr(run, name, value)

    def cancel(self, run_id: str) -> None:
        with Session(self.database) as session, session.begin():
            cancel(session, session.get_one(Run, run_id), "ben", self.now())

    def history(self, run_id: str) -> list[str]:
        """The states that a run went through, in order."""
        with Session(self.database) as session:
            found = select(RunChange.what).where(RunChange.run_id == run_id)
            return list(session.scalars(found.order_by(RunChange.number)))

    def changes(self) -> int:
        """How many changes of state all runs went through."""
        with Session(self.database) as session:
            return session.scalar(select(func.count()).select_from(RunChange))

    def active(self) -> int:
        """How many runs are starting or running, at one moment."""
        with Session(self.database) as session:
            found = select(func.count()).select_from(Run).where(Run.state.in_(ACTIVE))
            return session.scalar(found)

    def unfinished(self) -> int:
        """How many runs have not ended."""
        with Session(self.database) as session:
            found = select(func.count()).select_from(Run).where(Run.state.not_in(ENDED))
            return session.scalar(found)

    def reaches(self, run_id: str, state: str, within: float = 30) -> Run:
        """Wait until a run is in a state, and return its row."""

        def look() -> Run | None:
            run = self.run(run_id)
            assert run.state == state or run.state not in ENDED, (
                run.state,
                run.reason,
                run.message,
            )
            return run if run.state == state else None

        return eventually(look, within, f"{run_id} {state}, is {self.run(run_id).state}")

    def is_clean(self) -> bool:
        """True if nothing is left of any attempt: no container, folder or claim."""
        return not self.containers() and not self.launcher.folders.attempts() and not (
            self.ledger.claims()
        )  # fmt: skip

    def containers(self) -> list[str]:
        """The containers of this house's runs."""
        line = ["ps", "--all", "--filter", f"label=cohort.project={self.project}"]
        return docker(*line, "--format", "{{.Names}}").split()

    def executed(self, run_id: str) -> int:
        """How often the container whose log is kept was executed."""
        log = self.launcher.folders.kept(run_id) / "log.txt"
        return log.read_text().count(f"ran {run_id}")

    def close(self) -> None:
        """Leave nothing behind."""
        self.database.dispose()
        if names := self.containers():
            docker("rm", "--force", *names)


def main(file: str) -> None:
    """Supervise until killed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    house = House(json.loads(Path(file).read_text()))
    with house.supervised():
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
