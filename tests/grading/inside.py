"""What tests run with nbgrader, inside a workspace container: functions of JSON to JSON.

As a program it answers lines of ``[function, arguments]``, each with a line.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader.api import Gradebook
from nbgrader.apps import NbGrader, NbGraderApp
from nbgrader.apps.api import NbGraderAPI
from nbgrader.auth import Authenticator
from nbgrader.server_extensions.formgrader import handlers

from grading.nbgrader.assignment_list import Assignments
from grading.nbgrader.autograded import add_note, readable
from grading.nbgrader.grades import write_missing, write_verdict
from grading.nbgrader.handing_back import HideTests
from grading.nbgrader.marks import mark_of
from grading.nbgrader.records import Record
from grading.nbgrader.verdicts import read_verdict

ASSIGNMENT, NOTEBOOK, STUDENT = WORK = ("ps1", "work", "ada")
RECORD = Record("sub-1", STUDENT, 1, "2026-01-01T00:00:00+00:00", 0)


def nbgrader(words: list[str]) -> dict:
    """The command's exit code and what it said."""
    return _apart(lambda: NbGraderApp.launch_instance(words))


def assignment_list(actions: list[list]) -> list:
    """What Assignment List's page is answered, one after the other: ``[method, *arguments]``."""

    def act() -> None:
        page = Assignments()
        page.root_dir = str(Path.home())
        answers = [getattr(page, method)(*arguments) for method, *arguments in actions]
        print(json.dumps(answers))

    done = _apart(act)
    assert done["code"] == 0, done["said"]
    return json.loads(done["said"].splitlines()[-1])


def formgrader(actions: list[list]) -> list:
    """What formgrader's buttons are answered, one after the other: ``[method, *arguments]``."""

    def act() -> None:
        app = NbGrader()
        app.initialize([])
        app.authenticator = Authenticator(parent=app)
        api = NbGraderAPI(app.coursedir, app.authenticator, parent=app)
        answers = [getattr(api, method)(*arguments) for method, *arguments in actions]
        print(json.dumps(answers, default=str))

    done = _apart(act)
    assert done["code"] == 0, done["said"]
    return json.loads(done["said"].splitlines()[-1])


def _apart(call: Callable[[], object]) -> dict:
    """Call in a child of this process: as a new command, but for loading nbgrader again."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            code = 1
            try:
                call()
                code = 0
            except SystemExit as ended:
                code = ended.code or 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "said": said.read()}


def graded(verdict: dict, by_hand: dict[str, float] | None = None, missing: bool = False) -> dict:
    """The gradebook after a verdict on an answer, its test and a question in words."""
    with Gradebook("sqlite://", "ai") as gradebook:
        gradebook.add_assignment(ASSIGNMENT)
        gradebook.add_notebook(NOTEBOOK, ASSIGNMENT)
        place = (NOTEBOOK, ASSIGNMENT)
        gradebook.add_grade_cell("test", *place, max_score=10, cell_type="code")
        gradebook.add_grade_cell("words", *place, max_score=5, cell_type="markdown")
        gradebook.add_grade_cell("program", *place, max_score=3, cell_type="code")
        for name in ("answer", "words", "program"):
            gradebook.add_solution_cell(name, *place)
        gradebook.add_student(STUDENT)
        submission = gradebook.add_submission(ASSIGNMENT, STUDENT)
        (notebook,) = submission.notebooks
        for grade in notebook.grades:
            grade.manual_score = (by_hand or {}).get(grade.name)
        write_verdict(notebook, read_verdict(verdict, "sub-1")[NOTEBOOK])
        write_missing(submission, set() if missing else {NOTEBOOK})
        gradebook.db.commit()
        return {
            "points": {grade.name: grade.auto_score for grade in notebook.grades},
            "look": sorted(grade.name for grade in notebook.grades if grade.needs_manual_grade),
            "flagged": bool(notebook.flagged),
            "mark": mark_of(submission, RECORD),
        }


def set_due(assignment: str, due: str) -> None:
    """Give an assignment a deadline, as formgrader does."""
    with Gradebook(f"sqlite:///{Path.home()}/gradebook.db", "ai") as gradebook:
        gradebook.update_or_create_assignment(assignment, duedate=due)


def mark_by_hand(assignment: str, student: str, cell: str, points: float) -> None:
    """Give points as formgrader does."""
    with Gradebook(f"sqlite:///{Path.home()}/gradebook.db", "ai") as gradebook:
        grade = gradebook.find_grade(cell, NOTEBOOK, assignment, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def gradebook(assignment: str) -> dict:
    """What this course's gradebook holds of each owner's work, and the names of files shown."""
    with Gradebook(f"sqlite:///{Path.home()}/gradebook.db", "ai") as gradebook:
        return {
            one.student_id: {
                "score": one.score,
                "look": one.needs_manual_grade,
                "penalty": one.late_submission_penalty or 0,
                "points": {g.name: g.auto_score for nb in one.notebooks for g in nb.grades},
                "flagged": any(notebook.flagged for notebook in one.notebooks),
            }
            for one in gradebook.assignment_submissions(assignment)
        }


def shown(text: str, verdict: dict | None = None) -> dict:
    """A notebook as instructors see it, or why it is none."""
    try:
        notebook = readable(text, {"test"})
    except ValueError as error:
        return {"error": str(error)}
    if verdict:
        add_note(notebook, read_verdict(verdict, "sub-1")[NOTEBOOK])
    return {"cells": notebook.cells}


def handed_back(cells: list[dict]) -> list[dict]:
    """A graded notebook's cells as they become feedback."""
    notebook = nbformat.from_dict(
        {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )
    return HideTests().preprocess(notebook, {})[0].cells


def page(cells: list[dict], template: str) -> str:
    """Formgrader's page of a notebook, or feedback's, by this server's settings."""
    app = NbGrader()
    app.load_config_file()
    config = app.config
    config.HTMLExporter.template_name = template
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    styles = Path(handlers.static_path, "node_modules", "bootstrap", "dist", "css")
    config.HTMLExporter.extra_template_paths = [str(styles)]
    notebook = nbformat.from_dict(
        {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )
    facts = {"notebook": NOTEBOOK, "score": 0, "max_score": 10, "late_penalty": 0}
    resources = {"nbgrader": facts, "base_url": "", "notebook_id": NOTEBOOK, "index": 0,
                 "assignment_id": ASSIGNMENT, "total": 1, "notebook_path": "work.ipynb",
                 "submission_id": "1"}  # fmt: skip
    return HTMLExporter(config=config).from_notebook_node(notebook, resources)[0]


def main() -> None:
    """Answer until there is nothing more."""
    for line in sys.stdin:
        function, arguments = json.loads(line)
        try:
            answer = {"value": globals()[function](**arguments)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
