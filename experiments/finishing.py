"""What is made of a run once it has ended: its record, its report, its verdict.

Invariant: it can be done again at any time from what is kept, with the same outcome; a run that
cannot be reported on has still ended as it did.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cohort.errors import CohortError
from cohort.gpus import utc_now
from experiments.launch import Folders
from experiments.report.collect import keep_file, read_collected
from experiments.report.html import Facts, Renderer
from experiments.report.inputs import hash_inputs
from experiments.report.provenance import Evidence, build_record
from experiments.report.result import read_result
from experiments.report.verify import Ended, verdict
from experiments.retention import count_kept
from experiments.snapshots import SnapshotStore
from experiments.tables import HandIn, Run, RunChange

log = logging.getLogger(__name__)

REPORTS = ("report.html", "report-nocode.html")


class Finisher:
    """Reports on runs that have ended; several threads may use one for different runs."""

    def __init__(
        self,
        database: Engine,
        folders: Folders,
        snapshots: SnapshotStore,
        renderer: Renderer,
        scenarios: Path,
    ) -> None:
        self._database, self._folders, self._snapshots = database, folders, snapshots
        self._renderer, self._scenarios = renderer, scenarios

    def finish(self, run_id: str) -> None:
        """Make record, verdict and report of an ended run."""
        kept = self._folders.kept(run_id)
        if read_collected(kept) is None:
            return  # it ended without ever having run
        with Session(self._database, expire_on_commit=False) as session:
            run = session.get_one(Run, run_id)
            record = build_record(run, self._evidence(session, run))
        judged = self._judge(run) if run.verify_of else None
        with Session(self._database) as session, session.begin():
            row = session.get_one(Run, run_id)
            row.provenance = record
            row.verdict = judged or row.verdict
        keep_file(kept, "provenance.json", json.dumps(record, indent=1).encode())
        self.render(run_id, record, judged)
        with Session(self._database) as session, session.begin():
            session.get_one(Run, run_id).reported_at = utc_now()
        if judged and run.verify_of:
            self._mark_original(run.verify_of, judged)

    def render(self, run_id: str, record: dict, judged: dict | None) -> None:
        """Make the two pages of a report anew."""
        kept = self._folders.kept(run_id)
        pages = self._renderer.render(kept / "notebook.ipynb", Facts(record, judged))
        for name, text in zip(REPORTS, pages, strict=True):
            keep_file(kept, name, text.encode())
        count_kept(self._database, run_id, kept)

    def _evidence(self, session: Session, run: Run) -> Evidence:
        kept = self._folders.kept(run.id)
        hand_in = session.get(HandIn, run.hand_in) if run.hand_in else None
        result = kept / "result.json"
        collected = read_collected(kept)
        changes = select(RunChange).where(RunChange.run_id == run.id).order_by(RunChange.number)
        return Evidence(
            manifest=self._snapshots.manifest(run.snapshot),
            handed_in_by=hand_in.author if hand_in else None,
            git=hand_in.git if hand_in else None,
            result=read_result(result.read_bytes()) if result.exists() else None,
            inputs=hash_inputs(run.parameters, self._scenarios),
            changes=session.scalars(changes).all(),
            left_out=collected.left_out if collected else (),
        )

    def _judge(self, again: Run) -> dict | None:
        with Session(self._database, expire_on_commit=False) as session:
            original = session.get_one(Run, again.verify_of)
        sides = [
            (Ended(run.id, run.state, run.metrics or {}),
             self._folders.kept(run.id) / "notebook.ipynb")
            for run in (original, again)
        ]  # fmt: skip
        try:
            return verdict(self._renderer.pool, *sides, again.tolerance)
        except CohortError as e:
            log.warning("No verdict on %s by %s: %s", original.id, again.id, e)
            return None

    def _mark_original(self, run_id: str, judged: dict) -> None:
        """The badge stays on the report of the run that was verified."""
        with Session(self._database) as session, session.begin():
            row = session.get_one(Run, run_id)
            row.verdict = judged
            record = row.provenance
        if record:
            self.render(run_id, record, judged)
