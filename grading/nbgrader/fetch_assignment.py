"""Fetches a released assignment into the person's files.

Invariant: the folder is there whole or not at all; files that the person has are never replaced.
"""

from __future__ import annotations

import tempfile

from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange
from grading.nbgrader.packing import CAPS, add_missing, put_in_place, unpacked


class ExchangeFetchAssignment(Exchange, abc.ExchangeFetchAssignment):
    """``nbgrader fetch_assignment`` and the list's button Fetch."""

    def init_dest(self) -> None:
        """Refuse to fetch what is here already, unless missing files are asked for."""
        self.dest_path = self.place(self.course, self.assignment)
        if self.dest_path.is_dir() and not self.replace_missing_files:
            self.fail(
                f"You have a copy of {self.assignment} already, in {self.dest_path}: rename or "
                "remove it, or fetch with --replace to get back files that are missing."
            )

    def copy_files(self) -> None:
        """Unpack the release beside its place, and put it there."""
        course, assignment = self.course, self.assignment
        with tempfile.TemporaryFile() as file:
            self.service.download("courses", course, "assignments", assignment, "release",
                                  file=file, cap=CAPS.compressed_bytes)  # fmt: skip
            with unpacked(file, self.dest_path) as folder:
                if self.dest_path.is_dir():
                    for name in add_missing(folder, self.dest_path):
                        self.log.warning("Replacing missing file '%s'", name)
                else:
                    put_in_place(folder, self.dest_path)
        self.log.info("Fetched as: %s %s", course, assignment)
