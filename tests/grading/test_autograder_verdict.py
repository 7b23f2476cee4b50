"""What a container says is believed only in the agreed form, and no further than that."""

from __future__ import annotations

import json

import pytest

from grading.autograder.inside.order import (
    Order,
    read_sealed,
    take_order,
    write_order,
    write_sealed,
)
from grading.autograder.verdict import check_verdict, executed_notebooks, expected_cells
from tests.grading.judging import code, gap, notebook, test

EXPECTED = {"ps.ipynb": {"a": 2.0, "b": 3.0}}
PASSED = {"status": "passed", "score": 2.0, "max_score": 2.0, "message": ""}
FAILED = {"status": "failed", "score": 0.0, "max_score": 3.0, "message": "no"}


def check(cells: object, **more) -> dict:
    body = {"notebooks": {"ps.ipynb": {"cells": cells, "needs_look": [], "tampering": [], **more}}}
    return check_verdict(json.dumps(body).encode(), EXPECTED)["ps.ipynb"]


def test_a_verdict_in_the_agreed_form_is_taken():
    found = check({"a": PASSED, "b": FAILED})
    assert {name: cell["score"] for name, cell in found["cells"].items()} == {"a": 2.0, "b": 0.0}
    assert found["needs_look"] == []


@pytest.mark.parametrize(
    "cell",
    [
        None, [], "passed", {}, {"status": "passed"},
        {**PASSED, "score": 3.0}, {**PASSED, "score": 1.0}, {**PASSED, "score": -1},
        {**PASSED, "score": "2"}, {**PASSED, "score": True}, {**PASSED, "score": float("nan")},
        {**PASSED, "score": float("inf")}, {**PASSED, "max_score": 200.0, "score": 200.0},
        {**PASSED, "status": "excellent"}, {**PASSED, "status": "missing"},
        {**PASSED, "status": "error"}, {**PASSED, "status": ["passed"]},
    ],
)  # fmt: skip
def test_any_other_form_is_zero_and_looked_at(cell):
    found = check({"a": cell, "b": FAILED})
    assert found["cells"]["a"]["score"] == 0
    assert found["cells"]["a"]["max_score"] == 2.0
    assert "missing-verdict" in found["needs_look"]


@pytest.mark.parametrize(
    "body",
    [None, b"", b"[]", b"{", b"{}", b"[" * 100_000, b'{"notebooks": []}', b"\xff\xfe", b"null"],
)
def test_without_a_verdict_every_test_is_zero(body):
    found = check_verdict(body, EXPECTED)["ps.ipynb"]
    assert {cell["status"] for cell in found["cells"].values()} == {"missing"}
    assert found["needs_look"] == ["missing-verdict"]
    assert executed_notebooks(body, EXPECTED) == {}


def test_cells_that_nobody_asked_for_give_nothing():
    found = check({"a": PASSED, "b": FAILED, "c": {**PASSED, "score": 2.0}})
    assert set(found["cells"]) == {"a", "b"}
    assert found["needs_look"] == ["unexpected-cells"]


def test_texts_are_plain_and_short():
    odd = {**FAILED, "message": "a\x1b[31mb\0c\n" + "x" * 10_000}
    found = check({"a": PASSED, "b": odd}, tampering=[{"name": "x\0", "cell": 3, "detail": []}])
    assert found["cells"]["b"]["message"].startswith("a[31mbc\n")
    assert len(found["cells"]["b"]["message"]) <= 4000
    assert found["tampering"] == [{"name": "x", "cell": "", "detail": ""}]


def test_only_cells_that_grade_by_running_are_expected():
    nb = notebook(gap("x = 1", "x"), test("assert x", "t", 4), code("y = 2"),
                  code("essay", "manual", grade=True, solution=True, points=5))  # fmt: skip
    assert expected_cells({"ps.ipynb": json.dumps(nb).encode()}) == {"ps.ipynb": {"t": 4.0}}


def test_an_order_leaves_its_file_and_a_seal_needs_its_key(tmp_path):
    path = tmp_path / "order"
    order = Order(b"k" * 32, {"ps.ipynb": "hidden"}, 1.0, 2.0, 3, True)
    path.touch()
    write_order(path, order)
    assert take_order(path) == order
    assert path.read_bytes() == b""
    write_sealed(path, order.key, {"notebooks": {}})
    assert json.loads(read_sealed(path.read_bytes(), order.key)) == {"notebooks": {}}
    assert read_sealed(path.read_bytes(), b"x" * 32) is None
    assert read_sealed(path.read_bytes() + b" ", order.key) is None
    assert read_sealed(b"", order.key) is None
