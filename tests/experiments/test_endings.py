"""How a run ended: a table of what the engine saw and what the runner said."""

from __future__ import annotations

import pytest

from cohort.engine import JobState
from experiments.endings import decide
from experiments.report.result import RunnerResult
from experiments.states import RETRY, WORDS, Reason, State


def said(outcome: str, reason: Reason | None = None, message: str | None = None) -> RunnerResult:
    return RunnerResult(outcome=outcome, reason=reason, message=message, started=0.0, ended=1.0,
                        cells_total=2, cells_done=1)  # fmt: skip


def seen(code: int, *, oom: bool = False) -> JobState:
    return JobState("job", "id", {}, "ended", exit_code=code, out_of_memory=oom)


def ends(job: JobState | None, result: RunnerResult | None, stopped: Reason | None = None):
    found = decide(job, result, stopped=stopped)
    return found.state, found.reason


AGREEING = [
    (0, said("succeeded"), State.SUCCEEDED, None),
    (1, said("failed"), State.FAILED, Reason.USER_ERROR),
    (1, said("failed", Reason.USER_ERROR), State.FAILED, Reason.USER_ERROR),
    (1, said("failed", Reason.GPU_MEMORY), State.FAILED, Reason.GPU_MEMORY),
    (1, said("failed", Reason.HOST_MEMORY), State.FAILED, Reason.HOST_MEMORY),
    (1, said("failed", Reason.DISK_LIMIT), State.FAILED, Reason.DISK_LIMIT),
    (1, said("failed", Reason.KERNEL_DIED), State.FAILED, Reason.KERNEL_DIED),
    (3, said("timed out", Reason.TIME_LIMIT), State.TIMED_OUT, Reason.TIME_LIMIT),
    (3, said("timed out", Reason.CELL_LIMIT), State.TIMED_OUT, Reason.CELL_LIMIT),
    (3, said("timed out"), State.TIMED_OUT, Reason.TIME_LIMIT),
    (4, said("failed", Reason.BAD_NOTEBOOK), State.FAILED, Reason.BAD_NOTEBOOK),
    (4, None, State.FAILED, Reason.BAD_NOTEBOOK),
]


@pytest.mark.parametrize(("code", "result", "state", "reason"), AGREEING)
def test_a_runner_whose_exit_code_agrees_is_believed(code, result, state, reason):
    assert ends(seen(code), result) == (state, reason)


@pytest.mark.parametrize("code", [1, 3, 4, 5, 137, 139, -1])
def test_a_claim_of_success_with_another_exit_code_is_worth_nothing(code):
    assert ends(seen(code), said("succeeded")) == (State.FAILED, Reason.RUNNER_DIED)


@pytest.mark.parametrize("code", [0, 1, 3, 5, 126, 127, 137])
def test_an_end_without_a_result_is_the_runners_death(code):
    assert ends(seen(code), None) == (State.FAILED, Reason.RUNNER_DIED)


@pytest.mark.parametrize("result", [None, said("succeeded"), said("failed", Reason.KERNEL_DIED)])
@pytest.mark.parametrize("code", [0, 1, 137])
def test_a_process_killed_for_memory_decides(code, result):
    assert ends(seen(code, oom=True), result) == (State.FAILED, Reason.HOST_MEMORY)


@pytest.mark.parametrize("result", [None, said("cancelled"), said("succeeded")])
@pytest.mark.parametrize("code", [2, 143, 255])
def test_a_stop_that_nobody_here_asked_for_is_the_engines(code, result):
    assert ends(seen(code), result) == (State.LOST, Reason.ENGINE_GONE)


@pytest.mark.parametrize("result", [None, said("succeeded"), said("cancelled")])
@pytest.mark.parametrize("job", [None, seen(0), seen(2), seen(137), seen(137, oom=True)])
def test_why_we_killed_it_comes_before_what_that_looked_like(job, result):
    assert ends(job, result, Reason.DISK_LIMIT) == (State.FAILED, Reason.DISK_LIMIT)
    assert ends(job, result, Reason.TIME_LIMIT) == (State.TIMED_OUT, Reason.TIME_LIMIT)


def test_of_a_container_that_is_gone_the_result_speaks():
    assert ends(None, None) == (State.LOST, Reason.ENGINE_GONE)
    assert ends(None, said("succeeded")) == (State.SUCCEEDED, None)
    assert ends(None, said("failed", Reason.USER_ERROR)) == (State.FAILED, Reason.USER_ERROR)
    assert ends(None, said("cancelled")) == (State.LOST, Reason.ENGINE_GONE)


@pytest.mark.parametrize("reason", [*RETRY, Reason.IMAGE_MISSING, Reason.CANCELLED])
@pytest.mark.parametrize(("code", "outcome"), [(1, "failed"), (3, "timed out")])
def test_no_runner_can_claim_a_reason_that_is_not_its_to_know(reason, code, outcome):
    found = decide(seen(code), said(outcome, reason))
    assert found.reason in (Reason.USER_ERROR, Reason.TIME_LIMIT)
    assert found.reason not in RETRY


def test_the_runners_sentence_is_kept_and_every_other_end_has_one():
    told = decide(seen(1), said("failed", Reason.USER_ERROR, "Cell 3: ValueError: no data"))
    assert told.message == "Cell 3: ValueError: no data"
    assert decide(seen(1), said("failed")).message == WORDS[Reason.USER_ERROR]
    # What the engine saw is said in our words, whatever the runner wrote.
    lied = said("succeeded", message="All is well")
    assert decide(seen(137, oom=True), lied).message == WORDS[Reason.HOST_MEMORY]
    assert decide(seen(0), said("succeeded")).message is None
