"""A course's folder: its lessons, their assignments and their proof sheets.

ai-foundations/
    03-gradients.ipynb                      the lesson, with its solutions
    cohort_course/                          what lessons import; beside them, so it is found
    source/03-gradients/03-gradients.ipynb  the assignment, where nbgrader looks for it
    proofs/03-gradients.toml                parameters to change, wrong answers
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from curriculum.build.errors import CurriculumError

HOME = Path(__file__).resolve().parents[1]
COURSE = HOME / "ai-foundations"
SCENARIOS = HOME / "scenarios"
LIBRARY = "cohort_course"


@dataclass(frozen=True)
class Lesson:
    """A lesson by its name, such as ``03-gradients``, in a course's folder."""

    course: Path
    name: str

    @property
    def notebook(self) -> Path:
        """The lesson."""
        return self.course / f"{self.name}.ipynb"

    @property
    def assignment(self) -> Path:
        """The assignment that goes with it."""
        return self.course / "source" / self.name / f"{self.name}.ipynb"

    @property
    def proof(self) -> Path:
        """Its proof sheet."""
        return self.course / "proofs" / f"{self.name}.toml"


def lessons(course: Path = COURSE) -> list[Lesson]:
    """All lessons of a course, in order."""
    return [Lesson(course, path.stem) for path in sorted(course.glob("[0-9][0-9]-*.ipynb"))]


def find(name: str, course: Path = COURSE) -> Lesson:
    """The lesson of that name, or of that number; CurriculumError says which there are."""
    known = lessons(course)
    for lesson in known:
        if name in (lesson.name, lesson.name.partition("-")[0]):
            return lesson
    raise CurriculumError(f"there is no lesson '{name}' among {[one.name for one in known]}")


@dataclass(frozen=True)
class Wrong:
    """An answer that a learner would really give, and what it costs.

    ``loses`` is {name of test cell: its points}, all of them, and no other test cell.
    """

    exercise: str
    why: str
    code: str
    loses: dict[str, int]


@dataclass(frozen=True)
class Proof:
    """What is tried on a lesson: its parameters changed, its exercises answered wrongly."""

    parameters: dict[str, object]
    wrong: tuple[Wrong, ...]


def load_proof(path: Path) -> Proof:
    """Read a proof sheet; CurriculumError names what it lacks or has too much."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        wrong = tuple(Wrong(**one) for one in given.pop("wrong", []))
        return Proof(wrong=wrong, **given)
    except (OSError, TypeError, tomllib.TOMLDecodeError) as error:
        raise CurriculumError(f"{path} is no proof sheet: {error}") from error
