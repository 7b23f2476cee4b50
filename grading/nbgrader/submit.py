"""Hands an assignment in.

Invariant: a hand-in that the service has is told as such, with its receipt; one that is told to
have failed is not there twice when it is tried again by this operation.
"""

from __future__ import annotations

import secrets

from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange
from grading.nbgrader.notes import duration


class ExchangeSubmit(Exchange, abc.ExchangeSubmit):
    """``nbgrader submit`` and the list's button Submit."""

    def init_src(self) -> None:
        """Find the folder; it may be given with a slash behind its name."""
        self.coursedir.assignment_id = self.coursedir.assignment_id.rstrip("/").rpartition("/")[2]
        self.src_path = self.place(self.course, self.assignment)
        if not self.src_path.is_dir():
            self.fail(f"There is no folder {self.src_path} to hand in: fetch the assignment first.")

    def copy_files(self) -> None:
        """Pack the folder, send it and tell the receipt."""
        course, assignment = self.course, self.assignment
        owner = self.owner
        if self.strict:
            self._check_complete(course, assignment, owner)
        packer = self.packer()
        with packer.packed({"": self.src_path}) as archive:
            if packer.left_out:
                self.log.warning("Not handed in (links, too large): %s", ", ".join(packer.left_out))
            answer = self.service.upload(
                "courses", course, "assignments", assignment, "submissions",
                archive=archive, key=secrets.token_urlsafe(16), owner=owner or None,
            )  # fmt: skip
        self._tell(course, assignment, answer)

    def _check_complete(self, course: str, assignment: str, owner: str) -> None:
        entries = self.service.get("courses", course, "assignments", owner=owner or None)
        files = next((entry["files"] for entry in entries if entry["name"] == assignment), [])
        missing = [
            name for name in files
            if name.endswith(".ipynb") and not (self.src_path / name).is_file()
        ]  # fmt: skip
        if missing:
            self.fail(f"{assignment} was not handed in: {', '.join(missing)} is missing.")

    def _tell(self, course: str, assignment: str, answer: dict) -> None:
        if answer["missing"]:
            self.log.warning("Missing from what you handed in: %s", ", ".join(answer["missing"]))
        if answer["extra"]:
            self.log.warning("Not part of the assignment: %s", ", ".join(answer["extra"]))
        if answer["late_seconds"]:
            self.log.warning("Handed in %s late", duration(answer["late_seconds"]))
        self.log.info(
            "Submitted as: %s %s, number %s, received %s, receipt %s", course, assignment,
            answer["number"], answer["received_at"], answer["receipt"],
        )  # fmt: skip
