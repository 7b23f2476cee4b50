"""Whatever a notebook does to a worker, the service gets a sentence and a sound worker."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from experiments.errors import ExperimentError
from experiments.report import pool as pools
from experiments.report.frames import receive, send
from experiments.report.pool import WorkerPool
from tests.experiments.report_samples import code, notebook, stream, text
from tests.labs import eventually

SOUND = notebook(text("# Sound"))
MB = 1 << 20


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(1, seconds=3, memory_bytes=400 * MB) as pool:
        yield pool


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    # Whose end nobody has looked at yet has no command line any more.
    alive = [p for p in children if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in alive if "experiments.report.worker" in p.cmdline()]


def still_sound(pool: WorkerPool) -> bool:
    return b"<h1>Sound</h1>" in pool.ask("render", SOUND)[0]


HOSTILE = {
    "deeply nested": b'{"cells":' + b"[" * 20_000_000,
    "many lists": b'{"cells":[{"cell_type":"code","outputs":[' + b"[]," * 6_000_000 + b"[]]}]}",
    "cut off": notebook(code("x", stream("y" * 1000)))[:-20],
    "not UTF-8": b"\x00\xff\xfe",
    "many cells": notebook(*[text("x")] * 10_001),
    "a number of 5,000 digits": b'{"cells":[' + b"9" * 5000 + b"]}",
    "slow to parse": notebook(text("\\begin{a}" * 100_000)),
    "brackets": notebook(text("[" * 200_000)),
    "quotations": notebook(text(">" * 150_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_notebook_is_answered_in_time(pool, name):
    assert still_sound(pool)
    begin = time.monotonic()
    try:
        pool.ask("render", HOSTILE[name])
    except ExperimentError as e:
        assert e.code in ("notebook_unreadable", "notebook_too_much")
        assert str(e).endswith((".", "it.")) and "notebook" in str(e)
    assert time.monotonic() - begin < 3 + 3  # its limit, and the time to hand 20 MB over
    assert still_sound(pool)


def test_time_is_up_in_words(pool):
    with pytest.raises(ExperimentError, match=r"took longer than 3 s to lay out") as e:
        pool.ask("render", HOSTILE["slow to parse"])
    assert e.value.code == "notebook_too_much"


def test_memory_is_up_in_words():
    with WorkerPool(1, seconds=20, memory_bytes=300 * MB) as pool:
        assert still_sound(pool)
        with pytest.raises(ExperimentError, match="needs too much memory") as e:
            pool.ask("render", HOSTILE["many lists"])
        assert e.value.code == "notebook_too_much" and still_sound(pool)


def test_a_worker_that_is_killed_is_replaced(pool):
    assert still_sound(pool)
    worker = workers()[0]
    worker.kill()
    eventually(lambda: worker.status() == psutil.STATUS_ZOMBIE)
    assert still_sound(pool)


def test_a_worker_is_nobody_and_has_nothing_of_the_service(pool, monkeypatch):
    monkeypatch.setenv("COHORT_TEST_TOKEN", "a-secret")
    with WorkerPool(1) as fresh:
        assert still_sound(fresh)
        worker = next(w for w in workers() if w.pid == fresh._idle.queue[0].process.pid)
        status = Path(f"/proc/{worker.pid}/status").read_text()
        ids = {line.split()[0]: set(line.split()[1:]) for line in status.splitlines() if line}
        if os.geteuid() == 0:
            assert ids["Uid:"] == ids["Gid:"] == {"65534"} and ids["Groups:"] == set()
            assert int(ids["CapEff:"].pop(), 16) == 0
        assert b"a-secret" not in Path(f"/proc/{worker.pid}/environ").read_bytes()
        limits = Path(f"/proc/{worker.pid}/limits").read_text()
        assert "Max file size             0                    0" in limits
        kinds = {os.readlink(f) for f in Path(f"/proc/{worker.pid}/fd").iterdir()}
        assert all(kind.startswith("pipe:") or kind == "/dev/null" for kind in kinds)


def test_a_worker_ends_with_the_service(pool):
    assert still_sound(pool)
    worker = workers()[0]
    pool._idle.queue[0].process.stdin.close()
    eventually(lambda: worker.status() == psutil.STATUS_ZOMBIE, 5)


def test_workers_are_replaced_from_time_to_time(pool, monkeypatch):
    monkeypatch.setattr(pools, "TASKS", 2)
    seen = set()
    for _ in range(4):
        assert still_sound(pool)
        seen.add(workers()[0].pid)
    assert len(seen) == 2


def test_more_askers_than_workers_all_get_their_own_answer():
    with WorkerPool(2) as pool, ThreadPoolExecutor(12) as askers:

        def ask(number: int) -> bool:
            answer = pool.ask("render", notebook(text(f"# Number {number}.")))
            return f"<h1>Number {number}.</h1>" in answer[0].decode()

        assert all(askers.map(ask, range(12)))
    assert not workers()


def test_a_message_is_taken_only_if_it_is_one():
    stream = io.BytesIO()
    send(stream, {"operation": "render"}, b"one", b"")
    stream.seek(0)
    assert receive(stream, 100) == ({"operation": "render"}, [b"one", b""])
    for data, error in (
        (b"", EOFError),
        (b'{"sizes": [5]}\nabc', EOFError),
        (b'{"sizes": [500]}\n', ValueError),
        (b'{"sizes": [-1]}\n', ValueError),
        (b'{"sizes": [true]}\n', ValueError),
        (b'{"sizes": 5}\n', ValueError),
        (b"[1]\n", ValueError),
        (b"x" * 100_000, EOFError),
    ):
        with pytest.raises(error):
            receive(io.BytesIO(data), 100)
