"""The autograder killed at every step: each submission is graded once, and nothing is left."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohort.engine_docker import DockerEngine
from grading.autograder.queue import DONE, WAITING
from grading.autograder.tables import AutogradeAttempt
from tests.grading.judging import Judge, answered, gap, judging, notebook, score, test

SOURCE = notebook(
    gap("def one():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION", "one"),
    test("assert one() == 1", "is-one", 2),
)
RIGHT = answered(SOURCE, one="def one(): return 1")
# Not the looks at what runs, of which there are as many as there is time.
STEPS = ("image_digest", "start", "prepare", "submit", "sealed", "finish", "remove", "clear",
         "release")  # fmt: skip
MOMENTS = 2 * len(STEPS)  # before and after each


class KilledError(BaseException):
    """The process is gone at this point."""


class Cut:
    """Stands before an object and is killed at a chosen call of a step, before or after it."""

    def __init__(self, inner: object, count: itertools.count, at: int) -> None:
        self._inner, self._count, self._at = inner, count, at

    def __getattr__(self, name: str):
        found = getattr(self._inner, name)
        if name not in STEPS:
            return found

        def step(*args, **kwargs):
            if next(self._count) == self._at:
                raise KilledError
            value = found(*args, **kwargs)
            if next(self._count) == self._at:
                raise KilledError
            return value

        return step


def cut(judge: Judge, at: int):
    """The steps of a process that is killed at the ``at``-th moment."""
    count = itertools.count()
    attempts = judge.attempts(Cut(DockerEngine(), count, at))
    attempts.queue = Cut(judge.queue, count, at)
    attempts.launcher = Cut(judge.launcher, count, at)
    attempts.ledger = Cut(judge.ledger, count, at)
    return attempts


def drive(judge: Judge, attempts) -> None:
    """Take steps as the loop does until nothing waits or runs."""
    while rows := judge.queue.open():
        for row in rows:
            if row.state == WAITING:
                attempts.start(row.id)
            else:
                job = attempts.engine.poll(judge.launcher.name(row.id))
                if job is None or job.status != "running":
                    attempts.see_to(row, job)
    for job in attempts.engine.all(judge.launcher.labels()):
        attempts.clear(job.labels["cohort.attempt"])


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    with judging(tmp_path_factory.mktemp("kills")) as judge:
        judge.shelf.sources[1] = {"ps.ipynb": SOURCE}
        yield judge


@pytest.mark.parametrize("at", range(MOMENTS))
def test_killed_at_every_step_each_mark_comes_once(judge, at):
    attempt = judge.ask(judge.submit({"ps.ipynb": RIGHT}))
    try:
        drive(judge, cut(judge, at))
    except KilledError:
        pass
    else:
        pytest.fail("there are fewer moments than this test counts")
    assert judge.ask(judge.queue.get(attempt).submission) == attempt
    after = judge.attempts()
    drive(judge, after)
    after.clear(attempt)
    row = judge.queue.get(attempt)
    assert (row.state, row.why) == (DONE, None)
    assert score(row.result["notebooks"]["ps.ipynb"]) == 2
    with Session(judge.database) as session:
        same = AutogradeAttempt.submission == row.submission
        assert session.scalar(select(func.count()).where(same)) == 1
    assert judge.containers() == []
    assert not judge.launcher.folder(attempt).exists()


def test_a_loop_goes_on_with_what_an_earlier_one_began(judge):
    asked = [judge.ask(judge.submit({"ps.ipynb": RIGHT})) for _ in range(3)]
    with judge.grading():
        pass  # as many as there is room for are under way
    verdicts = judge.grade({"ps.ipynb": SOURCE}, {"ps.ipynb": RIGHT})
    assert [score(one["ps.ipynb"]) for one in verdicts] == [2]
    assert [judge.queue.get(one).state for one in asked] == [DONE] * 3
    assert judge.containers() == []
    assert [p.name for p in judge.launcher.live.iterdir()] == [".lock"]


def test_a_container_that_vanishes_is_started_again(judge):
    attempt = judge.ask(judge.submit({"ps.ipynb": RIGHT}))
    attempts = judge.attempts()
    attempts.start(attempt)
    attempts.engine.remove(judge.launcher.name(attempt))
    drive(judge, attempts)
    row = judge.queue.get(attempt)
    assert (row.state, row.tries) == (DONE, 2)


def test_a_gpu_is_claimed_for_as_long_as_the_container_lives(tmp_path, simulated_gpus):
    code = "import os\ndef one(): return int(bool(os.environ.get('SIM_GPU', 'given')))"
    with judging(tmp_path, gpus=tuple(simulated_gpus[:1])) as judge:
        judge.shelf.sources[1] = {"ps.ipynb": SOURCE}
        student = answered(SOURCE, one=code)
        first, second = (judge.ask(judge.submit({"ps.ipynb": student}), gpus=1) for _ in "ab")
        attempts = judge.attempts()
        attempts.start(first)
        assert [claim.holder.name for claim in judge.ledger.claims()] == [first]
        attempts.start(second)
        assert judge.queue.get(second).state == WAITING
        drive(judge, attempts)
        for one in (first, second):
            row = judge.queue.get(one)
            assert (row.state, row.devices) == (DONE, simulated_gpus[:1])
            assert score(row.result["notebooks"]["ps.ipynb"]) == 2
        assert judge.ledger.claims() == []


def test_there_are_no_more_moments_than_are_tried(judge):
    judge.ask(judge.submit({"ps.ipynb": RIGHT}))
    drive(judge, cut(judge, MOMENTS))
    assert judge.queue.open() == []
