"""Releases an assignment: what students get, with the version that grades it, and its rules.

Invariant: the rules are set before the files are, so nobody fetches an assignment whose deadline
is not known yet; both versions come from one moment and go in one archive.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange
from grading.nbgrader.listing import is_out

# What nbgrader has no field for: kind, timezone, grace_minutes, attempts, penalty.
RULES = "assignment.toml"


class ExchangeReleaseAssignment(Exchange, abc.ExchangeReleaseAssignment):
    """``nbgrader release_assignment`` and formgrader's button."""

    def init_src(self) -> None:
        """Find the version for students and the instructor's."""
        self.release_path = self._folder(self.coursedir.release_directory)
        # With AUTOTEST lines the tests that grade are not in the source, but here.
        with_tests = self._folder(self.coursedir.source_with_tests_directory)
        source = self._folder(self.coursedir.source_directory)
        self.source_path = with_tests if with_tests.is_dir() else source
        if not source.is_dir():
            self.fail(f"There is no assignment in {source}: create it first.")
        if not self.release_path.is_dir():
            self.fail(f"{self.assignment} is not generated yet: generate it, then release it.")

    def init_dest(self) -> None:
        """Refuse to release again, unless that is asked for."""
        entries = self.service.get("courses", self.course, "assignments")
        out = any(one["name"] == self.assignment and is_out(one) for one in entries)
        if out and not self.force:
            self.fail(
                f"{self.assignment} is released already: withdraw it first, or add --force to "
                "release a new version."
            )

    def copy_files(self) -> None:
        """Set the rules, then send both versions."""
        path = ("courses", self.course, "assignments", self.assignment)
        rules = self._rules()
        packer = self.packer()
        folders = {"release": self.release_path, "source": self.source_path}
        with packer.packed(folders) as archive:
            if packer.left_out:
                self.log.warning("Not released (links, too large): %s", ", ".join(packer.left_out))
            if rules:
                self.service.call("PUT", *path, json=rules)
            answer = self.service.upload(*path, "release", archive=archive)
        self.log.info(
            "Released as: %s %s, version %s", self.course, self.assignment, answer["version"]
        )

    def _folder(self, step: str) -> Path:
        return Path(self.coursedir.format_path(step, ".", self.assignment))

    def _rules(self) -> dict:
        """The rules of the file, and the gradebook's deadline; what neither has stays."""
        path = self._folder(self.coursedir.source_directory) / RULES
        try:
            rules = tomllib.loads(path.read_text()) if path.is_file() else {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.fail(f"{path} is no TOML file ({error}): correct it and release again.")
        rules = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in rules.items()
        }
        with Gradebook(self.coursedir.db_url, self.course) as gradebook:
            try:
                due = gradebook.find_assignment(self.assignment).duedate
            except MissingEntry:
                due = None
        return rules if due is None else {**rules, "due": due.replace(tzinfo=UTC).isoformat()}
