"""Which submission of the service's a folder of the course holds.

Invariant: the record is written by trusted code after everything of the student's was unpacked;
whatever a student handed in under its name is gone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from grading.errors import GradingError

# nbgrader copies both from submitted/ to autograded/ and feedback/, as every file.
RECORD = "cohort_submission.json"
TIMESTAMP = "timestamp.txt"


@dataclass(frozen=True)
class Record:
    """The facts of a submission that the course needs again."""

    id: str
    owner: str
    number: int
    received_at: str
    late_seconds: int

    @classmethod
    def of(cls, facts: dict) -> Record:
        """From the service's description of a submission."""
        return cls(**{field.name: facts[field.name] for field in fields(cls)})

    def write(self, folder: Path, timestamp: str) -> None:
        """Put record and time of handing in into the folder."""
        for name, text in ((RECORD, json.dumps(asdict(self))), (TIMESTAMP, timestamp)):
            path = folder / name
            path.unlink(missing_ok=True)
            path.write_text(text)


def read_record(folder: Path) -> Record:
    """The record of a folder below submitted/, autograded/ or feedback/.

    Raises `GradingError` if it was not collected from the exchange.
    """
    try:
        return Record.of(json.loads((folder / RECORD).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        raise GradingError(
            f"{folder} was not collected from the exchange: collect the assignment again.",
            code="record_missing",
        ) from None
