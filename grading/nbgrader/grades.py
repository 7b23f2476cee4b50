"""Writes a verdict into the gradebook: the only place where points of the autograder get there.

Invariant: every test cell of the gradebook has points from the verdict or none, whatever cells
the submission shows; what a person marks by hand is theirs, and stays.
"""

from __future__ import annotations

from nbgrader.api import Grade, SubmittedAssignment, SubmittedNotebook

from grading.nbgrader.verdicts import ERROR, MISSING, NotebookVerdict


def is_by_hand(grade: Grade) -> bool:
    """Whether a person marks it: a task, an answer in words, or an answer that has points."""
    cell = grade.cell
    if cell.type != "GradeCell" or cell.cell_type != "code":
        return True
    return cell.name in {solution.name for solution in cell.notebook.solution_cells}


def write_verdict(submitted: SubmittedNotebook, verdict: NotebookVerdict) -> None:
    """Give a submitted notebook's test cells their points; the caller commits.

    A cell that did not report, and all of a notebook with something suspicious, needs a look;
    a person's own mark stays and needs one too, as after any new run.
    """
    for grade in submitted.grades:
        if is_by_hand(grade):
            continue
        found = verdict.cell(grade.name, grade.max_score)
        grade.auto_score = found.score
        grade.needs_manual_grade = (
            verdict.suspicious or found.status in (MISSING, ERROR) or grade.manual_score is not None
        )
    if verdict.tampering:
        submitted.flagged = True


def write_missing(submission: SubmittedAssignment, there: set[str]) -> None:
    """No points, and a look, for notebooks of an assignment that were not handed in."""
    for submitted in submission.notebooks:
        if submitted.name not in there:
            for grade in submitted.grades:
                grade.auto_score = 0
                grade.needs_manual_grade = True
