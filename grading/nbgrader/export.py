"""nbgrader's exporter of marks: one row for each person and assignment, for team work too.

Invariant: the marks are the service's, which alone knows who was in a team when its work came
in, and what one member got instead of the team's mark.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin

from cohort.errors import CohortError
from grading.nbgrader.client import service
from grading.nbgrader.packing import CAPS


class PersonExporter(ExportPlugin):
    """``nbgrader export --exporter=grading.nbgrader.export.PersonExporter [--to=marks.csv]``."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the marks on record as a CSV file; of the people and assignments named, or all."""
        try:
            names, rows = self._table()
        except CohortError as error:
            self.parent.fail(str(error))
        chosen = [row for row in rows if self._wanted(row)]
        place = Path(self.to or "marks.csv")
        with place.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(chosen)
        self.log.info("Exported %s marks to %s", len(chosen), place)

    def _table(self) -> tuple[list[str], list[dict[str, str]]]:
        """The service's table, whose values no spreadsheet takes for formulas."""
        with tempfile.TemporaryFile() as file:
            course = self.parent.coursedir.course_id
            service().download("courses", course, "marks.csv", file=file, cap=CAPS.file_bytes)
            reader = csv.DictReader(io.StringIO(file.read().decode()))
        return list(reader.fieldnames or ()), list(reader)

    def _wanted(self, row: dict[str, str]) -> bool:
        people = {str(one) for one in self.student}
        names = {str(one) for one in self.assignment}
        return (not people or not people.isdisjoint({row["login"], row["owner"]})) and (
            not names or row["assignment"] in names
        )
