"""Verdicts on notebooks that were really executed twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from experiments.errors import ExperimentError
from experiments.record import MIME
from experiments.report.pool import WorkerPool
from experiments.report.verify import Ended, check_tolerances, verdict
from tests.experiments.report_samples import code, notebook, stream, text, write
from tests.labs import ROOT

# A study with a seed of its own, whose result follows how it is called: from nothing but the
# seed, with a little noise on top, or with an error.
STUDY = """
import random, sys
from experiments import record
random.seed(7)
print("object", object())
for step in range(3):
    print(f"\\rstep {step}", end="", file=sys.stderr)
accuracy = 0.9 + random.random() / 100 + NOISE
record("accuracy", accuracy)
record("model", "mlp")
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> dict[str, tuple[dict, Path]]:
    """The study executed by a kernel: metrics and notebook by what was different."""
    folder = tmp_path_factory.mktemp("executed")
    return {
        name: execute(folder / f"{name}.ipynb", noise)
        for name, noise in (("first", 0), ("same", 0), ("near", 1e-4), ("far", 0.05))
    }


def execute(path: Path, noise: float) -> tuple[dict, Path]:
    cells = [text("# Study"), code("1 + 1"), code(STUDY.replace("NOISE", repr(noise)))]
    metadata = {"cohort": {"tolerance": {"accuracy": {"abs": 0.001}}}}
    nb = nbformat.reads(notebook(*cells, **metadata), as_version=4)
    here = {"metadata": {"path": str(ROOT)}}
    NotebookClient(nb, kernel_name="python3", resources=here).execute()
    # As in a run, the difference came from outside: both have the same cells.
    nb.cells[2].source = STUDY
    path.write_text(nbformat.writes(nb))
    displays = [o.data for o in nb.cells[2].outputs if o.output_type == "display_data"]
    scraps = [data[MIME] for data in displays]
    return {scrap["name"]: scrap["data"] for scrap in scraps}, path


def ended(name: str, found: tuple[dict, Path], state: str = "succeeded") -> tuple[Ended, Path]:
    return Ended(f"run-{name}", state, found[0]), found[1]


def judge(pool: WorkerPool, executed: dict, name: str, tolerances: dict | None = None) -> dict:
    first, again = ended("first", executed["first"]), ended(name, executed[name])
    found = verdict(pool, first, again, tolerances)
    assert json.loads(json.dumps(found)) == found
    return found


def test_the_same_again_is_reproduced(pool, executed):
    found = judge(pool, executed, "same")
    assert found["verdict"] == "REPRODUCED" and found["first"] is None
    assert found["sentence"] == "Run again, everything came out equal: 2 cells and 2 metrics."
    assert (found["original"], found["again"]) == ("run-first", "run-same")
    assert found["cells"] == {"compared": 2, "different": 0}
    assert all(metric["same"] for metric in found["metrics"])


def test_within_what_the_notebook_declares(pool, executed):
    found = judge(pool, executed, "near")
    assert found["verdict"] == "WITHIN TOLERANCE"
    assert found["sentence"] == (
        "Run again, 1 of 2 cells gave other output, and every metric stayed within what is "
        "declared."
    )
    accuracy, model = found["metrics"]
    assert accuracy["within"] and not accuracy["same"] and model["same"]
    assert accuracy["tolerance"] == {"abs": 0.001, "rel": 0.0} and model["tolerance"] is None
    assert found["first"]["left"]["index"] == 2


def test_beyond_it_has_diverged_and_says_where(pool, executed):
    found = judge(pool, executed, "far")
    one, other = executed["first"][0]["accuracy"], executed["far"][0]["accuracy"]
    assert found["verdict"] == "DIVERGED"
    assert found["sentence"] == (
        f"Run again, accuracy was {one} and is {other}; cell 3 is the first whose output differs."
    )
    first = found["first"]
    assert f"accuracy = {one}" in [o["text"] for o in first["left"]["outputs"]]
    assert f"accuracy = {other}" in [o["text"] for o in first["right"]["outputs"]]


def test_the_request_counts_before_the_notebook(pool, executed):
    assert judge(pool, executed, "near", {"accuracy": {"rel": 1e-9}})["verdict"] == "DIVERGED"
    assert judge(pool, executed, "near", {})["verdict"] == "DIVERGED"
    assert judge(pool, executed, "far", {"accuracy": {"rel": 0.2}})["verdict"] == "WITHIN TOLERANCE"


def made(folder: Path, name: str, *cells: dict, metrics: dict, state: str = "succeeded",
         **metadata: object) -> tuple[Ended, Path]:  # fmt: skip
    path = write(folder, notebook(*cells, **metadata), f"{name}.ipynb")
    return Ended(f"run-{name}", state, metrics), path


@pytest.mark.parametrize(
    ("metrics", "again", "word"),
    [
        ({"a": 1}, {"a": 1.0}, "REPRODUCED"),
        ({"a": 1}, {"a": True}, "DIVERGED"),
        ({"a": "nan"}, {"a": "nan"}, "REPRODUCED"),
        ({"a": 1.0}, {"a": "nan"}, "DIVERGED"),
        ({"a": 1.0}, {}, "DIVERGED"),
        ({}, {"b": 1.0}, "DIVERGED"),
        ({"a": 1.0, "b": 1.0}, {"a": 1.05, "b": 1.0}, "WITHIN TOLERANCE"),
        ({"a": 1.0, "b": 1.0}, {"a": 1.05, "b": 1.05}, "DIVERGED"),
        ({"b": 1.0}, {"b": 1.05}, "DIVERGED"),
    ],
)
def test_metrics_decide_by_type_and_tolerance(pool, tmp_path, metrics, again, word):
    sides = [made(tmp_path, n, code("x"), metrics=m) for n, m in (("a", metrics), ("b", again))]
    assert verdict(pool, *sides, {"a": {"abs": 0.1}})["verdict"] == word


def test_other_output_with_nothing_declared_has_diverged(pool, tmp_path):
    one = made(tmp_path, "one", code("x", stream("took 1 s")), metrics={"a": 1})
    other = made(tmp_path, "other", code("x", stream("took 2 s")), metrics={"a": 1})
    found = verdict(pool, one, other)
    assert found["verdict"] == "DIVERGED"
    assert found["sentence"] == "Run again, cell 1 is the first whose output differs."


def test_a_failure_is_compared_with_a_success(pool, tmp_path):
    failed = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}
    one = made(tmp_path, "one", code("x"), metrics={}, state="succeeded")
    other = made(tmp_path, "other", code("x", failed), metrics={}, state="failed")
    found = verdict(pool, one, other, {})
    assert found["sentence"].startswith("Run again, it failed where it had succeeded; cell 1 ")
    assert verdict(pool, other, other)["verdict"] == "REPRODUCED"


@pytest.mark.parametrize("state", ["cancelled", "timed out", "lost", "running"])
def test_what_was_cut_off_proves_nothing(pool, tmp_path, state):
    one = made(tmp_path, "one", code("x"), metrics={})
    other = made(tmp_path, "other", code("x"), metrics={}, state=state)
    for sides in ((one, other), (other, one)):
        with pytest.raises(ExperimentError, match="verify again") as e:
            verdict(pool, *sides)
        assert e.value.status == 409 and e.value.body()["error"]["run"] == "run-other"


def test_tolerances_that_a_notebook_declares_wrongly_are_not_used_and_that_is_said(pool, tmp_path):
    wrong = {"cohort": {"tolerance": {"a": {"abs": "much"}}}}
    one = made(tmp_path, "one", code("x"), metrics={"a": 1}, **wrong)
    other = made(tmp_path, "other", code("x"), metrics={"a": 2}, **wrong)
    found = verdict(pool, one, other)
    assert found["verdict"] == "DIVERGED"
    assert "The notebook's own tolerances were not used: The tolerance of a " in found["sentence"]


def test_the_verdict_fits_a_row_of_the_database(pool, tmp_path):
    outputs = [stream("\0" + "x" * 1_000_000), *[{"output_type": "display_data", "metadata": {},
                                          "data": {"image/png": "A" * 500_000}}] * 50]  # fmt: skip
    one = made(tmp_path, "one", code("y" * 100_000, *outputs), metrics={})
    other = made(tmp_path, "other", code("y" * 100_000), metrics={})
    found = json.dumps(verdict(pool, one, other))
    assert len(found) < 50_000 and "\\u0000" not in found


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "are written as"),
        ("x", "are written as"),
        ({"a": 5}, "The tolerance of a needs"),
        ({"a": {}}, "The tolerance of a needs"),
        ({"a": {"abs": 1, "percent": 5}}, "The tolerance of a needs"),
        ({"b": {"abs": -1}}, "The tolerance of b must be"),
        ({"b": {"abs": float("nan")}}, "The tolerance of b must be"),
        ({"b": {"rel": float("inf")}}, "The tolerance of b must be"),
        ({"b": {"rel": True}}, "The tolerance of b must be"),
        ({"b": {"rel": 10**400}}, "The tolerance of b must be"),
        ({"b\0": {"rel": 1}}, "that of a metric"),
        ({"b" * 300: {"rel": 1}}, "that of a metric"),
        ({str(n): {"abs": 1} for n in range(1000)}, "are written as"),
    ],
)
def test_bad_tolerances_are_refused_naming_the_metric(raw, said):
    with pytest.raises(ExperimentError, match=said) as e:
        check_tolerances(raw)
    body = e.value.body()["error"]
    assert body["code"] == "tolerance_invalid"
    if said.startswith("The tolerance of"):
        assert body["metric"] in raw


def test_tolerances_come_out_whole():
    assert check_tolerances({"a": {"rel": 1}}) == {"a": {"abs": 0.0, "rel": 1.0}}
