"""nbgrader's Assignment List, which tells deadlines and marks, and errors as sentences.

Its own pages name a folder that there is none of when the service refuses something, a traceback
for the rest, and nothing when fetching fails. Nothing else of it is changed: the same addresses,
the same answers.

Invariant: what is shown beside a name never gets into a path; an action sees the name alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nbgrader.server_extensions import assignment_list
from nbgrader.server_extensions.assignment_list.handlers import AssignmentList
from traitlets.config import Config

from grading.nbgrader.sentences import overhearing

# Neither names of assignments nor times hold one.
BETWEEN = " · "


class Assignments(AssignmentList):
    """What the page's requests are answered with."""

    _failed: dict | None = None

    def load_config(self) -> Config:
        """nbgrader's settings, and the folder of assignments, where nbgrader goes next."""
        config = super().load_config()
        Path(config.Exchange.get("assignment_dir", ".")).mkdir(parents=True, exist_ok=True)
        return config

    def list_released_assignments(self, course_id: str | None = None) -> dict:
        """Assignments to fetch or to hand in, each with its deadline."""
        answer = _told(super().list_released_assignments, course_id)
        return _annotated(answer, "assignment_id")

    def list_submitted_assignments(self, course_id: str | None = None) -> dict:
        """What was handed in, with lateness and marks."""
        answer = _told(super().list_submitted_assignments, course_id)
        if answer["success"]:
            for entry in answer["value"]:
                _annotate(entry["submissions"], "timestamp")
        return _annotated(answer, "assignment_id")

    def list_assignments(self, course_id: str | None = None) -> dict:
        """All of it; or why the action failed that this answers."""
        failed, self._failed = self._failed, None
        return failed or super().list_assignments(course_id)

    def fetch_assignment(self, course_id: str, assignment_id: str) -> dict:
        """Fetch; the page asks for the list next, and is told there if it failed."""
        return self._acted(super().fetch_assignment, course_id, assignment_id)

    def fetch_feedback(self, course_id: str, assignment_id: str) -> dict:
        """Fetch what was handed back; told as in `fetch_assignment`."""
        return self._acted(super().fetch_feedback, course_id, assignment_id)

    def submit_assignment(self, course_id: str, assignment_id: str) -> dict:
        """Hand in; the page shows what this says."""
        return _told(super().submit_assignment, course_id, _bare(assignment_id))

    def _acted(self, act: Callable[..., dict], course_id: str, assignment_id: str) -> dict:
        answer = _told(act, course_id, _bare(assignment_id))
        self._failed = None if answer["success"] else answer
        return answer


def _told(act: Callable[..., dict], *arguments: str | None) -> dict:
    """What nbgrader answers, with the sentence in place of what it makes of an error."""
    with overhearing() as heard:
        answer = act(*arguments)
    if not answer["success"] and heard:
        answer["value"] = heard[-1]
    return answer


def _bare(shown: str) -> str:
    return shown.partition(BETWEEN)[0]


def _annotated(answer: dict, field: str) -> dict:
    if answer["success"]:
        _annotate(answer["value"], field)
    return answer


def _annotate(entries: list[dict], field: str) -> None:
    for entry in entries:
        if entry["note"]:
            entry[field] = f"{entry[field]}{BETWEEN}{entry['note']}"


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": __name__}]


def load_jupyter_server_extension(nbapp) -> None:
    """Load nbgrader's extension, and answer its requests from here."""
    assignment_list.load_jupyter_server_extension(nbapp)
    manager = Assignments(parent=nbapp)
    manager.root_dir = nbapp.root_dir
    nbapp.web_app.settings["assignment_list_manager"] = manager


_load_jupyter_server_extension = load_jupyter_server_extension
