"""Fetches what was handed back, to where nbgrader's list shows it.

Invariant: only this account's feedback is asked for, and the service gives no other.
"""

from __future__ import annotations

import tempfile

from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange, stamp
from grading.nbgrader.packing import CAPS, put_in_place, unpacked


class ExchangeFetchFeedback(Exchange, abc.ExchangeFetchFeedback):
    """``nbgrader fetch_feedback`` and the list's button Fetch Feedback."""

    def copy_files(self) -> None:
        """Put each submission's feedback into ``feedback/<time of handing in>/``."""
        course, wanted = self.course, self.assignment
        entries = self.service.get("courses", course, "assignments", owner=self.owner)
        handed_in = [
            one for entry in entries if entry["name"] == wanted for one in entry["submissions"]
        ]
        if not handed_in:
            self.fail(f"You have not handed in {wanted}, so there is no feedback on it.")
        given = [one for one in handed_in if one["feedback"]]
        if not given:
            self.fail(f"There is no feedback on {wanted} yet: look again later.")
        for one in given:
            self._fetch(course, wanted, one)

    def _fetch(self, course: str, assignment: str, one: dict) -> None:
        place = self.place(course, assignment) / "feedback" / stamp(one["received_at"])
        with tempfile.TemporaryFile() as file:
            self.service.download(
                "courses", course, "assignments", assignment, "submissions", one["id"],
                "feedback", file=file, cap=CAPS.compressed_bytes,
            )  # fmt: skip
            with unpacked(file, place) as folder:
                put_in_place(folder, place)
        self.log.info("Fetched feedback: %s", place)
