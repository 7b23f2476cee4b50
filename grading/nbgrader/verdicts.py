"""What the autograder found, as the gradebook may believe it.

Invariant: it fails closed. A cell passed only if the verdict says so in every part; a cell that
the verdict does not name is missing, and a verdict of another shape is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from grading.errors import GradingError

PASSED, FAILED, MISSING, ERROR = STATUSES = ("passed", "failed", "missing", "error")
TEXT = 2_000  # characters of what came out of a container that are shown


@dataclass(frozen=True)
class CellVerdict:
    """A test cell: its status, its points of how many, what it said, and to instructors alone."""

    status: str
    score: float
    max_score: float
    message: str
    detail: str = ""


@dataclass(frozen=True)
class Tampering:
    """One way in which a submission tried to be judged otherwise; ``cell`` if one is meant."""

    name: str
    cell: str
    detail: str


@dataclass(frozen=True)
class NotebookVerdict:
    """A notebook: its test cells by grade id, and why somebody should look at it."""

    cells: dict[str, CellVerdict] = field(default_factory=dict)
    needs_look: tuple[str, ...] = ()
    tampering: tuple[Tampering, ...] = ()

    @property
    def suspicious(self) -> bool:
        """Whether somebody should look, whatever the points are."""
        return bool(self.needs_look or self.tampering)

    def cell(self, name: str, max_score: float) -> CellVerdict:
        """The verdict on a test cell that is worth ``max_score`` in the gradebook.

        Points for another worth are none: the gradebook's cell is not the one that was judged.
        """
        found = self.cells.get(name)
        if found is None:
            return CellVerdict(MISSING, 0, max_score, "The autograder does not report this cell.")
        if not math.isclose(found.max_score, max_score):
            why = (
                f"The released cell is worth {found.max_score:g} points, the gradebook's "
                f"{max_score:g}: generate and release the assignment again."
            )
            return CellVerdict(ERROR, 0, max_score, why)
        return found


def read_verdict(raw: object, submission: str) -> dict[str, NotebookVerdict]:
    """The verdict on a submission, by notebook.

    Raises `GradingError` (``verdict_invalid``) unless it is one, on this submission.
    """
    try:
        if raw["submission"] != submission:
            raise ValueError("it is on another submission")
        return {
            _text(name).removesuffix(".ipynb"): _notebook(found)
            for name, found in _object(raw["notebooks"]).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GradingError(
            f"What the autograder says of {submission} is no verdict ({error}): tell the lab's "
            "operator.",
            code="verdict_invalid",
        ) from None


def _notebook(raw: dict) -> NotebookVerdict:
    return NotebookVerdict(
        cells={_text(name): _cell(cell) for name, cell in _object(raw["cells"]).items()},
        needs_look=tuple(_text(reason) for reason in raw["needs_look"]),
        tampering=tuple(
            Tampering(_text(one["name"]), _text(one["cell"] or ""), _text(one["detail"] or ""))
            for one in raw["tampering"]
        ),
    )


def _cell(raw: dict) -> CellVerdict:
    status, score, best = raw["status"], _number(raw["score"]), _number(raw["max_score"])
    if status not in STATUSES:
        raise ValueError(f"a cell's status is {status!r:.40}")
    if not 0 <= score <= best:
        raise ValueError(f"a cell has {score:g} of {best:g} points")
    if status in (MISSING, ERROR):
        score = 0.0
    return CellVerdict(
        status, score, best, _text(raw["message"] or ""), _text(raw.get("detail") or "")
    )


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise ValueError(f"{raw!r:.40} is no number")
    return float(raw)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r:.40} is no text")
    return raw[:TEXT]


def _object(raw: object) -> dict:
    if not isinstance(raw, dict):
        raise TypeError(f"{raw!r:.40} is no object")
    return raw
