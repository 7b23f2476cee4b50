"""From verdicts to the gradebook and back to students, with nbgrader itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.grading.desks import HIDDEN, Desk, desk

GOOD = {"status": "passed", "score": 10, "max_score": 10, "message": ""}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Iterator[Desk]:
    """A course's server, which needs no service for this."""
    with desk(None, "course-ai", tmp_path_factory.mktemp("course")) as course:
        yield course


def verdict(cells: dict | None = None, **notebook: object) -> dict:
    """A verdict of the autograder on one notebook."""
    found = {"cells": {"test": GOOD} if cells is None else cells, "needs_look": [],
             "tampering": []}  # fmt: skip
    return {"submission": "sub-1", "notebooks": {"work.ipynb": found | notebook}}


def code(source: str, output: str = "", **facts: object) -> dict:
    """A code cell that printed something."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    return {"cell_type": "code", "id": "c", "source": source, "outputs": outputs,
            "execution_count": None, "metadata": {"nbgrader": facts} if facts else {}}  # fmt: skip


def words(source: str, **metadata: object) -> dict:
    """A Markdown cell."""
    return {"cell_type": "markdown", "id": "m", "source": source, "metadata": metadata}


TEST = {"grade_id": "test", "grade": True, "solution": False, "locked": True, "points": 10,
        "schema_version": 3, "task": False, "score": 4}  # fmt: skip


def test_points_of_tests_are_the_verdicts_and_those_by_hand_are_nobodys(course):
    found = course.call("graded", verdict=verdict())
    assert found["points"] == {"test": 10, "words": None, "program": None}
    assert "test" not in found["look"]
    assert not found["flagged"]


def test_what_did_not_report_is_zero_and_needs_a_look(course):
    found = course.call("graded", verdict=verdict({}))
    assert found["points"]["test"] == 0
    assert "test" in found["look"]


def test_tampering_flags_the_notebook_and_keeps_no_point_from_a_look(course):
    one = {"name": "builtins-patched", "cell": "", "detail": "print"}
    found = course.call("graded", verdict=verdict(tampering=[one]))
    assert found["flagged"]
    assert "test" in found["look"]


def test_points_by_hand_stay_and_are_asked_about_after_a_new_run(course):
    found = course.call("graded", verdict=verdict(), by_hand={"test": 7, "words": 2})
    assert "test" in found["look"]
    assert found["mark"]["score"] == 9
    cells = {cell["name"]: cell["score"] for cell in found["mark"]["cells"]}
    assert cells == {"test": 7, "words": 2, "program": 0}


def test_a_notebook_that_was_not_handed_in_is_zero_and_needs_a_look(course):
    found = course.call("graded", verdict=verdict(), missing=True)
    assert set(found["points"].values()) == {0}
    assert found["look"] == ["program", "test", "words"]


def notebook(*cells: dict) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.mark.parametrize(
    "text",
    ["", "[[", "[" * 100_000, "null", "{}", '{"nbformat": 3, "worksheets": []}',
     '{"nbformat": 4, "cells": [{"cell_type": "odd"}]}', notebook({"cell_type": "code"})],
)  # fmt: skip
def test_what_is_no_notebook_is_told_so(course, text):
    assert course.call("shown", text=text)["error"]


def test_cells_cannot_claim_to_be_nbgraders_or_ours(course):
    claims = [
        code("1", grade_id="test", grade=True),
        code("2", grade_id="forged", grade=True, points=100),
        words("**All is well**", cohort_for_instructors=True),
    ]
    cells = course.call("shown", text=notebook(*claims))["cells"]
    assert [bool(cell["metadata"]) for cell in cells] == [True, False, False]


def test_instructors_are_told_what_to_look_at_by_name(course):
    raw = verdict(
        {"test": {"status": "error", "score": 0, "max_score": 10, "message": "[x](y) *b*"}},
        needs_look=["missing-verdict"],
        tampering=[{"name": "os._exit", "cell": "test", "detail": "<img src=x>"}],
    )
    note = course.call("shown", text=notebook(code("1")), verdict=raw)["cells"][0]
    assert note["metadata"] == {"cohort_for_instructors": True}
    assert note["source"].splitlines() == [
        "- **Needs a look:** missing-verdict",
        "- **Tampering: os.\\_exit** (cell test) &lt;img src=x&gt;",
        "- **Cell test, error:** \\[x\\]\\(y\\) \\*b\\*",
    ]


def test_hidden_tests_are_not_in_feedback_nor_what_they_printed(course):
    hidden = f"assert answer > 0\n### BEGIN HIDDEN TESTS\n{HIDDEN}\n### END HIDDEN TESTS"
    open_ = {**TEST, "grade_id": "open", "score": 1, "points": 1}
    mine, test, beside = course.call(
        "handed_back",
        cells=[
            words("Tampering", cohort_for_instructors=True),
            code("print('BEGIN HIDDEN TESTS')", "of mine"),
            code(hidden, HIDDEN, **TEST),
            code("assert True", HIDDEN, **open_),
        ],
    )
    assert mine["outputs"][0]["text"] == "of mine"
    assert test["source"] == "assert answer > 0"
    assert test["outputs"][0]["text"] == "4 of 10 points.\n"
    assert beside["outputs"][0]["text"] == "1 of 1 points.\n"


def test_without_hidden_tests_feedback_shows_what_tests_printed(course):
    (test,) = course.call("handed_back", cells=[code("assert answer", "not yet", **TEST)])
    assert test["outputs"][0]["text"] == "not yet"


@pytest.mark.parametrize("template", ["formgrade", "feedback"])
def test_nothing_that_a_student_wrote_runs_in_a_page(course, template):
    evil = '<script>evil()</script><img src="x" onerror="evil()"><a href="javascript:evil()">a</a>'
    faces = {
        "text/html": f"<table><thead><tr><th>A</th></tr></thead></table>{evil}",
        "text/markdown": evil,
        "image/svg+xml": f"<svg onload='evil()'>{evil}</svg>",
        "application/javascript": "evil()",
    }
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {kind: face}}
               for kind, face in faces.items()]  # fmt: skip
    answer = {**TEST, "grade": False, "solution": True, "locked": False, "comment": evil}
    cells = [words(f"# Title\n\n*very* > {evil}"), words(evil, nbgrader=answer),
             {**code("1"), "outputs": outputs}]  # fmt: skip
    page = course.call("page", cells=cells, template=template)
    assert "<th>A</th>" in page
    assert "<em>very</em>" in page
    for harm in ("<script>evil", 'onerror="evil', "onload='evil", 'href="javascript:evil'):
        assert harm not in page
