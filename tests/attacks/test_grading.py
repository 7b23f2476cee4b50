"""Attacks on grading: none earns a point here, and most of them do where nbgrader grades alone.

Many attacks share a container, each in a notebook and processes of its own; those on the container
itself have one to themselves.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.attacks import forgeries
from tests.attacks.stock_grading import grade_with_stock
from tests.grading.judging import Judge, answered, judging, score

FULL = 9.0
STUDENTS = {
    name: answered(forgeries.SOURCE, square=code) for name, code in forgeries.ANSWERS.items()
} | forgeries.edited(answered(forgeries.SOURCE), forgeries.WRONG)
# What an instructor is told, by name.
REPORTED = {
    "an object that equals everything": "forged-value",
    "numpy.isclose replaced": "patched-library",
    "all() patched in builtins": "patched-builtins",
    "an AST transformer that drops asserts": "ast-transformers",
    "an input transformer that drops asserts": "input-transformers-post",
    "silenced tracebacks": "silenced-tracebacks",
    "the caller's frame": "stack-inspection",
    "a trace function that leaves asserts out": "trace-function",
    "os._exit while it is tested": "process-exit",
    "a thread that patches later": "thread-outlives-cell",
    "tests deleted": "deleted-cell",
    "tests doubled by empty ones": "duplicated-cell",
    "tests emptied": "altered-cell",
    "ctypes": "native-code",
}


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    with judging(tmp_path_factory.mktemp("judge")) as judge:
        yield judge


@pytest.fixture(scope="module")
def attacked(judge: Judge) -> dict[str, dict]:
    """``{attack: verdict}``, with what it printed; and one honest notebook among them."""
    students = {"honest": answered(forgeries.SOURCE, square=forgeries.RIGHT), **STUDENTS}
    files = {f"n{number:03}.ipynb": name for number, name in enumerate(students)}
    batches = [list(files)[start::2] for start in range(2)]
    found = {}
    for batch in batches:
        source = dict.fromkeys(batch, forgeries.SOURCE)
        (verdicts,) = judge.grade(source, {file: students[files[file]] for file in batch})
        found |= {files[file]: verdict for file, verdict in verdicts.items()}
    return found


def test_an_honest_answer_among_them_has_full_marks(attacked):
    honest = attacked["honest"]
    assert (score(honest), honest["needs_look"]) == (FULL, [])


@pytest.mark.parametrize("name", STUDENTS)
def test_an_attack_earns_and_learns_nothing(judge, attacked, name):
    verdict = attacked[name]
    assert set(verdict["cells"]) == {"exact", "near", "helper", "all"}
    assert score(verdict) == 0, verdict
    ran = json.dumps(judge.executed(verdict["executed"])["cells"]) + json.dumps(verdict)
    said = ran.replace("hidden-71f3' + 'c0de", "")
    details = [cell.get("detail", "") for cell in verdict["cells"].values()]
    assert said.count(forgeries.TOKEN) == sum(forgeries.TOKEN in one for one in details)
    assert forgeries.NEIGHBOUR not in said


@pytest.mark.parametrize(("attack", "finding"), REPORTED.items())
def test_tampering_is_reported_by_name(attacked, attack, finding):
    verdict = attacked[attack]
    assert finding in {one["name"] for one in verdict["tampering"]}, verdict
    assert finding in verdict["needs_look"]


def test_the_same_attacks_on_stock_nbgrader(attacked, tmp_path, capsys):
    chosen = STUDENTS if os.environ.get("COHORT_CAMPAIGN") else _sample()
    won = grade_with_stock(chosen, tmp_path)
    here = sum(score(attacked[name]) > 0 for name in STUDENTS)
    with capsys.disabled():
        print(f"\nattacks_blocked {len(STUDENTS) - here} of {len(STUDENTS)}")
        print(f"attacks_blocked_stock {len(chosen) - len(won)} of {len(chosen)}")
        if os.environ.get("COHORT_CAMPAIGN"):
            print("won on stock:", *sorted(won), sep="\n  ")
    assert len(STUDENTS) >= 40
    assert here == 0
    assert won


def _sample() -> dict[str, dict]:
    names = ("an object that equals everything", "an AST transformer that drops asserts",
             "hidden tests and neighbours in notebooks on disk")  # fmt: skip
    return {name: STUDENTS[name] for name in names}
