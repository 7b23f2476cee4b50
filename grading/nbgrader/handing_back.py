"""What is left out of feedback before it becomes a page.

Invariant: no line of a hidden test, and nothing that was printed where one ran, is in what
students get.
"""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import ClearHiddenTests

from grading.nbgrader.autograded import FOR_INSTRUCTORS


class HideTests(ClearHiddenTests):
    """Takes hidden tests, what was printed beside them and notes to instructors out.

    The autograder runs tests apart from the student's cells, after them; but several tests may
    run together, so that an open one could print what a hidden one says.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Leave out what is not for students; tests tell their points instead."""
        nb.cells = [cell for cell in nb.cells if not cell.metadata.get(FOR_INSTRUCTORS)]
        # In other cells the words are a student's own, perhaps without their end.
        locked = [cell for cell in nb.cells if utils.is_locked(cell)]
        hidden = [cell for cell in locked if self._remove_hidden_test_region(cell)]
        for cell in nb.cells:
            is_test = utils.is_grade(cell) and not utils.is_solution(cell)
            if hidden and is_test and cell.cell_type == "code":
                cell.outputs = [new_output("stream", name="stdout", text=_points(cell))]
        return nb, resources


def _points(cell: NotebookNode) -> str:
    """What nbgrader's `GetGrades` has put into the cell before."""
    facts = cell.metadata.nbgrader
    return f"{facts.get('score', 0):g} of {facts.get('points', 0):g} points.\n"
