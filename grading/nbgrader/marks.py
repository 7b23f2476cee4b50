"""Marks as the service takes them, from what the gradebook holds.

Invariant: whose mark it is and of what work, the course's record says; students are told of it
once the service has handed that work back.
"""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import NbGraderPreprocessor

from grading.nbgrader.client import service
from grading.nbgrader.records import Record, read_record

COMMENT = 20_000  # characters that the service takes


def mark_of(submission: SubmittedAssignment, record: Record) -> dict:
    """The mark of one submission with its cells; the penalty stands beside the score."""
    several = len(submission.notebooks) > 1
    cells = [
        cell
        for notebook in sorted(submission.notebooks, key=lambda one: one.name)
        for cell in _cells(notebook, f"{notebook.name}/" if several else "")
    ]
    return {
        "assignment": submission.name,
        "owner": record.owner,
        "submission": record.id,
        "score": submission.score,
        "max_score": submission.max_score,
        "penalty": submission.late_submission_penalty or 0,
        "cells": cells,
    }


def _cells(notebook: SubmittedNotebook, prefix: str) -> list[dict]:
    comments = {comment.name: comment.comment or "" for comment in notebook.comments}
    cells = [
        {
            "name": prefix + grade.name,
            "score": grade.score or 0,
            "max_score": grade.max_score,
            "comment": comments.pop(grade.name, "")[:COMMENT],
        }
        for grade in notebook.grades
    ]
    # A comment on an answer that other cells test.
    cells += [
        {"name": prefix + name, "score": 0, "max_score": 0, "comment": comment[:COMMENT]}
        for name, comment in comments.items()
        if comment
    ]
    return sorted(cells, key=lambda cell: cell["name"])


class SendMark(NbGraderPreprocessor):
    """Puts the mark on record when feedback is generated, before anybody hands it back."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Send the mark of the submission that a notebook is of; the notebook stays as it is."""
        facts, coursedir = resources["nbgrader"], self.parent.parent.coursedir
        folder = coursedir.format_path(
            coursedir.autograded_directory, facts["student"], facts["assignment"]
        )
        with Gradebook(facts["db_url"]) as gradebook:
            submission = gradebook.find_submission(facts["assignment"], facts["student"])
            mark = mark_of(submission, read_record(Path(folder)))
        service().call("PUT", "courses", coursedir.course_id, "marks", json=[mark])
        return nb, resources
