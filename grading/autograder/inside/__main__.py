"""``python -m grading.autograder.inside``: grade what is mounted, write one sealed verdict.

Exit code 0 with a verdict in the order's file; any other, and there is none.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from grading.autograder.inside import order as orders
from grading.autograder.inside.conduct import Conductor, Verdict
from grading.autograder.inside.hints import read_hints
from grading.autograder.inside.lines import Host
from grading.autograder.inside.merge import NotANotebookError, is_test, merge, read_notebook
from grading.autograder.inside.plan import read_plan

ROOM = Path("/dev/shm")  # noqa: S108  all that may be written: capped, and gone with the container
COPIED = 32 << 20  # larger files are only linked to
SET_DUMPABLE = 4  # of prctl


def main() -> None:
    """Grade one notebook after the other."""
    if os.getuid() == 0 or os.getppid() != 1:
        sys.exit("This ends every other process that it may: it belongs into a container.")
    # Nobody of this user may look into this process, which holds the tests and the key.
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)
    order = orders.take_order(orders.ORDER)
    end = time.monotonic() + order.total_seconds
    folder = lay_out()
    found = {"notebooks": {}, "executed": {}}
    for name, text in order.notebooks.items():
        verdict, notebook = grade(order, name, text, folder, end)
        found["notebooks"][name] = verdict
        found["executed"][name] = notebook
    orders.write_sealed(orders.ORDER, order.key, found)


def grade(order: orders.Order, name: str, text: str, folder: Path, end: float) -> tuple:
    """The verdict on a notebook, and the notebook as it ran."""
    instructor = read_notebook(text)
    plan = read_plan(instructor)
    verdict, notebook = Verdict(), None
    path = orders.SUBMITTED / name
    host = Host(folder / Path(name).parent, order.output_bytes)
    try:
        merged = merge(instructor, read_notebook(path.read_bytes()))
        notebook = merged.notebook
        known = {word for cell in instructor["cells"] for _, word in read_hints(cell["source"])}
        verdict = Conductor(order, merged, plan, host, end).run(known)
    except FileNotFoundError:
        verdict.note("missing-notebook", "", f"{name} was not handed in.")
    except NotANotebookError as error:
        verdict.note("not-a-notebook", "", f"{name}: {error}")
    finally:
        left = kill_others(host.pids)
        host.close()
    if left:
        verdict.note("process-outlives-cell", "", f"Processes were left: {', '.join(left[:10])}.")
    fill(instructor, verdict)
    return {"cells": verdict.cells, "needs_look": list(verdict.needs_look),
            "tampering": verdict.tampering}, notebook  # fmt: skip


def fill(instructor: dict, verdict: Verdict) -> None:
    """A line for every test that has none."""
    for cell in filter(is_test, instructor["cells"]):
        verdict.cells.setdefault(cell["grade_id"], {
            "status": "missing", "score": 0.0, "max_score": float(cell["nbgrader"]["points"]),
            "message": "There is no notebook to run this test in."})  # fmt: skip


def lay_out() -> Path:
    """The folder that notebooks run in: the student's files, over them the release's."""
    folder = ROOM / "work"
    for name in ("work", "home", "tmp"):
        (ROOM / name).mkdir(mode=0o700)
    for source in (orders.SUBMITTED, orders.FILES):
        for path in sorted(source.rglob("*")):
            target = folder / path.relative_to(source)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            elif path.is_file():
                target.unlink(missing_ok=True)
                if path.stat().st_size <= COPIED:
                    shutil.copyfile(path, target)
                else:
                    target.symlink_to(path)
    return folder


def kill_others(ours: set[int]) -> list[str]:
    """End every process but this one and the container's first; names of those not expected."""
    names: list[str] = []
    for attempt in range(50):
        others = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
        others = [pid for pid in others if pid not in (1, os.getpid()) and _alive(pid)]
        if attempt == 0:
            names = [name for name in map(_name, set(others) - ours) if name]
        if not others:
            break
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        time.sleep(0.01)
    return names


def _alive(pid: int) -> bool:
    with suppress(OSError, IndexError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


def _name(pid: int) -> str:
    """What a process was started as; "" for helpers that libraries leave running."""
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        helper = b"resource_tracker" in line or b"loky" in line
        return "" if helper else line.decode("utf-8", "replace").strip()[:60]
    return ""


if __name__ == "__main__":
    main()
    sys.exit(0)
