"""What lateness costs, by the rule that the assignment has with the service.

Invariant: how late a hand-in was is the service's word, which knows grace and extensions; a
penalty follows the points that the work has when it is set.
"""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties

from grading.errors import GradingError
from grading.nbgrader.client import service
from grading.nbgrader.records import read_record


class AssignPenalties(AssignLatePenalties):
    """Asks nbgrader's plug-in for the penalty, where nbgrader's own compares times itself.

    A step of autograding, and of feedback: then there are the points that were given by hand.
    """

    lateness: dict

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Set the penalty of one notebook, or none."""
        facts, coursedir = resources["nbgrader"], self.parent.parent.coursedir
        folder = coursedir.format_path(
            coursedir.autograded_directory, facts["student"], facts["assignment"]
        )
        self.lateness = self._lateness(coursedir.course_id, facts["assignment"], Path(folder))
        self.init_plugin()
        with Gradebook(facts["db_url"]) as gradebook:
            notebook = gradebook.find_submission_notebook(
                facts["notebook"], facts["assignment"], facts["student"]
            )
            late, penalty = self.lateness["late_seconds"], None
            if late > 0:
                penalty = self.plugin_inst.late_submission_penalty(
                    facts["student"], notebook.score, late
                )
            if penalty is not None:
                penalty = self._check_late_penalty(notebook, penalty)
            notebook.late_submission_penalty = penalty
            gradebook.db.commit()
        return nb, resources

    @staticmethod
    def _lateness(course: str, assignment: str, folder: Path) -> dict:
        """The service's word on a submission: ``late_seconds`` and the ``penalty_share``."""
        record = read_record(folder)
        path = ("courses", course, "assignments", assignment, "submissions")
        for one in service().get(*path, owner=record.owner):
            if one["id"] == record.id:
                return one
        raise GradingError(
            f"The exchange does not know {record.id} of {record.owner}: collect it again.",
            code="submission_unknown",
        )


class RulePenalty(LateSubmissionPlugin):
    """nbgrader's plug-in: the share of the points that the assignment's rule says."""

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """The points that lateness costs of ``score``; None if it costs nothing."""
        return self.parent.lateness["penalty_share"] * score or None
