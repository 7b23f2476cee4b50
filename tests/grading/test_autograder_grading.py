"""Notebooks graded in containers: what honest work earns, what is shown, what ends badly."""

from __future__ import annotations

import json

import pytest

from grading.autograder.launch import Limits
from tests.grading.judging import Judge, answered, code, gap, judging, locked, notebook, score, test

HIDDEN = "\n### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    limits = Limits(cell_seconds=8, total_seconds=150, memory_bytes=1 << 30, file_bytes=64 << 20)
    with judging(tmp_path_factory.mktemp("judge"), limits=limits) as judge:
        judge.shelf.files = {
            "course_lib.py": b"def double(x): return 2 * x\n",
            "data.csv": b"1,2\n",
        }
        yield judge


def grid(answer: str, *tests: str, setup: str = "import math") -> tuple[dict, dict]:
    """An assignment of one gap, and a student's answer to it."""
    cells = [test(source, f"t{number}", 2) for number, source in enumerate(tests)]
    source = notebook(locked(setup, "setup"), gap("...", "gap"), *cells)
    return source, answered(source, gap=answer)


HONEST = {
    "a class that compares, as the instructor's does": (
        notebook(
            gap("class V:\n    def __init__(s, x): s.x = x\n    def __eq__(s, o):\n"
                "        return isinstance(o, V) and s.x == o.x\n"
                "    def __add__(s, o): return V(s.x + o.x)", "v"),
            test("assert V(1) + V(2) == V(3)\nassert V(1) != V(2)", "t0", 2)),
        None,
    ),
    "a dataclass": grid(
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int",
        "assert P(1, 2) == P(1, 2)\nassert P(1, 2).x == 1"),
    "a global that the test sets": (
        notebook(gap("def tax(x): return x * rate", "tax"),
                 test("rate = 0.5\nassert tax(4) == 2", "t0", 2)),
        None,
    ),
    "a function that is taken away, as in nbgrader's own example": (
        notebook(
            gap("def squares(n): return [i * i for i in range(n)]", "a"),
            gap("def total(n): return sum(squares(n))", "b"),
            test("kept = squares\ndel squares\ntry:\n    total(3)\nexcept NameError:\n    pass\n"
                 "else:\n    raise AssertionError('it does not use squares')\n"
                 "finally:\n    squares = kept", "t0", 2)),
        None,
    ),
    "magics and display": grid(
        "%matplotlib inline\n%time x = 3\nfiles = !echo one\ndisplay(x)\nx",
        "assert x == 3 and files == ['one']"),
    "a shadowed builtin that the instructor asks for": (
        notebook(gap("def sum(values):\n    total = 0\n    for v in values: total += v\n"
                     "    return total", "sum"),
                 test("assert sum([1, 2]) == 3", "t0", 2)),
        None,
    ),
    "a builtin's name used by mistake": grid(
        "max = 3\ndef top(x): return sorted(x)[-1]", "assert top([1, 5]) == max(1, 5)"),
    "threads that end, processes that end": grid(
        "from concurrent.futures import ThreadPoolExecutor\nimport subprocess\n"
        "def f(x):\n    with ThreadPoolExecutor(2) as pool: return list(pool.map(abs, x))",
        "assert f([-1, 2]) == [1, 2]"),
    "the course's own module and data": grid(
        "import course_lib\nrow = open('data.csv').read().split(',')",
        "assert course_lib.double(int(row[0])) == 2", setup="import course_lib"),
    "warnings on stderr": grid(
        "import warnings, sys\ndef f():\n    warnings.warn('old'); print('e', file=sys.stderr)\n"
        "    return 1", "assert f() == 1"),
    "files of its own": grid(
        "with open('mine.txt', 'w') as file: file.write('7')\nimport tempfile\n"
        "kept = tempfile.mkdtemp()", "assert open('mine.txt').read() == '7'"),
    "what a hidden part binds, used later": (
        notebook(gap("def f(x): return x", "f"),
                 test("a = 1" + HIDDEN.format("b = 2"), "t0", 1),
                 gap("y = 3", "y"),
                 test("assert f(1) == a" + HIDDEN.format("assert f(2) == b"), "t1", 1)),
        None,
    ),
    "top-level await": grid("import asyncio\nawait asyncio.sleep(0)\nx = 1", "assert x == 1"),
    "printed output that a test reads": grid(
        "def hello(): print('hi')",
        "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n"
        "    hello()\nassert out.getvalue() == 'hi\\n'\nimport sys\nsys.stdout.flush()"),
    "generators, sets, recursion": grid(
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "def evens():\n    n = 0\n    while True:\n        yield n\n        n += 2",
        "import itertools\nassert list(itertools.islice(evens(), 3)) == [0, 2, 4]\n"
        "assert {fib(i) for i in range(5)} == {0, 1, 2, 3}\n"
        "class Log(list):\n    def add(self, x): self.append(abs(x)); return self\n"
        "assert Log().add(-fib(3)) == [2]"),
    "numpy, pandas, matplotlib": grid(
        "import pandas as pd, matplotlib.pyplot as plt\ntable = pd.DataFrame({'a': [1, 2, 3]})\n"
        "top = table.query('a > 1')\nplt.plot([1, 2])\nplt.show()\nmean = np.mean(table.a)",
        "assert mean == 2\npd.testing.assert_frame_equal(top, table[1:])\n"
        "np.testing.assert_allclose(table.a.to_numpy() * 1.0, [1, 2, 3])",
        setup="import numpy as np\nimport pandas as pd"),
}  # fmt: skip


@pytest.fixture(scope="module")
def honest(judge: Judge) -> dict[str, dict]:
    """``{case: verdict}``, all in one container."""
    names = {f"n{number}.ipynb": name for number, name in enumerate(HONEST)}
    source = {file: HONEST[name][0] for file, name in names.items()}
    students = {file: HONEST[name][1] or answered(HONEST[name][0]) for file, name in names.items()}
    (verdicts,) = judge.grade(source, students)
    return {names[file]: verdict for file, verdict in verdicts.items()}


@pytest.mark.parametrize("case", HONEST)
def test_honest_work_has_full_marks_and_nothing_to_look_at(honest, case):
    verdict = honest[case]
    assert all(cell["status"] == "passed" for cell in verdict["cells"].values()), verdict
    unusual = {"starts-processes"} if case.startswith("threads") else set()
    assert set(verdict["needs_look"]) <= unusual


def test_what_cells_show_is_in_the_executed_notebook(judge, honest):
    shown = judge.executed(honest["magics and display"]["executed"])["cells"][1]["outputs"]
    assert [one["data"] for one in shown] == [{"text/plain": "3"}, {"text/plain": "3"}]
    cells = judge.executed(honest["numpy, pandas, matplotlib"]["executed"])["cells"]
    assert any("image/png" in one.get("data", {}) for one in cells[1]["outputs"])
    (warned,) = [one for one in judge.executed(honest["warnings on stderr"]["executed"])["cells"]
                 if one["metadata"]["nbgrader"]["grade_id"] == "t0"]  # fmt: skip
    assert {one["name"] for one in warned["outputs"]} == {"stderr"}


def one(judge: Judge, source: dict, student: dict | bytes) -> dict:
    (verdicts,) = judge.grade({"ps.ipynb": source}, {"ps.ipynb": student})
    return verdicts["ps.ipynb"]


def test_marks_messages_and_limits(judge):
    source = notebook(
        gap("...", "gap"),
        test("assert wrong() == 2, 'two is wanted'", "seen", 1),
        test("assert right() == 1" + HIDDEN.format("assert right() == 2, 'secret'"), "hidden", 1),
        test("part()", "partial", 4),
        test("assert right() == 1" + HIDDEN.format("slow()"), "slow", 1),
        test("assert right() == 1", "after", 1),
    )
    answer = (
        "import time\ndef wrong(): return 3\ndef right(): return 1\ndef part(): return 2.5\n"
        "def slow():\n    try: time.sleep(60)\n    except KeyboardInterrupt: time.sleep(60)\n"
    )
    found = one(judge, source, answered(source, gap=answer))
    cells = found["cells"]
    assert (cells["seen"]["status"], cells["seen"]["message"]) == (
        "failed", "AssertionError: two is wanted",
    )  # fmt: skip
    assert (cells["hidden"]["hidden"], cells["hidden"]["message"]) == (
        True, "A hidden test did not hold.",
    )  # fmt: skip
    assert "secret" in cells["hidden"]["detail"]
    assert (cells["partial"]["score"], cells["partial"]["max_score"]) == (2.5, 4.0)
    assert "secret" not in json.dumps(judge.executed(found["executed"]))
    assert (cells["slow"]["score"], cells["after"]["score"]) == (0, 1)
    assert "time-limit" in found["needs_look"]


@pytest.mark.parametrize(
    ("student", "finding"),
    [(b"PK\x03\x04 no notebook", "not-a-notebook"), (b"", "not-a-notebook"),
     (json.dumps({"nbformat": 3, "worksheets": []}).encode(), "not-a-notebook")],
)  # fmt: skip
def test_what_is_no_notebook_is_zero_and_looked_at(judge, student, finding):
    found = one(judge, notebook(test("assert True", "t")), student)
    assert (score(found), finding in found["needs_look"]) == (0, True)


FLOODS = {
    "endless output": "while True: print('x' * 10000)",
    "a disk flood": "n = 0\nwhile True:\n    open(f'{n}', 'wb').write(bytes(1 << 24)); n += 1",
    "a fork bomb": "import multiprocessing as m\ndef bomb():\n    while True:\n"
                   "        m.get_context('fork').Process(target=bomb).start()\nbomb()",
    "a memory bomb": "kept = []\nwhile True: kept.append(bytearray(1 << 26))",
    "everything killed": "import os\nos.system('kill -9 -1')",
}  # fmt: skip


def test_a_flood_earns_nothing_and_hurts_nobody_else(judge):
    source = notebook(
        gap("...", "gap"), test("assert f() == 1" + HIDDEN.format("assert f() < 2"), "t", 2)
    )
    right = "def f(): return 1"
    notes = [answered(source, gap=f"def f(): return 2\n{flood}") for flood in FLOODS.values()]
    done = judge.grade({"ps.ipynb": source}, *[{"ps.ipynb": nb} for nb in notes],
                       {"ps.ipynb": answered(source, gap=right)})  # fmt: skip
    *floods, honest = [verdicts["ps.ipynb"] for verdicts in done]
    assert score(honest) == 2
    assert [score(verdict) for verdict in floods] == [0] * len(FLOODS)
    looks = dict(zip(FLOODS, (verdict["needs_look"] for verdict in floods), strict=True))
    assert "time-limit" in looks["endless output"]
    assert "no-verdict" in looks["everything killed"]
    assert judge.containers() == []


def test_nothing_stays_for_the_next_submission_and_nothing_is_reached(judge):
    reach = (
        "import os, socket, glob\nfound = []\n"
        "for path in ('/var/run/docker.sock', '/run/docker.sock'):\n"
        "    found += [path] if os.path.exists(path) else []\n"
        "for name in os.listdir('/sys/class/net'):\n    found += [name] if name != 'lo' else []\n"
        "for place in ('/', '/tmp', '/grade', '/grade/files', '/grade/submitted', '/home/jovyan',\n"
        "              '/opt/workspace', '/usr/lib', '/etc'):\n"
        "    try:\n        open(place + '/left', 'w').write('x'); found.append(place)\n"
        "    except OSError: pass\n"
        "open(os.path.expanduser('~/left'), 'w').write('x')\n"
        "open('/dev/shm/left', 'w').write('x')\n"
        "found += glob.glob('/grade/**/key', recursive=True)\n"
    )
    source = notebook(gap("...", "gap"), test("assert found == [], found", "t", 2))
    look = (
        "import os\nfound = [path for path in ('/dev/shm/left', os.path.expanduser('~/left'))"
        " if os.path.exists(path)]"
    )
    first, second = judge.grade(
        {"ps.ipynb": source}, {"ps.ipynb": answered(source, gap=reach)},
        {"ps.ipynb": answered(source, gap=look)},
    )  # fmt: skip
    assert score(first["ps.ipynb"]) == 2, first
    assert score(second["ps.ipynb"]) == 2, second


def test_a_submission_without_its_notebook_is_zero(judge):
    source = {"ps.ipynb": notebook(code("x = 1"), test("assert x", "t"))}
    (verdicts,) = judge.grade(source, {"other.ipynb": notebook()})
    assert verdicts["ps.ipynb"]["cells"]["t"]["status"] == "missing"
    assert "missing-notebook" in verdicts["ps.ipynb"]["needs_look"]
