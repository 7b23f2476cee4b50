"""What of a verdict is believed: all of it in order, or nothing that gives points."""

from __future__ import annotations

import math

import pytest

from grading.errors import GradingError
from grading.nbgrader.verdicts import read_verdict

SUBMISSION = "sub-abcdefghjkmn"


def verdict(cell: dict | None = None, **notebook: object) -> dict:
    """A verdict on one notebook with one test cell."""
    good = {"status": "passed", "score": 10, "max_score": 10, "message": ""}
    found = {"cells": {"test": good | (cell or {})}, "needs_look": [], "tampering": []}
    return {"submission": SUBMISSION, "notebooks": {"work.ipynb": found | notebook}}


def test_a_whole_verdict_gives_its_points():
    found = read_verdict(verdict(), SUBMISSION)["work"]
    assert found.cell("test", 10).score == 10
    assert not found.suspicious


@pytest.mark.parametrize(
    "cell",
    [
        {"status": "PASSED"},
        {"status": None},
        {"score": 11},
        {"score": -1},
        {"score": math.nan},
        {"max_score": math.inf},
        {"score": True},
        {"score": "10"},
        {"message": {"html": "<b>"}},
    ],
)
def test_a_cell_that_cannot_be_is_no_verdict(cell):
    with pytest.raises(GradingError, match="is no verdict"):
        read_verdict(verdict(cell), SUBMISSION)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"submission": SUBMISSION},
        {"submission": "sub-of-somebody-else", "notebooks": {}},
        {"submission": SUBMISSION, "notebooks": []},
        verdict(cells=[]),
        verdict(needs_look=None),
        verdict(tampering=[{"name": "os._exit"}]),
    ],
)
def test_another_shape_is_no_verdict(raw):
    with pytest.raises(GradingError) as refused:
        read_verdict(raw, SUBMISSION)
    assert refused.value.code == "verdict_invalid"


@pytest.mark.parametrize("status", ["missing", "error"])
def test_a_cell_that_did_not_report_has_no_points_whatever_they_say(status):
    found = read_verdict(verdict({"status": status}), SUBMISSION)["work"]
    assert found.cell("test", 10).score == 0


def test_a_cell_that_nobody_names_is_missing():
    found = read_verdict(verdict(), SUBMISSION)["work"].cell("another", 5)
    assert (found.status, found.score) == ("missing", 0)


def test_points_for_another_worth_are_none():
    found = read_verdict(verdict(), SUBMISSION)["work"].cell("test", 100)
    assert (found.status, found.score) == ("error", 0)
    assert "release the assignment again" in found.message


def test_tampering_and_reasons_to_look_are_suspicious():
    one = {"name": "os._exit", "cell": "test", "detail": "x" * 9999}
    found = read_verdict(verdict(tampering=[one]), SUBMISSION)["work"]
    assert found.suspicious
    assert len(found.tampering[0].detail) == 2000
    assert read_verdict(verdict(needs_look=["slow"]), SUBMISSION)["work"].suspicious
