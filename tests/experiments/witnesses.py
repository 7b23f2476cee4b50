"""Who saw what happened to runs: the engine's own events, and the evidence of a failed test."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.tables import Run, RunChange
from tests.labs import docker

SAID = 200  # last lines of processes that were killed


class Starts:
    """Counts the engine's own events: every start of a container of one project."""

    def __init__(self, project: str) -> None:
        self.names: Counter[str] = Counter()
        # Since now, as the engine's clock has it: what starts before it listens counts as well.
        line = ["docker", "events", "--since", f"{time.time():.3f}", "--filter",
                f"label=cohort.project={project}", "--filter", "event=start", "--format",
                "{{.Actor.Attributes.name}}"]  # fmt: skip
        self._events = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._events.stdout:
            self.names[line.strip()] += 1

    def close(self) -> None:
        self._events.terminate()
        self._events.wait()
        self._reader.join()
        self._events.stdout.close()


def evidence(house, log: Path) -> str:
    """What every run of a house went through, what is left of them, and what is in a log."""
    with Session(house.database) as session:
        runs = session.scalars(select(Run).order_by(Run.created_at)).all()
        lines = [f"{run.id} attempt {run.attempt}: {_history(session, run)}" for run in runs]
    line = ["ps", "--all", "--filter", f"label=cohort.project={house.project}"]
    said = log.read_text().splitlines() if log.exists() else []
    return "\n".join([
        "runs:", *lines, "containers:", docker(*line, check=False),
        f"live folders: {sorted(house.launcher.folders.attempts())}",
        f"claims: {house.ledger.claims()}", "processes said last:", *said[-SAID:],
    ])  # fmt: skip


def _history(session: Session, run: Run) -> str:
    found = select(RunChange).where(RunChange.run_id == run.id).order_by(RunChange.number)
    told = [(c.at, c.what, c.detail or "") for c in session.scalars(found)]
    return "; ".join(f"{at:%H:%M:%S.%f} {what} {detail}".rstrip() for at, what, detail in told)
