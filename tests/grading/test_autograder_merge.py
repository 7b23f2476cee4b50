"""Answers put into the instructor's version: what is taken, what is put back, what is told."""

from __future__ import annotations

import json

import pytest

from grading.autograder.inside.hints import read_hints
from grading.autograder.inside.magics import to_python
from grading.autograder.inside.merge import Merged, NotANotebookError, merge, read_notebook
from grading.autograder.inside.plan import hidden_lines, needed_before, read_plan
from tests.grading.judging import answered, code, gap, locked, notebook, test

HIDDEN = "assert f() == 1\n### BEGIN HIDDEN TESTS\nassert f() is 1\n### END HIDDEN TESTS"
SOURCE = notebook(
    locked("import math", "setup"), gap("def f(): ...", "f"), test(HIDDEN, "seen", 2),
    gap("x = 1", "x"), test("assert x", "more"),
)  # fmt: skip


def merged(student: dict) -> Merged:
    return merge(read_notebook(json.dumps(SOURCE)), read_notebook(json.dumps(student)))


def findings(student: dict) -> list[tuple[str, str]]:
    return [(one["name"], one["cell"]) for one in merged(student).tampering]


def test_a_release_that_was_answered_is_no_tampering():
    one = merged(answered(SOURCE, f="def f(): return 1"))
    assert one.tampering == []
    assert [(c.kind, c.name) for c in one.cells] == [
        ("locked", "setup"), ("student", "f"), ("test", "seen"), ("student", "x"), ("test", "more"),
    ]  # fmt: skip
    assert one.cells[1].source == "def f(): return 1"
    assert "is 1" not in one.cells[2].source
    assert "is 1" in one.cells[2].whole


def test_nothing_hidden_is_in_the_notebook_that_is_shown():
    assert "HIDDEN" not in json.dumps(merged(answered(SOURCE)).notebook)


def test_cells_of_their_own_stay_where_they_were_written():
    student = answered(SOURCE)
    student["cells"].insert(2, code("def helper(): ..."))
    student["cells"].insert(0, code("first = 1"))
    assert [c.source for c in merged(student).cells[:4]] == [
        "first = 1", "import math", "def f(): ...", "def helper(): ...",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda cells: cells.pop(2), ("deleted-cell", "seen")),
        (lambda cells: cells.pop(1), ("deleted-cell", "f")),
        (lambda cells: cells.append(cells[2]), ("duplicated-cell", "seen")),
        (lambda cells: cells[2].update(source="pass"), ("altered-cell", "seen")),
        (lambda cells: cells[0].update(source="import os"), ("altered-cell", "setup")),
        (lambda cells: cells[2].update(cell_type="markdown"), ("altered-cell", "seen")),
        (lambda cells: cells[2]["metadata"]["nbgrader"].update(points=9), ("altered-cell", "seen")),
        (lambda cells: cells.insert(0, cells.pop(4)), ("moved-cells", "")),
        (lambda cells: cells.append(test("pass", "mine")), ("unknown-cell", "mine")),
    ],
)
def test_what_was_changed_is_told_and_put_back(change, finding):
    student = answered(SOURCE)
    change(student["cells"])
    assert finding in findings(student)
    tests = [(c.name, c.whole, c.points) for c in merged(student).cells if c.kind == "test"]
    assert tests == [("seen", HIDDEN, 2.0), ("more", "assert x", 1.0)]


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"[]", b"{}", b'{"nbformat": 3, "worksheets": []}', b"[" * 200_000,
     b'{"nbformat": 4, "cells": {}}', json.dumps({"nbformat": 4, "cells": [{}] * 6000}).encode()],
)  # fmt: skip
def test_what_is_no_notebook_is_refused(data):
    with pytest.raises(NotANotebookError):
        read_notebook(data)


@pytest.mark.parametrize(
    "cell", [{}, {"cell_type": 3, "source": [1, None, "x"], "metadata": []}, {"source": {}},
             {"metadata": {"nbgrader": {"grade_id": ["f"]}}}],
)  # fmt: skip
def test_odd_cells_are_read_as_far_as_they_go(cell):
    student = answered(SOURCE)
    student["cells"].append(cell)
    assert len(merged(student).notebook["cells"]) == 6


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 5 % 3", "x = 5 % 3"),
        (
            "%matplotlib inline\nx = 1",
            "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1",
        ),
        ("%%time\nx = 1", "x = 1"),
        ("%time f(1)", "f(1)"),
        ("files = !ls", "files = get_ipython().getoutput('ls')"),
        ("if x:\n    !ls -l", "if x:\n    get_ipython().system('ls -l')"),
        ("np.mean?", ""),
        ("text = '''\n%d\n'''", "text = '''\n%d\n'''"),
        ("await f()", "await f()"),
        ("def f(:", "def f(:"),
    ],
)
def test_magics_become_python(source, python):
    assert to_python(source) == python


def test_hidden_parts_are_found_by_line_and_by_what_later_tests_need():
    first = test("a = 1\n### BEGIN HIDDEN TESTS\nb = 2\nt['k'] = 3\n### END HIDDEN TESTS", "first")
    nb = notebook(first, test("assert a", "second"), test("assert b", "third"),
                  test("assert t", "fourth"))  # fmt: skip
    cells = merge(read_notebook(json.dumps(nb)), read_notebook(json.dumps(answered(nb)))).cells
    assert hidden_lines(cells[0]) == [(2, 5)]
    assert needed_before(cells) == {
        "first": [], "second": [], "third": ["first"], "fourth": ["first"],
    }  # fmt: skip


def test_a_plan_is_read_from_the_instructors_cells():
    nb = notebook(
        locked(
            "import numpy as np, os.path\nfrom math import pi as PI\ndef check(): return np", "s"
        ),
        gap("class V:\n    def __eq__(self, o): return True\ndef sum(x): return rate", "v"),
        test("import json\nrate = 2\nassert sum(1) == 2", "t"),
    )  # fmt: skip
    plan = read_plan(read_notebook(json.dumps(nb)))
    assert plan.modules == ["json", "math", "numpy", "os.path"]
    assert plan.imports["np"] == ("numpy", "")
    assert plan.imports["PI"] == ("math", "pi")
    assert (plan.defined, plan.compared, plan.shadows) == (["check"], ["V"], ["sum"])
    assert "rate" in plan.reads


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os\nos._exit(0)", ["process-exit"]),
        ("getattr(sys, '_getframe')(1)", ["stack-inspection"]),
        ("exec('x = 1')", ["code-from-text"]),
        ("model.eval()\ndf.eval('a + b')", []),
        ("print('ast_transformers')", []),
        ("def f(:", []),
    ],
)
def test_hints_are_read_from_the_text(source, names):
    assert [name for name, _ in read_hints(source)] == names
