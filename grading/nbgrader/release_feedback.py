"""Hands feedback and marks back.

Invariant: a mark is with the service before the feedback that tells it; whose it is was written
by collecting, never by who handed in.
"""

from __future__ import annotations

import shutil
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange
from grading.nbgrader.marks import mark_of
from grading.nbgrader.records import Record, read_record


class ExchangeReleaseFeedback(Exchange, abc.ExchangeReleaseFeedback):
    """``nbgrader release_feedback`` and formgrader's buttons."""

    def init_src(self) -> None:
        """Find generated feedback and the submissions that it is on."""
        excluded = self.coursedir.student_id_exclude.split(",")
        wanted = self.coursedir.student_id or "*"
        pattern = Path(
            self.coursedir.format_path(self.coursedir.feedback_directory, "*", self.assignment)
        )
        root = Path(pattern.anchor)
        self.found: list[tuple[Path, Record]] = []
        for folder in sorted(root.glob(str(pattern.relative_to(root)))):
            if any(folder.glob("*.html")):
                record = read_record(folder)
                if fnmatchcase(record.owner, wanted) and record.owner not in excluded:
                    self.found.append((folder, record))

    def copy_files(self) -> None:
        """Send the marks of all, then the pages of each."""
        if not self.found:
            self.log.warning("There is no feedback on %s: generate it first", self.assignment)
            return
        with Gradebook(self.coursedir.db_url, self.course) as gradebook:
            marks = [
                mark_of(gradebook.find_submission(self.assignment, record.owner), record)
                for _, record in self.found
            ]
            assignment = gradebook.find_assignment(self.assignment)
            self.notebooks = [notebook.name for notebook in assignment.notebooks]
        self.service.call("PUT", "courses", self.course, "marks", json=marks)
        for folder, record in self.found:
            self._hand_back(folder, record)

    def _hand_back(self, folder: Path, record: Record) -> None:
        # Beside the pages nbgrader puts all files of the assignment, the instructor's too.
        pages = [folder / f"{name}.html" for name in self.notebooks]
        with tempfile.TemporaryDirectory() as room:
            for page in pages:
                if page.is_file():
                    shutil.copy(page, room)
            with self.packer(ignore=()).packed({"": Path(room)}) as archive:
                self.service.upload(
                    "courses", self.course, "assignments", self.assignment, "submissions",
                    record.id, "feedback", archive=archive,
                )  # fmt: skip
        self.log.info("Feedback released: %s %s", record.owner, self.assignment)
