"""What the autograder judges a submission with: the student's files, the release's, the tests.

Invariant: the instructor's version is given as bytes and never written beside the student's.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from grading.autograder.queue import Wanted
from grading.contents import Contents, File
from grading.errors import GradingError
from grading.notebooks import is_notebook_name
from grading.tables import Release, Submission

SUBMITTED, FILES = "submitted", "files"


class Materials:
    """The exchange's files, for the autograder."""

    def __init__(self, database: Engine, contents: Contents) -> None:
        self._database, self._contents = database, contents

    def lay_out(self, wanted: Wanted, folder: Path) -> dict[str, bytes]:
        """Write what may lie beside student code to ``folder``; return the tests' notebooks.

        The empty ``folder/submitted`` gets what was handed in, ``folder/files`` what students
        got. Raises `GradingError` if there is no such submission or version.
        """
        with Session(self._database) as session, session.begin():
            work = session.get(Submission, wanted.submission)
            place = work and (work.course, work.assignment, wanted.source_version)
            release = session.get(Release, place) if place else None
            if work is None or release is None:
                raise GradingError(
                    f"There is no submission {wanted.submission} or no version "
                    f"{wanted.source_version} to judge it by.",
                    code="submission_unknown", status=404,
                )  # fmt: skip
            submitted, files, source = work.sha256, release.release, release.source
        self._contents.lay_out(submitted, folder / SUBMITTED)
        self._contents.lay_out(files, folder / FILES)
        return {
            file.path: self._read(file)
            for file in self._contents.folder(source).files
            if is_notebook_name(file.path)
        }

    def _read(self, file: File) -> bytes:
        with self._contents.open(file) as stream:
            return stream.read()
