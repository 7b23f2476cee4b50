"""Collects submissions into ``submitted/<owner>/<assignment>/`` of the course.

Invariant: names, times and owners are the service's; a folder is replaced whole or stays.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from nbgrader.exchange import abc

from cohort.archives import check_name
from cohort.errors import CohortError
from grading.nbgrader.exchange import Exchange, naive, stamp
from grading.nbgrader.packing import CAPS, put_in_place, unpacked
from grading.nbgrader.records import RECORD, TIMESTAMP, Record


class ExchangeCollect(Exchange, abc.ExchangeCollect):
    """``nbgrader collect`` and formgrader's button."""

    def copy_files(self) -> None:
        """Collect the last submission of each, or the last in time if that is asked for."""
        path = ("courses", self.course, "assignments", self.assignment, "submissions")
        found = self.service.get(*path, latest=None if self.before_duedate else 1)
        chosen = self._choose(one for one in found if self._wanted(one["owner"]))
        if not chosen:
            self.log.warning("No submissions of '%s' to collect", self.assignment)
        failed = []
        for one in chosen:
            try:
                self._collect(path, one)
            except CohortError as error:
                self.log.error("%s: %s", one["owner"], error)
                failed.append(one["owner"])
        if failed:
            self.fail(f"What {', '.join(failed)} handed in was not collected: see above why.")

    def _wanted(self, owner: str) -> bool:
        excluded = self.coursedir.student_id_exclude.split(",")
        return fnmatchcase(owner, self.coursedir.student_id or "*") and owner not in excluded

    def _choose(self, submissions: Iterable[dict]) -> list[dict]:
        """One of each owner: the latest, but one in time before all that are late."""
        chosen: dict[str, dict] = {}
        for one in sorted(submissions, key=lambda one: one["number"]):
            kept = chosen.get(one["owner"])
            late = self.before_duedate and one["late_seconds"] and kept is not None
            if not late or kept["late_seconds"]:
                chosen[one["owner"]] = one
        return [chosen[owner] for owner in sorted(chosen)]

    def _collect(self, path: tuple[str, ...], one: dict) -> None:
        check_name(one["owner"], 1)
        place = Path(
            self.coursedir.format_path(
                self.coursedir.submitted_directory, one["owner"], self.assignment
            )
        )
        if place.is_dir() and not self._newer(place, one):
            self.log.info("Collected already: %s %s", one["owner"], self.assignment)
            return
        self.log.info("Collecting submission: %s %s", one["owner"], self.assignment)
        with tempfile.TemporaryFile() as file:
            self.service.download(*path, one["id"], "files", file=file, cap=CAPS.compressed_bytes)
            with unpacked(file, place) as folder:
                _make_room(folder)
                Record.of(one).write(folder, stamp(one["received_at"]))
                put_in_place(folder, place)

    def _newer(self, place: Path, one: dict) -> bool:
        there = self.coursedir.get_existing_timestamp(str(place))
        time = naive(one["received_at"])
        if self.before_duedate:
            return there != time
        return self.update and (there is None or time > there)


def _make_room(folder: Path) -> None:
    """Remove what a student handed in under the names of the course's own records."""
    for name in (RECORD, TIMESTAMP):
        taken = folder / name
        if taken.is_dir():
            taken.rename(folder / f"{name}.student")
