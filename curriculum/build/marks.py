"""Student versions and marks, made by nbgrader itself in a throw-away course.

Invariant: nothing here cuts a solution or decides a mark; it lays files where nbgrader looks and
reads its gradebook. Runs where nbgrader is: in the workspace image.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from curriculum.build.course import LIBRARY
from curriculum.build.exercises import answer
from curriculum.build.notebooks import Role, grade_id, load, role, save

CELL_SECONDS = 60
HANDED_OUT = {Role.SOLUTION, Role.ANSWER}


@dataclass(frozen=True)
class Marked:
    """A submission after nbgrader ran and marked it; ``{test cell: (points, of)}``."""

    notebook: NotebookNode
    scores: dict[str, tuple[float, float]]


class Desk:
    """A course of one assignment in ``folder``: the notebook, and the library if it has one."""

    def __init__(self, folder: Path, notebook: Path) -> None:
        self.name, self.folder = notebook.stem, folder
        source = folder / "source" / self.name
        source.mkdir(parents=True)
        shutil.copy(notebook, source)
        if (notebook.parent / LIBRARY).is_dir():
            shutil.copytree(notebook.parent / LIBRARY, source / LIBRARY)
        self.config = Config()
        self.config.CourseDirectory.root = str(folder)
        self.config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
        self.config.CourseDirectory.assignment_id = self.name
        self.config.Execute.timeout = CELL_SECONDS
        # Its information is for instructors at a terminal; its errors are the evidence.
        logging.basicConfig()
        logging.getLogger("traitlets").setLevel(logging.ERROR)

    def release(self) -> NotebookNode:
        """The student version."""
        self._run(GenerateAssignment)
        return load(self.folder / "release" / self.name / f"{self.name}.ipynb")

    def mark(self, student: str, notebook: NotebookNode) -> Marked:
        """Hand a notebook in, have it marked in a fresh kernel, and read what was given."""
        handed_in = self.folder / "submitted" / student / self.name
        shutil.copytree(self.folder / "release" / self.name, handed_in)
        save(notebook, handed_in / f"{self.name}.ipynb")
        self.config.CourseDirectory.student_id = student
        self._run(Autograde)
        with Gradebook(self.config.CourseDirectory.db_url) as book:
            found = book.find_submission_notebook(self.name, self.name, student)
            scores = {g.name: (g.auto_score, g.max_score) for g in found.grades
                      if g.cell.cell_type == "code"}  # fmt: skip
        executed = self.folder / "autograded" / student / self.name / f"{self.name}.ipynb"
        return Marked(load(executed), scores)

    def _run(self, converter: type) -> None:
        converter(coursedir=CourseDirectory(config=self.config), config=self.config).start()


def solved(release: NotebookNode, source: NotebookNode) -> NotebookNode:
    """A student version with the source's solutions filled in, as a learner would."""
    answers = {grade_id(cell): answer(cell.source) for cell in source.cells}
    for cell in release.cells:
        if role(cell) in HANDED_OUT:
            cell.source = answers[grade_id(cell)]
    return release
