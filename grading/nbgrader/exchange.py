"""What all exchange operations share: the service, whose work it is, and how errors are told.

Invariant: an operation ends well, or with an `ExchangeError` that holds one sentence for people.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from jupyter_core.paths import jupyter_data_dir
from nbgrader.exchange import abc
from nbgrader.utils import parse_utc
from traitlets import Bool, Unicode, default

from cohort.errors import CohortError
from grading.nbgrader.client import Service, account, service
from grading.nbgrader.packing import Packer
from grading.nbgrader.sentences import tell

# As the service has it; its own module needs more than desks have.
ASSIGNMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
# A folder's name that nbgrader reads as a time again.
STAMP = "%Y-%m-%d %H:%M:%S.%f UTC"


class Exchange(abc.Exchange):
    """The base of the operations; its settings are what nbgrader's own exchange has."""

    path_includes_course = Bool(
        False,
        help="Whether assignments are in a folder of their course: ./course/ps1, not ./ps1.",
    ).tag(config=True)

    cache = Unicode(help="What nbgrader keeps of submissions; here the service keeps them.").tag(
        config=True
    )

    @default("cache")
    def _cache_default(self) -> str:
        return os.path.join(jupyter_data_dir(), "nbgrader_cache")

    def start(self) -> object:
        """Do what is asked; raises `ExchangeError` with a sentence."""
        try:
            return super().start()
        except CohortError as error:
            self.fail(str(error))
        except OSError as error:
            self.fail(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")

    def fail(self, msg: str) -> NoReturn:
        """Tell a sentence to the log and to the page, and end."""
        tell(msg)
        super().fail(msg)

    def init_src(self) -> None:
        """Nothing to prepare, unless an operation says so."""

    def init_dest(self) -> None:
        """Nothing to prepare, unless an operation says so."""

    def copy_files(self) -> None:
        """Nothing to copy, unless an operation says so."""

    @property
    def service(self) -> Service:
        """The lab's service."""
        return service()

    @property
    def course(self) -> str:
        """The course that was named."""
        if not self.coursedir.course_id:
            self.fail("No course was named: choose one, or add --course with its id.")
        return self.coursedir.course_id

    @property
    def assignment(self) -> str:
        """The assignment that was named."""
        name = self.coursedir.assignment_id
        if not ASSIGNMENT.fullmatch(name):
            self.fail(
                f"{name[:80]!r} is no name of an assignment: use 1 to 61 letters, digits, '.', "
                "'_' and '-', the first a letter or a digit."
            )
        return name

    @property
    def owner(self) -> str:
        """Whose work it is: this server's account, unless another was named."""
        named = self.coursedir.student_id
        return account() if named in ("", "*") else named

    def place(self, course: str, assignment: str) -> Path:
        """Where a person's copy of an assignment is."""
        inside = Path(course, assignment) if self.path_includes_course else Path(assignment)
        return Path(self.assignment_dir).absolute() / inside

    def packer(self, ignore: Sequence[str] | None = None) -> Packer:
        """Packs by the course's settings of what is ignored and too large, in kilobytes."""
        directory = self.coursedir
        ignored = directory.ignore if ignore is None else ignore
        return Packer(ignored, directory.max_file_size * 1000, directory.max_dir_size * 1000)


def moment(iso: str) -> datetime:
    """A time of the service's, in UTC."""
    return datetime.fromisoformat(iso).astimezone(UTC)


def stamp(iso: str) -> str:
    """A time of the service's as nbgrader writes it in timestamp.txt and names of folders."""
    return moment(iso).strftime(STAMP)


def naive(iso: str) -> datetime:
    """A time of the service's as nbgrader keeps times: UTC, saying nothing of it."""
    return parse_utc(moment(iso))
