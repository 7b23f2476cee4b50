"""nbgrader's Autograde, which lets the service's autograder run what a student handed in.

nbgrader's own goes over submissions, folders and the gradebook; an exporter and a preprocessor
take the places of those that would run the student's code here.

Invariant: no code of a student's runs in this process or beside it; without a verdict no test
cell's points change, and there is no autograded folder.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import SaveAutoGrades

from grading.errors import GradingError
from grading.nbgrader.attempts import Attempts
from grading.nbgrader.autograded import add_note, readable, rebuilt
from grading.nbgrader.client import service
from grading.nbgrader.grades import is_by_hand, write_missing, write_verdict
from grading.nbgrader.records import Record, read_record
from grading.nbgrader.verdicts import NotebookVerdict


class VerdictExporter(NotebookExporter):
    """Gives nbgrader the notebook as the autograder ran it, and its steps the verdict on it.

    Its parent is nbgrader's converter, which asks for each notebook twice: to sanitise what was
    handed in, then to grade that.
    """

    record: Record
    verdict: NotebookVerdict
    _failure: GradingError | None = None

    def from_filename(
        self, filename: str, resources: dict | None = None, **kw: object
    ) -> tuple[str, dict]:
        """The notebook's text after nbgrader's steps; raises `GradingError` without a verdict."""
        # Which of the two it is, nbgrader says nowhere else.
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources, **kw)
        name = Path(filename).stem
        self.record = read_record(Path(filename).parent)
        verdicts = self._attempts.verdict(self.record.id)
        lacking = NotebookVerdict(needs_look=("The autograder does not report this notebook.",))
        self.verdict = verdicts.get(name, lacking)
        with Gradebook(resources["nbgrader"]["db_url"]) as gradebook:
            source = gradebook.find_notebook(name, resources["nbgrader"]["assignment"])
            known = {cell.name for cell in source.source_cells}
            released = rebuilt(source)
        for notebook in (self._as_run(name, known), self._as_given(filename, known)):
            if notebook is None:
                continue
            try:
                return self._sanitised(notebook, resources, **kw)
            # Whatever nbgrader's steps find wrong with it: a cell's metadata, its schema, its ids.
            except Exception as error:
                self.log.warning("%s cannot be shown as it is: %s", filename, error)
        return self._sanitised(released, resources, **kw)

    @property
    def _attempts(self) -> Attempts:
        """All of this run's attempts, asked for at once, so that they run side by side."""
        if self._failure is not None:
            raise self._failure
        try:
            return self._asked
        except GradingError as error:
            self._failure = error
            raise

    @cached_property
    def _asked(self) -> Attempts:
        coursedir = self.parent.coursedir
        attempts = Attempts(service(), coursedir.course_id, coursedir.assignment_id)
        due = {record.id for folder in self.parent.assignments if (record := self._due(folder))}
        # The first has its new folder already.
        attempts.ask(sorted(due | {self.record.id}), again=self.parent.force)
        return attempts

    def _due(self, folder: str) -> Record | None:
        """The submission in a folder, if nbgrader is going to ask for it."""
        try:
            record = read_record(Path(folder))
        except GradingError:
            return None  # its own turn comes, and says so
        coursedir = self.parent.coursedir
        done = coursedir.format_path(
            coursedir.autograded_directory, record.owner, coursedir.assignment_id
        )
        if self.parent.force or not Path(done).exists():
            return record
        old, new = map(coursedir.get_existing_timestamp, (done, folder))
        return record if old is None or new is None or new > old else None

    def _as_run(self, name: str, known: set[str]) -> NotebookNode | None:
        text = self._attempts.executed(self.record.id, name)
        return None if text is None else self._readable(text, known)

    def _as_given(self, filename: str, known: set[str]) -> NotebookNode | None:
        found = self._readable(Path(filename).read_text(errors="replace"), known)
        # Nobody knows what printed them.
        for cell in found.cells if found else ():
            if cell.cell_type == "code":
                cell.outputs = []
        return found

    def _readable(self, text: str, known: set[str]) -> NotebookNode | None:
        try:
            return readable(text, known)
        except ValueError as error:
            self.log.warning("%s: not a notebook (%s)", self.record.owner, error)
            return None

    def _sanitised(self, notebook: NotebookNode, resources: dict, **kw: object) -> tuple[str, dict]:
        add_note(notebook, self.verdict)
        return self.from_notebook_node(notebook, resources, **kw)


class SaveVerdict(SaveAutoGrades):
    """Saves the verdict's points where nbgrader's own saves what it reads from outputs.

    Answers that a person marks are as in nbgrader: no points if nothing was written.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Write points and comments of one notebook."""
        nb, resources = super().preprocess(nb, resources)
        facts, exporter = resources["nbgrader"], self.parent
        converter = exporter.parent
        handed_in = Path(
            converter.coursedir.format_path(
                converter.coursedir.submitted_directory, facts["student"], facts["assignment"]
            )
        )
        with Gradebook(facts["db_url"]) as gradebook:
            submission = gradebook.find_submission(facts["assignment"], facts["student"])
            mine = next(one for one in submission.notebooks if one.name == facts["notebook"])
            write_verdict(mine, exporter.verdict)
            write_missing(submission, {path.stem for path in handed_in.glob("*.ipynb")})
            gradebook.db.commit()
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        grade = self.gradebook.find_grade(
            cell.metadata["nbgrader"]["grade_id"],
            self.notebook_id, self.assignment_id, self.student_id,
        )  # fmt: skip
        if is_by_hand(grade):
            super()._add_score(cell, resources)
