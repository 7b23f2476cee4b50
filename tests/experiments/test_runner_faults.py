"""Runs that end badly: the outcome, the reason and the partial notebook tell the truth."""

from __future__ import annotations

import json
import time

import nbformat
import pytest

from tests.experiments.runs import ending, notebook, run, running
from tests.labs import docker, eventually

STUBBORN = (
    "import time\nprint('begun', flush=True)\nwhile True:\n"
    "    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
)


def assert_partial(one, cell: int, reason: str) -> None:
    """The notebook is whole, says why it ended and where, and claims nothing about the rest."""
    nb = one.notebook
    nbformat.validate(nb)
    assert (nb.metadata.cohort.reason, nb.metadata.cohort.cell) == (reason, cell)
    note = nb.cells[cell + 1]
    assert note.cell_type == "markdown"
    assert f"The run ended here: {reason}" in note.source
    before = [c.metadata.papermill.status for c in nb.cells[:cell]]
    after = [c.metadata.papermill.status for c in nb.cells[cell + 2 :]]
    assert before == ["completed"] * cell
    assert nb.cells[cell].metadata.papermill.status == "failed"
    assert after == ["pending"] * len(after)
    assert after, "a cell that never ran is part of the test"
    assert one.result["cells_done"] == cell
    assert one.of("cell_ended")[-1]["ok"] is False


FAULTS = {
    "error": ("print('x'); raise ValueError('no')", "user error"),
    "gpu memory": (
        "class OutOfMemoryError(RuntimeError): pass\n"
        "raise OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')",
        "GPU out of memory",
    ),
    "array too large": ("import numpy; numpy.zeros(10**15)", "host out of memory"),
    "memory filled": ("x = []\nwhile True: x.append(bytearray(10**7))", "host out of memory"),
    "os._exit": ("import os; os._exit(3)", "kernel died"),
    "crash": ("import ctypes; ctypes.string_at(0)", "kernel died"),
    "disk filled": ("open('small/x', 'wb').write(b'x' * 10**7)", "disk limit"),
}
SMALL = ("--tmpfs", "/run/work/study/small:mode=777,size=1m", "--memory", "300m",
         "--memory-swap", "300m")  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_reason_is_what_happened(tmp_path, fault):
    code, reason = FAULTS[fault]
    one = run(tmp_path, notebook("print('before')", code, "print('never')"), *SMALL)
    assert ending(one) == (1, "failed", reason, 1), one.said
    assert_partial(one, 1, reason)
    assert one.text(0) == "before\n"


def test_an_error_is_named(tmp_path):
    one = run(tmp_path, notebook("raise KeyError('lr')", "1"))
    result = one.result
    assert (result["ename"], result["evalue"]) == ("KeyError", "'lr'")
    assert result["message"] == "In [1] raised KeyError: 'lr'"


def test_a_dead_kernel_says_how_and_its_last_words_are_kept(tmp_path):
    code = "print('last words', flush=True)\nimport os; os.kill(os.getpid(), 11)"
    one = run(tmp_path, notebook(code, "1"))
    assert one.text(0) == "last words\n"
    assert "(Segmentation fault)" in one.result["message"]


@pytest.mark.parametrize(
    ("order", "reason"),
    [({"cell_limit_s": 1}, "cell time limit"), ({"time_limit_s": 6}, "time limit")],
)
def test_a_loop_for_ever_meets_its_limit(tmp_path, order, reason):
    one = run(tmp_path, notebook("1", "while True: pass", "2"), **order)
    assert ending(one) == (3, "timed out", reason, 1)
    assert_partial(one, 1, reason)
    assert one.notebook.cells[1].outputs[-1].ename == "KeyboardInterrupt"


@pytest.mark.parametrize("code", ["print('x' * 1000)", "print('x' * 1000, flush=True)"])
def test_printing_for_ever_meets_its_limit_in_bounded_memory(tmp_path, code):
    code = f"while True: {code}"
    one = run(tmp_path, notebook("1", code, "2"), time_limit_s=6)
    assert ending(one) == (3, "timed out", "time limit", 1), one.said


def test_a_cell_that_ignores_the_interrupt_is_killed(tmp_path):
    one = run(tmp_path, notebook("1", STUBBORN, "2"), cell_limit_s=1)
    assert ending(one) == (3, "timed out", "cell time limit", 1)
    assert_partial(one, 1, "cell time limit")
    assert one.text(1) == "begun\n"
    assert one.seconds < 15


@pytest.mark.parametrize("code", ["import time; print('begun'); time.sleep(60)", STUBBORN])
def test_sigterm_in_a_cell_cancels(tmp_path, code):
    with running(tmp_path, notebook("print('first')", code, "3")) as one:
        one.wait_for_text("begun")
        began = time.monotonic()
        docker("kill", "--signal", "TERM", one.name)
        one.exit_code = one.wait()
        assert time.monotonic() - began < 10, "docker stop would have killed it"
        assert ending(one) == (2, "cancelled", "cancelled", 1)
        assert_partial(one, 1, "cancelled")
        assert (one.text(0), one.text(1)) == ("first\n", "begun\n")


def kernel_at(tmp_path, *argv: str) -> tuple[str, ...]:
    """Options that give the image one more kernel, called "other"."""
    folder = tmp_path / "kernels" / "other"
    folder.mkdir(parents=True)
    spec = {"argv": argv, "display_name": "Other", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    return ("--env", "JUPYTER_PATH=/opt", "--volume", f"{folder.parent}:/opt/kernels:ro")


def test_sigterm_while_the_kernel_starts_cancels(tmp_path):
    options = kernel_at(tmp_path, "sleep", "60")
    with running(tmp_path, notebook("1"), *options, kernel="other") as one:
        eventually(lambda: one.of("run_started"))
        docker("kill", "--signal", "TERM", one.name)
        one.exit_code = one.wait()
        assert ending(one) == (2, "cancelled", "cancelled", None)
        assert one.notebook.metadata.cohort.state == "cancelled"
        assert one.notebook.cells[1].metadata.papermill.status == "pending"


def test_a_kernel_that_does_not_start_has_died(tmp_path):
    one = run(tmp_path, notebook("1"), *kernel_at(tmp_path, "false"), kernel="other")
    assert ending(one) == (1, "failed", "kernel died", None)


@pytest.mark.parametrize(
    ("nb", "order", "message"),
    [
        (notebook("1"), {"kernel": "julia-9"}, "This image has no kernel 'julia-9' that works."),
        (notebook("1"), {"kernel": "../x"}, "This image has no kernel '../x' that works."),
        (notebook("1"), {"notebook": "b.ipynb"}, "There is no notebook b.ipynb."),
        ("{", {}, "a.ipynb cannot be read as a notebook: "),
        ("[" * 100_000, {}, "a.ipynb cannot be read as a notebook: "),
        ('{"nbformat": 4, "nbformat_minor": 5}', {}, "a.ipynb cannot be read as a notebook: "),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"papermill": 5}, "cells": []}',
            {},
            "a.ipynb cannot be read as a notebook: ",
        ),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",'
            ' "id": "a", "metadata": {}, "outputs": [], "source": 3}]}',
            {},
            "a.ipynb cannot be read as a notebook: ",
        ),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path, nb, order, message):
    one = run(tmp_path, nb, **order)
    assert ending(one) == (4, "failed", "bad notebook", None), one.said
    assert one.result["message"].startswith(message)


def test_a_runner_that_fails_itself_says_so_with_a_code_of_its_own(tmp_path):
    one = run(tmp_path, notebook("1"), command=("python", "-m", "experiments.runner", "/none"))
    assert one.exit_code == 70
    assert "FileNotFoundError" in one.said


def test_a_forged_notebook_does_not_change_how_it_ended(tmp_path):
    forge = (
        "import json, os\nnb = json.load(open('a.ipynb'))\n"
        "nb['metadata']['cohort'] = {'state': 'succeeded', 'reason': None, 'cell': None}\n"
        "os.remove('/run/result/notebook.ipynb')\n"
        "for name in ('notebook.ipynb', 'result.json'):\n"
        "    json.dump(nb, open('/run/result/' + name, 'w'))\n1 / 0"
    )
    nb = notebook("1", forge, "2")
    nb.metadata.cohort = {"state": "succeeded", "reason": None, "cell": None}
    nb.metadata.papermill = {"exception": None}
    for cell in nb.cells:
        cell.metadata.papermill = {"status": "completed", "exception": False}
    one = run(tmp_path, nb)
    assert ending(one) == (1, "failed", "user error", 1)
    assert_partial(one, 1, "user error")


def test_a_killed_runner_leaves_a_log_and_a_notebook_that_can_be_read(tmp_path):
    code = "import time\nfor i in range(1000): print('line', i); time.sleep(.01)"
    with running(tmp_path, notebook("print('first')", code), save_seconds=0.1) as one:
        one.wait_for_text("line 50")
        docker("kill", "--signal", "KILL", one.name)
        assert one.wait() == 137
        assert not (one.result_folder / "result.json").exists()
        assert one.events[-1]["kind"] == "output"
        assert "line 10\n" in one.text(1)
        assert "cohort" not in one.notebook.metadata


def test_a_full_disk_ends_the_run_and_is_told(tmp_path):
    script = (
        "mkdir /small/result && cp -r /run/work /run/order.json /small; cd /small;"
        "python -m experiments.runner order.json; code=$?; cat result/result.json; exit $code"
    )
    nb = notebook("1", "for i in range(100): print(str(i) * 20_000)", "import os; os._exit(0)")
    options = ("--tmpfs", "/small:mode=777,size=1m")
    with running(tmp_path, nb, *options, command=("sh", "-c", script)) as one:
        assert one.wait() == 1
        log = one.log()
        result = json.loads(log)
    assert (result["outcome"], result["reason"]) == ("failed", "disk limit")
