"""Whole runs, from the queue to what is kept, with the runner itself in their containers."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from experiments.states import ACTIVE, Reason, State
from tests.experiments.house import CAMPAIGN, House
from tests.labs import eventually

pytest_plugins = ["tests.experiments.housing"]

RECORD = "from experiments import record\nrecord('double', 2 * lr)"
MEMORY = "x = [b'x' * 10**7 for _ in range(1000)]"


@pytest.fixture
def house(description) -> Iterator[House]:
    house = House({**description, "real": True})
    yield house
    house.close()


def notebook(*cells: str, parameters: str = "lr = 0.5") -> dict[str, bytes]:
    """A folder with a notebook of these cells."""
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nb = new_notebook(cells=[first, *map(new_code_cell, cells)])
    return {"work.ipynb": nbformat.writes(nb).encode()}


def submit(house: House, *cells: str, **more) -> str:
    return house.submit(notebook(*cells), **{"memory": "512M", **more})


def test_a_notebook_comes_out_with_its_numbers_and_without_its_secrets(house):
    with house.supervised():
        run_id = house.submit(
            notebook(RECORD, "print(key)", parameters="lr = 0.5\nkey = ''"),
            parameters={"lr": 3.0}, secrets={"key": "opensesame"}, memory="512M",
        )  # fmt: skip
        run = house.reaches(run_id, State.SUCCEEDED)
        eventually(house.is_clean)
    assert (run.metrics, run.cells_done, run.cells_total) == ({"double": 6.0}, 4, 4)
    kept = house.launcher.folders.kept(run_id)
    executed = nbformat.read(kept / "notebook.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == "•••\n"
    assert not [p for p in kept.rglob("*") if p.is_file() and b"opensesame" in p.read_bytes()]


def test_notebooks_that_go_wrong_end_as_they_should(house):
    cells = {
        "1 / 0": (State.FAILED, Reason.USER_ERROR),
        MEMORY: (State.FAILED, Reason.HOST_MEMORY),
        "import os; os._exit(3)": (State.FAILED, Reason.KERNEL_DIED),
        "import os; os.kill(os.getppid(), 9)": (State.FAILED, Reason.RUNNER_DIED),
    }
    with house.supervised():
        runs = {cell: submit(house, cell, max_attempts=1) for cell in cells}
        found = {cell: house.reaches(runs[cell], state) for cell, (state, _) in cells.items()}
        eventually(house.is_clean)
    assert {cell: (run.state, run.reason) for cell, run in found.items()} == cells
    assert "ZeroDivisionError" in found["1 / 0"].message


def test_a_cancelled_run_keeps_what_it_had(house):
    with house.supervised() as supervisor:
        run_id = submit(house, "print('before')", "import time; time.sleep(600)")
        eventually(lambda: (house.run(run_id).cells_done or 0) >= 2)
        house.cancel(run_id)
        supervisor.wake()
        run = house.reaches(run_id, State.CANCELLED)
    kept = house.launcher.folders.kept(run_id)
    assert "before" in (kept / "notebook.ipynb").read_text()
    assert json.loads((kept / "result.json").read_text())["outcome"] == "cancelled"
    assert run.attempt == 1


def test_a_notebook_that_floods_its_disk_is_killed(house):
    flood = "while True:\n    open(f'/tmp/{id(object())}', 'ab').write(bytes(10**7))"
    with house.supervised(disk_bytes=100 * 10**6):
        run = house.reaches(submit(house, flood), State.FAILED)
        eventually(house.is_clean)
    assert run.reason == Reason.DISK_LIMIT


def test_a_service_killed_again_and_again_loses_and_doubles_no_notebook(house, starts):
    members, kills = (40, 20) if CAMPAIGN else (6, 3)
    cells = ("import time; time.sleep(0.5)", RECORD)
    runs = [submit(house, *cells, parameters={"lr": float(i)}, cpus=2) for i in range(members)]
    random = secrets.SystemRandom()
    in_the_middle = 0
    for _ in range(kills):
        before = house.changes()
        with house.process():
            eventually(lambda before=before: house.changes() > before)
            threading.Event().wait(random.random() * 0.4)
        in_the_middle += any(house.run(r).state in ACTIVE for r in runs)
    assert in_the_middle >= kills // 2
    with house.supervised():
        found = [house.reaches(r, State.SUCCEEDED, within=180) for r in runs]
        eventually(house.is_clean)
    assert [f.metrics for f in found] == [{"double": 2.0 * i} for i in range(members)]
    assert starts.names == {f"{house.project}-{r}-1": 1 for r in runs}
