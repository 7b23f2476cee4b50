"""The verdict that a container left, checked field by field by code that no student can reach.

Invariant: it fails closed. Exactly the test cells of the instructor's version are in what comes
out, each once, with at most its own points; what is missing, or is not in the agreed form, is
zero and is marked to be looked at.
"""

from __future__ import annotations

import json
import math

from grading.autograder.inside.merge import is_test, read_notebook

STATUSES = {"passed", "failed", "missing", "error"}
TEXT, FINDINGS, OUTPUTS_BYTES = 4000, 200, 48 << 20
NO_VERDICT = "The container ended without a verdict on this test."


def expected_cells(notebooks: dict[str, bytes]) -> dict[str, dict[str, float]]:
    """``{notebook: {test: points}}`` of the instructor's version.

    Raises `NotANotebookError`.
    """
    found = {}
    for name, body in notebooks.items():
        cells = filter(is_test, read_notebook(body)["cells"])
        found[name] = {cell["grade_id"]: _points(cell["nbgrader"].get("points")) for cell in cells}
    return found


def check_verdict(body: bytes | None, expected: dict[str, dict[str, float]]) -> dict:
    """Return ``{notebook: {"cells", "needs_look", "tampering"}}`` for every expected notebook.

    ``body`` is None if there is no verdict that was sealed by the grader inside.
    """
    said = _dict(_json(body).get("notebooks")) if body is not None else {}
    return {name: _notebook(_dict(said.get(name)), tests) for name, tests in expected.items()}


def executed_notebooks(body: bytes | None, expected: dict) -> dict[str, bytes]:
    """The notebooks as they ran, of those that are expected; for eyes only, never for marks."""
    said = _dict(_json(body).get("executed")) if body is not None else {}
    found = {name: json.dumps(said[name], ensure_ascii=False).encode("utf-8", "replace")
             for name in expected if isinstance(said.get(name), dict)}  # fmt: skip
    return {name: data for name, data in found.items() if len(data) <= OUTPUTS_BYTES}


def _notebook(said: dict, tests: dict[str, float]) -> dict:
    cells, looks = _dict(said.get("cells")), _words(said.get("needs_look"))
    checked = {}
    for name, points in tests.items():
        checked[name], bad = _cell(cells.get(name), points)
        looks |= {bad: None} if bad else {}
    if set(cells) - set(tests):
        looks["unexpected-cells"] = None
    tampering = [_finding(one) for one in _list(said.get("tampering"))[:FINDINGS]]
    looks |= {one["name"]: None for one in tampering}
    return {"cells": checked, "needs_look": sorted(looks), "tampering": tampering}


def _cell(said: object, points: float) -> tuple[dict, str]:
    """A checked cell, and why it should be looked at."""
    nothing = {"status": "missing", "score": 0.0, "max_score": points, "message": NO_VERDICT}
    if not isinstance(said, dict) or _text(said.get("status")) not in STATUSES:
        return nothing, "missing-verdict"
    score, status = said.get("score"), said["status"]
    if not _is_number(score) or not 0 <= score <= points or said.get("max_score") != points:
        return nothing, "missing-verdict"
    if (status == "passed" and score != points) or (status in ("missing", "error") and score):
        return nothing, "missing-verdict"
    cell = {"status": status, "score": float(score), "max_score": points,
            "message": _text(said.get("message")), "hidden": said.get("hidden") is True,
            "detail": _text(said.get("detail"))}  # fmt: skip
    return cell, "missing-verdict" if status in ("missing", "error") else ""


def _finding(one: object) -> dict:
    one = _dict(one)
    return {key: _text(one.get(key))[:500] for key in ("name", "cell", "detail")}


def _json(body: bytes) -> dict:
    try:
        return _dict(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _words(value: object) -> dict[str, None]:
    return {_text(word)[:100]: None for word in _list(value)[:FINDINGS]}


def _points(value: object) -> float:
    return float(value) if _is_number(value) and value >= 0 else 0.0


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _text(value: object) -> str:
    """Plain text: no control characters but newlines and tabs."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value[:TEXT] if c.isprintable() or c in "\n\t")


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list:
    return value if isinstance(value, list) else []
