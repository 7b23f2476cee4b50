"""The library that lessons import: checks that name the case, figures, the way to the data."""

from __future__ import annotations

import json

import pytest

# Runs in the image, where NumPy is; each case is (what is called, what must be said).
CASES = r"""
import json, sys
import numpy as np
sys.path.insert(0, "/proof/curriculum/ai-foundations")
from cohort_course import check, scenario

def double(x): return 2 * x
def nothing(x): pass
def later(x): raise NotImplementedError()
def fails(x): raise KeyError("x")
def triple(x): return 3 * x

calls = {
    "passes": lambda: check.cases(double, (2, 4), (np.arange(2), np.array([0, 2]))),
    "wrong": lambda: check.cases(triple, (0, 0), (2, 4)),
    "none": lambda: check.cases(nothing, (2, 4)),
    "blank": lambda: check.cases(later, (2, 4)),
    "raises": lambda: check.cases(fails, (2, 4)),
    "shape": lambda: check.same("rows", np.zeros((2, 3)), np.zeros((3, 2))),
    "pair": lambda: check.same("both", (1.0, 2.5), (1.0, 2.0)),
    "length": lambda: check.same("both", (1.0,), (1.0, 2.0)),
    "nan": lambda: check.same("mean", float("nan"), 1.0),
    "long": lambda: check.same("rows", np.arange(1000.0), np.ones(1000)),
    "text": lambda: check.same("names", ["a", "b"], ["a", "c"]),
    "close": lambda: check.same("mean", 1.0 + 1e-12, 1.0),
    "that": lambda: check.that("the sky is green", False),
    "scenario": lambda: scenario("nowhere"),
}
said = {}
for name, call in calls.items():
    try:
        said[name] = call() or "passed"
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
        shown = getattr(error, "_render_traceback_", lambda: [""])()
        said[name + " shown"] = shown
open("/out/said.json", "w").write(json.dumps(said))
"""
SAID = {
    "passes": "passed",
    "wrong": "case 2 of 2: triple(2) gives 6, not 4",
    "none": "gives None: is there a return?",
    "blank": "later is still to be written",
    "raises": "case 1 of 1: fails(2) raises KeyError: 'x'",
    "shape": "rows has the shape (2, 3), not (3, 2)",
    "pair": "both, value 1 gives 2.5, not 2",
    "length": "both gives 1 values, not 2",
    "nan": "mean gives nan, not 1",
    "long": "rows gives [ 0., 1., 2., ..., 997., 998., 999.], not ",
    "text": "names, value 1 gives 'b', not 'c'",
    "close": "passed",
    "that": "not so: the sky is green",
    "scenario": "There is no scenario 'nowhere' in /out/scenarios; there are: ['city'",
}


@pytest.fixture(scope="module")
def said(box) -> dict:
    """What each call said."""
    box.python("-c", CASES)
    return json.loads((box.out / "said.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SAID)
def test_a_check_names_what_is_wrong(said, name):
    assert SAID[name] in said[name]


def test_a_failed_check_shows_its_sentence_and_no_traceback(said):
    assert said["wrong shown"] == ["✗ case 2 of 2: triple(2) gives 6, not 4"]


# Every helper draws; what it drew is looked at as the proofs look at a lesson's figures.
FIGURES = """
import sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, "/proof/curriculum/ai-foundations")
from cohort_course import draw
from curriculum.build.figures import emptiness
drawn = [
    draw.flow(["one", "two"], "steps"),
    draw.bars({"a": 1.0, "b": 2.0}, "bars", "metres"),
    draw.strips({"row": [("piece", 0, 3, draw.BLUE)]}, "strips", "week"),
    draw.matrix([[1, 2], [3, 4]], ["a", "b"], ["c", "d"], "matrix"),
]
assert [emptiness(ax.figure) for ax in drawn] == [[]] * 4
assert emptiness(draw.panel("bare").figure) and len(draw.panels(["a", "b"])) == 2
assert draw.panel().get_title(loc="left") == ""
"""


def test_figure_helpers_draw(box):
    box.python("-c", FIGURES)
