"""Sixty submissions: ``nbgrader autograde`` in a course's server, and stock nbgrader's own."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench.results import Figure
from tests.grading.judging import gap, locked, notebook, test
from tests.grading.services import archive
from tests.labs import Lab
from tests.machine import docker

COURSE, NAME = "course-ai-foundations", "bench"
ANSWER = "def square(x):\n    return x * x"
SOURCE = notebook(
    locked("import numpy as np", "setup"),
    gap(f"### BEGIN SOLUTION\n{ANSWER}\n### END SOLUTION", "square"),
    test("assert square(2) == 4", "visible", 1),
    test("assert np.isclose(square(1.5), 2.25)\n### BEGIN HIDDEN TESTS\n"
         "assert np.isclose(square(0.25), 0.0625)\n### END HIDDEN TESTS", "near", 2),
    test("### BEGIN HIDDEN TESTS\nassert [square(n) for n in (3, -5)] == [9, 25]\n"
         "### END HIDDEN TESTS", "hidden", 2),
)  # fmt: skip
STOCK = """
cp -R /given/course /dev/shm/course && cd /dev/shm/course
begin=$(date +%s.%N); nbgrader autograde bench >/dev/shm/said 2>&1 || { cat /dev/shm/said; exit 1; }
echo "$begin $(date +%s.%N)"
"""


def measure_autograding(
    lab: Lab, clients: dict[str, httpx.Client], image: str, say: Callable
) -> list[Figure]:
    """Wall time of both, gradebooks and sandboxes included; everybody's answer is right."""
    home = lab.data / "courses" / "ai-foundations"
    write(home, f"source/{NAME}/work.ipynb", json.dumps(SOURCE))
    for step in ("generate_assignment", "release_assignment"):
        lab.sh(COURSE, f"nbgrader {step} {NAME}")
    student = json.loads((home / "release" / NAME / "work.ipynb").read_text())
    next(c for c in student["cells"] if name_of(c) == "square")["source"] = ANSWER
    content = archive({"work.ipynb": json.dumps(student).encode()})
    where = f"/courses/ai-foundations/assignments/{NAME}/submissions"
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda one: one.post(where, content=content), clients.values()):
            answer.raise_for_status()
    lab.sh(COURSE, f"nbgrader collect {NAME}")
    say(f"{len(clients)} submissions autograded: stock, then ours")
    stock = by_stock(home, image)
    begin = time.monotonic()
    lab.sh(COURSE, f"nbgrader autograde {NAME}")
    ours = time.monotonic() - begin
    graded = len(list((home / "autograded").glob(f"*/{NAME}/work.ipynb")))
    assert graded == len(clients), f"{graded} of {len(clients)} were graded"
    return [
        Figure(f"autograde_{graded}_vs_stock", round(ours / stock, 3), "ratio", graded, None,
               "<= 0.6")
    ]  # fmt: skip


def by_stock(home: Path, image: str) -> float:
    """Seconds of stock ``nbgrader autograde`` on the same course in a container of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        docker("run", "--rm", "--user", "0", "--entrypoint", "sh", "--network", "none",
               "--volume", f"{home}:/course:ro", "--volume", f"{folder}:/given", image, "-ec",
               "mkdir -p /given/course; cd /course; cp -R source release submitted gradebook.db"
               " /given/course; chmod -R a+rX /given/course")  # fmt: skip
        said = docker(
            "run", "--rm", "--init", "--network", "none", "--user", "1000:1000",
            "--shm-size", "1g", "--env", "HOME=/dev/shm", "--volume", f"{folder}:/given:ro",
            "--entrypoint", "sh", image, "-ec", STOCK,
        )  # fmt: skip
    begin, end = said.split()[-2:]
    return float(end) - float(begin)


def write(home: Path, name: str, text: str) -> None:
    """A file in the course's folder, as its server's user."""
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    for one in (path, *path.relative_to(home).parents):
        os.chown(home / one, 1000, 1000)


def name_of(cell: dict) -> str:
    """A cell's grade_id."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")
