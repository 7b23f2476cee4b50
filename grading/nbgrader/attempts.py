"""Asks the service's autograder about submissions, several at once.

Invariant: an answer is waited for, never assumed; what the autograder could not judge raises,
and gives nobody a mark.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable

from grading.errors import GradingError
from grading.nbgrader.client import Service
from grading.nbgrader.packing import CAPS
from grading.nbgrader.verdicts import NotebookVerdict, read_verdict

# Behind a whole course in the queue, each with its time limit.
WAIT_S = 2 * 3600.0
FIRST_LOOK_S, LAST_LOOK_S = 0.2, 2.0


class Attempts:
    """The autograder's attempts at submissions of one assignment."""

    def __init__(self, service: Service, course: str, assignment: str) -> None:
        self._service, self._course, self._assignment = service, course, assignment
        self._jobs: dict[str, str] = {}
        self._verdicts: dict[str, dict[str, NotebookVerdict]] = {}

    def ask(self, submissions: Iterable[str], *, again: bool) -> None:
        """Hand submissions in to be judged; ``again``: also those that have been."""
        answer = self._service.call(
            "POST", "courses", self._course, "assignments", self._assignment, "autograde",
            json={"submissions": list(submissions), "again": again}, repeatable=not again,
        )  # fmt: skip
        self._jobs |= {job["submission"]: job["id"] for job in answer["jobs"]}

    def verdict(self, submission: str) -> dict[str, NotebookVerdict]:
        """Wait for the verdict on a submission; raises `GradingError` if there will be none."""
        if submission not in self._verdicts:
            job = self._ended(self._job(submission))
            if job["state"] == "failed":
                raise GradingError(
                    f"{submission} was not judged: {job['why'] or 'the autograder gave up.'}",
                    code="attempt_failed",
                )
            self._verdicts[submission] = read_verdict(job["result"], submission)
        return self._verdicts[submission]

    def executed(self, submission: str, notebook: str) -> str | None:
        """The notebook as it was run, as text that nobody has checked; None if there is none."""
        with tempfile.TemporaryFile() as file:
            try:
                self._service.download(
                    "courses", self._course, "autograde", self._job(submission), "notebooks",
                    f"{notebook}.ipynb", file=file, cap=CAPS.file_bytes,
                )  # fmt: skip
            except GradingError as error:
                if error.status != 404:
                    raise
                return None
            return file.read().decode(errors="replace")

    def _job(self, submission: str) -> str:
        if submission not in self._jobs:
            raise GradingError(
                f"The autograder does not take {submission}: collect the assignment again.",
                code="attempt_missing",
            )
        return self._jobs[submission]

    def _ended(self, job: str) -> dict:
        end, pause = time.monotonic() + WAIT_S, FIRST_LOOK_S
        while True:
            found = self._service.get("courses", self._course, "autograde", job)
            if found["state"] in ("done", "failed"):
                return found
            if time.monotonic() > end:
                raise GradingError(
                    f"{job} has not been judged in {WAIT_S / 3600:g} hours: autograde again "
                    "later, it goes on meanwhile.",
                    code="attempt_slow",
                )
            time.sleep(pause)
            pause = min(1.5 * pause, LAST_LOOK_S)


def as_notebook(text: str) -> dict:
    """The JSON of a notebook of the format that is common today.

    Raises `ValueError` for anything else, before any library looks at it.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("nbformat") != 4:
        raise ValueError("no notebook of format 4")
    if not isinstance(found.get("cells"), list):
        raise ValueError("no cells")
    return found
