"""The supervisor with real containers: every end is right, and nothing is run twice."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta

import pytest

from cohort.engine_docker import DockerEngine
from cohort.gpus import Holder
from experiments import attempts as steps
from experiments import supervisor as loop
from experiments.launch import WRITABLE, mark_stopped
from experiments.states import WORDS, Reason, State
from experiments.tables import new_id
from tests.experiments.house import CAMPAIGN, House
from tests.labs import docker, eventually

pytest_plugins = ["tests.experiments.housing"]

DIE = "os.kill(os.getpid(), 9)"
FOREVER = {"seconds": 600}


# --- A life -------------------------------------------------------------------------------------


def test_a_run_from_waiting_to_its_end(either_house, starts):
    house = either_house
    with house.supervised() as supervisor:
        run_id = house.submit(answer=6.5)
        supervisor.wake()
        run = house.reaches(run_id, State.SUCCEEDED)
        eventually(house.is_clean)
    assert (run.reason, run.message, run.metrics) == (None, None, {"answer": 6.5})
    assert (run.cells_total, run.cells_done, run.attempt) == (3, 3, 1)
    assert run.created_at <= run.started_at <= run.ended_at
    assert house.history(run_id) == ["waiting", "starting", "running", "succeeded"]
    assert starts.names == {f"{house.project}-{run_id}-1": 1}
    assert house.executed(run_id) == 1
    kept = house.launcher.folders.kept(run_id)
    assert run.bytes_kept == sum((kept / n).stat().st_size for n in
                                 ("events.jsonl", "result.json", "log.txt"))  # fmt: skip
    assert house.reported == {run_id: 1}


def test_progress_is_seen_while_it_runs(house):
    with house.supervised():
        run_id = house.submit(**FOREVER)
        eventually(lambda: house.run(run_id).cells_done == 1)
        assert house.run(run_id).cells_total == 3
        assert house.run(run_id).state == State.RUNNING


def test_runs_go_side_by_side_as_far_as_there_is_room(house):
    with house.supervised():
        runs = [house.submit(seconds=1, cpus=2) for _ in range(5)]
        eventually(lambda: len(house.containers()) == 2)
        most = 0
        while any(house.run(r).state != State.SUCCEEDED for r in runs):
            most = max(most, house.active())
        assert most == 2, "4 CPUs hold two runs of two"
    assert [house.executed(r) for r in runs] == [1] * 5


# --- Ends ---------------------------------------------------------------------------------------

ENDS = {
    "a cell's error": ({"outcome": "failed", "code": 1}, "failed", Reason.USER_ERROR),
    "its own time limit": ({"outcome": "timed out", "code": 3}, "timed out", Reason.TIME_LIMIT),
    "a bad notebook": ({"do": "sys.exit(4)"}, "failed", Reason.BAD_NOTEBOOK),
    "memory": ({"do": "x = bytearray(10**9)"}, "failed", Reason.HOST_MEMORY),
    "a lie about memory": (
        {"do": "import subprocess; subprocess.run([sys.executable, '-c', 'x = bytearray(10**9)'])"},
        "failed", Reason.HOST_MEMORY,
    ),
    "a killed runner": ({"do": DIE}, "failed", Reason.RUNNER_DIED),
    "a lie before the kill": (
        {"do": "at_exit = end\ntry: at_exit('succeeded', 0)\nexcept SystemExit: " + DIE},
        "failed", Reason.RUNNER_DIED,
    ),
    "a code that belies the result": ({"code": 1}, "failed", Reason.RUNNER_DIED),
    "a stop from outside": ({"do": "os.kill(os.getpid(), 15)"}, "lost", Reason.ENGINE_GONE),
}  # fmt: skip


def test_every_end_has_its_state_and_its_reason(house):
    with house.supervised():
        runs = {name: house.submit(max_attempts=1, **how) for name, (how, _, _) in ENDS.items()}
        found = {}
        for name, (_, state, _) in ENDS.items():
            run = house.reaches(runs[name], state)
            found[name] = (run.state, run.reason, run.message)
        eventually(house.is_clean)
    assert found == {n: (s, r, WORDS[r]) for n, (_, s, r) in ENDS.items()}
    assert house.reported == dict.fromkeys(runs.values(), 1)


def test_a_missing_image_says_so_and_starts_nothing(house, starts):
    run_id = house.submit()
    house.alter(run_id, image_digest="sha256:" + "0" * 64)
    with house.supervised():
        run = house.reaches(run_id, State.FAILED)
        assert (run.reason, run.attempt) == (Reason.IMAGE_MISSING, 1)
        eventually(house.is_clean)
    assert not starts.names


def test_a_damaged_snapshot_says_so(house):
    run_id = house.submit()
    for manifest in (house.data / "runs" / "snapshots").iterdir():
        manifest.unlink()
    with house.supervised():
        run = house.reaches(run_id, State.FAILED)
        assert "snapshot" in run.message
        eventually(house.is_clean)


def test_a_runner_that_died_is_tried_again_after_a_while(house, starts):
    with house.supervised():
        run_id = house.submit(do=f"if order['attempt'] == 1: {DIE}")
        eventually(lambda: "running" in house.history(run_id))
        run = house.reaches(run_id, State.WAITING)
        assert run.reason == Reason.RUNNER_DIED
        eventually(house.is_clean)
        assert house.run(run_id).state == State.WAITING, "not before its back-off is over"
        house.skew = timedelta(seconds=10)
        run = house.reaches(run_id, State.SUCCEEDED)
    assert run.attempt == 2
    assert starts.names == {f"{house.project}-{run_id}-{n}": 1 for n in (1, 2)}
    assert house.reported == {run_id: 1}, "a run is reported once, at its end"


# --- Cancelling ---------------------------------------------------------------------------------


def test_cancel_lets_the_runner_save_what_there_is(house):
    with house.supervised() as supervisor:
        run_id = house.submit(**FOREVER)
        eventually(lambda: house.run(run_id).cells_done == 1)
        house.cancel(run_id)
        supervisor.wake()
        run = house.reaches(run_id, State.CANCELLED)
        eventually(house.is_clean)
    assert (run.reason, run.attempt) == (Reason.CANCELLED, 1)
    assert (house.launcher.folders.kept(run_id) / "result.json").exists()


def test_cancel_kills_a_runner_that_is_deaf(house, monkeypatch):
    monkeypatch.setattr(loop, "STOP_SECONDS", 1)
    with house.supervised():
        run_id = house.submit(
            do="signal.signal(15, lambda *_: print('deaf', flush=True))", **FOREVER
        )
        eventually(lambda: house.run(run_id).cells_done == 1)
        house.cancel(run_id)
        house.reaches(run_id, State.CANCELLED)
    assert "deaf" in (house.launcher.folders.kept(run_id) / "log.txt").read_text()


def test_a_run_cancelled_before_its_container_was_there_never_runs(house, starts):
    run_id = house.submit()
    house.alter(run_id, state=State.STARTING, attempt=1, cancel_by="ben")
    with house.supervised():
        house.reaches(run_id, State.CANCELLED)
        eventually(house.is_clean)
    assert not starts.names


def test_who_was_told_cancelled_finds_it_cancelled_though_it_came_to_its_end(house, engine):
    run_id = house.submit()
    house.alter(run_id, state=State.STARTING, attempt=1)
    one = house.attempts(engine)
    one.start(run_id)
    eventually(lambda: engine.poll(house.run(run_id).container).status == "ended")
    house.cancel(run_id)
    one.end(run_id)
    assert house.run(run_id).state == State.CANCELLED
    assert house.history(run_id)[-1] == "cancelled"


# --- Limits -------------------------------------------------------------------------------------


def test_a_runner_that_misses_its_time_limit_is_stopped(house):
    with house.supervised(slack=timedelta(seconds=30)):
        run_id = house.submit(time_limit_s=20, **FOREVER)
        eventually(lambda: house.run(run_id).cells_done == 1)
        house.skew = timedelta(seconds=60)
        run = house.reaches(run_id, State.TIMED_OUT)
    assert run.reason == Reason.TIME_LIMIT


def test_a_run_that_floods_any_place_it_may_write_is_killed(house):
    flood = "for i in range(100): open('{}/' + str(i), 'wb').write(bytes(10**6))"
    with house.supervised(disk_bytes=20_000_000):
        runs = [house.submit(do=flood.format(p), **FOREVER) for p in WRITABLE.values()]
        found = [house.reaches(run_id, State.FAILED) for run_id in runs]
        eventually(house.is_clean)
    assert [(run.reason, run.attempt) for run in found] == [(Reason.DISK_LIMIT, 1)] * 4


def test_why_it_was_killed_outlives_who_killed_it(house, engine):
    run_id = house.submit(**FOREVER)
    with house.supervised():
        run = house.reaches(run_id, State.RUNNING)
    mark_stopped(house.launcher.folders.of(run_id, 1), Reason.DISK_LIMIT)
    engine.cancel(run.container, 0)
    with house.supervised():
        run = house.reaches(run_id, State.FAILED)
    assert (run.reason, run.attempt) == (Reason.DISK_LIMIT, 1)


# --- GPUs ---------------------------------------------------------------------------------------


class Noting(DockerEngine):
    """The real engine, which notes who holds GPUs before and after each removal."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house, self.notes = house, []

    def remove(self, name: str) -> None:
        before = [c.holder.name for c in self.house.ledger.claims()]
        super().remove(name)
        self.notes.append((name, before, [c.holder.name for c in self.house.ledger.claims()]))


def test_a_device_is_released_only_when_its_container_is_gone(gpu_house):
    house = gpu_house
    engine = Noting(house)
    with house.supervised(engine):
        see = "print(*[k for k in os.environ if k.startswith('COHORT_SIM')])"
        runs = [house.submit(gpus=1, do=see, seconds=0.5) for _ in range(4)]
        found = [house.reaches(r, State.SUCCEEDED) for r in runs]
        eventually(house.is_clean)
    assert sorted(f.devices[0] for f in found) == sorted(house.ledger.devices * 2)
    for run in found:
        log = (house.launcher.folders.kept(run.id) / "log.txt").read_text()
        assert f"COHORT_SIM_GPU_{run.devices[0][-1]}\n" in log
    for name, before, after in engine.notes:
        run_id = name.removeprefix(f"{house.project}-")[:-2]
        assert run_id in before
        assert run_id in after, "removing does not release: that comes after"
    engine.close()


def test_a_retried_run_keeps_no_device_while_it_waits_and_gets_one_again(gpu_house):
    house = gpu_house
    with house.supervised():
        run_id = house.submit(gpus=2, do=f"if order['attempt'] == 1: {DIE}")
        eventually(lambda: "running" in house.history(run_id))
        house.reaches(run_id, State.WAITING)
        eventually(house.is_clean)
        house.skew = timedelta(seconds=10)
        run = house.reaches(run_id, State.SUCCEEDED)
        eventually(house.is_clean)
    assert (run.attempt, len(run.devices)) == (2, 2)


def test_a_device_that_the_engine_does_not_know_is_no_hang(description):
    house = House({**description, "devices": ["sim.cohort/gpu=99"]})
    with house.supervised():
        run_id = house.submit(gpus=1, max_attempts=1)
        run = house.reaches(run_id, State.LOST)
        eventually(house.is_clean)
    assert run.reason == Reason.ENGINE_GONE
    assert "gpu=99" in run.message
    house.close()


# --- The service restarted ----------------------------------------------------------------------


def test_containers_run_on_without_the_service_and_are_found_again(house, starts):
    run_id = house.submit(seconds=1)
    with house.supervised():
        house.reaches(run_id, State.RUNNING)
    eventually(lambda: docker("inspect", "--format", "{{.State.Status}}",
                              house.run(run_id).container) == "exited")  # fmt: skip
    assert house.run(run_id).state == State.RUNNING
    with house.supervised():
        house.reaches(run_id, State.SUCCEEDED)
        eventually(house.is_clean)
    assert starts.names == {f"{house.project}-{run_id}-1": 1}


def test_a_starting_run_without_a_container_is_launched(house, starts):
    run_id = house.submit()
    house.alter(run_id, state=State.STARTING, attempt=1)
    # Half of what an earlier service laid out; never to be mixed with the new.
    (house.launcher.folders.of(run_id, 1) / "work" / "stray").mkdir(parents=True)
    with house.supervised():
        house.reaches(run_id, State.SUCCEEDED)
    assert starts.names == {f"{house.project}-{run_id}-1": 1}


def test_a_running_run_whose_container_is_gone(house, engine):
    """With a result it is settled by that, without one it is tried again, and at last lost."""
    finished, cut, last = house.submit(), house.submit(**FOREVER), house.submit(**FOREVER)
    house.alter(last, max_attempts=1)
    one = house.attempts(engine)
    for run_id in (finished, cut, last):
        house.alter(run_id, state=State.STARTING, attempt=1)
        one.start(run_id)
    eventually(lambda: engine.poll(house.run(finished).container).status == "ended")
    for run_id in (finished, cut, last):
        docker("rm", "--force", house.run(run_id).container)
    with house.supervised():
        assert house.reaches(finished, State.SUCCEEDED).metrics == {"answer": 42}
        assert house.reaches(cut, State.WAITING).reason == Reason.ENGINE_GONE
        assert house.reaches(last, State.LOST).message == WORDS[Reason.ENGINE_GONE]
        eventually(house.is_clean)


def test_what_an_earlier_service_left_is_cleared(gpu_house, engine):
    house = gpu_house
    ended, waiting, unknown = house.submit(), house.submit(), new_id("run")
    one = house.attempts(engine)
    house.alter(ended, state=State.STARTING, attempt=1)
    one.start(ended)
    house.alter(ended, state=State.SUCCEEDED)
    house.alter(waiting, attempt=1, not_before=house.now() + timedelta(hours=1))
    for run_id in (waiting, unknown):
        house.launcher.folders.of(run_id, 1).mkdir(parents=True)
        house.ledger.claim(Holder("run", run_id), 1)
    (house.launcher.folders.live / f".{new_id('run')}-1" / "half").mkdir(parents=True)
    with house.supervised():
        eventually(house.is_clean)
    assert house.reported == {ended: 1}
    assert house.run(waiting).state == State.WAITING


@pytest.mark.parametrize("where", ["prepare", "submit", "move", "logs", "collect", "after_failure",
                                   "remove", "release", "remove_tree"])  # fmt: skip
def test_a_service_cut_off_before_any_step_is_continued_by_the_next(
    house, engine, starts, monkeypatch, where
):
    owner = {"prepare": house.launcher, "submit": engine, "logs": engine, "remove": engine}
    place = owner.get(where, steps)
    real = getattr(place, where)
    cut = threading.Event()

    class CutOff(BaseException):
        """What nothing catches, as nothing runs after a kill."""

    def step(*args, **kwargs):
        if cut.is_set():
            return real(*args, **kwargs)
        cut.set()
        raise CutOff

    monkeypatch.setattr(place, where, step)
    run_id = house.submit(outcome="failed", code=1)
    house.alter(run_id, state=State.STARTING, attempt=1)
    one = house.attempts(engine)
    with pytest.raises(CutOff):
        one.start(run_id)
        eventually(lambda: engine.poll(house.run(run_id).container).status == "ended")
        one.end(run_id)
    with house.supervised():
        run = house.reaches(run_id, State.FAILED)
        eventually(house.is_clean)
    assert (run.reason, run.attempt) == (Reason.USER_ERROR, 1)
    assert starts.names == {f"{house.project}-{run_id}-1": 1}
    assert house.executed(run_id) == 1
    assert house.reported[run_id] >= 1


def test_two_services_of_one_lab_never_supervise_together(house, starts):
    with house.supervised() as first, house.process():
        runs = [house.submit(seconds=0.3) for _ in range(3)]
        for run_id in runs:
            house.reaches(run_id, State.SUCCEEDED)
        eventually(lambda: house.reported.keys() == set(runs), what="the first did all")
        first.stop()
        run_id = house.submit()
        house.reaches(run_id, State.SUCCEEDED)
        assert run_id not in house.reported, "the second goes on when the first is gone"
    assert set(starts.names.values()) == {1}


# --- The engine away ----------------------------------------------------------------------------


def test_while_the_engine_is_silent_nothing_is_concluded(house, door, starts, caplog):
    with house.supervised(door.engine):
        run_id = house.submit(seconds=1)
        container = house.reaches(run_id, State.RUNNING).container
        door.shut()
        eventually(lambda: "does not answer" in caplog.text)
        later = house.submit()
        eventually(lambda: docker("inspect", "--format", "{{.State.Status}}", container)
                   == "exited")  # fmt: skip
        assert house.run(run_id).state == State.RUNNING
        assert house.run(later).state == State.WAITING
        door.open()
        house.reaches(run_id, State.SUCCEEDED)
        house.reaches(later, State.SUCCEEDED)
        eventually(house.is_clean)
    assert caplog.text.count("does not answer") == 1
    assert caplog.text.count("looked after again") == 1
    assert set(starts.names.values()) == {1}


def test_a_start_that_met_a_silent_engine_is_taken_up_again(house, door):
    run_id = house.submit()
    house.alter(run_id, state=State.STARTING, attempt=1)
    door.shut()
    one = house.attempts(door.engine)
    with pytest.raises(steps.EngineUnreachableError):
        one.start(run_id)
    assert house.run(run_id).state == State.STARTING
    door.open()
    one.start(run_id)
    assert house.run(run_id).state == State.RUNNING


# --- What cannot be kept ------------------------------------------------------------------------


def test_results_that_cannot_be_kept_are_waited_for_and_at_last_given_up(house, monkeypatch):
    kept = house.launcher.folders.kept("x").parent
    kept.write_text("in the way")
    with house.supervised() as supervisor:
        run_id = house.submit()
        eventually(lambda: supervisor._steps.failures(run_id) == 1)
        assert house.run(run_id).state == State.RUNNING
        kept.unlink()
        house.reaches(run_id, State.SUCCEEDED)
    monkeypatch.setattr(loop, "TRIES", 1)
    kept.rename(kept.with_name("aside"))
    kept.write_text("in the way")
    with house.supervised():
        run_id = house.submit()
        run = house.reaches(run_id, State.FAILED)
        eventually(house.is_clean)
    assert "could not be kept" in run.message


def test_a_report_that_fails_again_and_again_holds_nothing_up(house, monkeypatch):
    def fail(run_id) -> None:
        house.reported[run_id] += 1
        raise RuntimeError("no report")

    monkeypatch.setattr(house, "_report", fail)
    monkeypatch.setattr(loop, "TRIES", 2)
    monkeypatch.setattr(loop, "SWEEP", 0.2)
    with house.supervised():
        run_id = house.submit()
        house.reaches(run_id, State.SUCCEEDED)
        eventually(lambda: not house.containers(), what="its container does not wait for it")
        eventually(house.is_clean)
    assert house.reported[run_id] == 2


# --- Killed -------------------------------------------------------------------------------------


def test_a_service_killed_at_random_points_runs_each_member_exactly_once(either_house, starts):
    house = either_house
    members, kills = (40, 20) if CAMPAIGN else (10, 4)
    # Two at a time, and so long that even on a busy machine some are left for the last kill.
    runs = [house.submit(seconds=2, answer=i, cpus=2) for i in range(members)]
    with house.explained():
        assert kill_again_and_again(house, kills) >= kills // 2, "most in the middle of runs"
        with house.supervised():
            found = [house.reaches(r, State.SUCCEEDED, within=120) for r in runs]
            eventually(house.is_clean)
        assert [(f.attempt, f.metrics) for f in found] == [
            (1, {"answer": i}) for i in range(members)
        ]
        assert starts.names == {f"{house.project}-{r}-1": 1 for r in runs}
        assert [house.executed(r) for r in runs] == [1] * members
        for run_id in runs:
            assert house.history(run_id) == ["waiting", "starting", "running", "succeeded"]


def kill_again_and_again(house: House, kills: int) -> int:
    """Kill a service so often, anywhere in what it does; how often runs were under way."""
    random, in_the_middle = secrets.SystemRandom(), 0
    for number in range(kills):
        before = house.changes()
        with house.process() as process:
            # Once it has begun to do something.
            what = f"process {number} does something, with {house.unfinished()} runs unfinished"
            eventually(lambda before=before: house.changes() > before, 60, what)
            threading.Event().wait(random.random() * 0.4)
            assert process.poll() is None, f"process {number} has ended by itself"
        in_the_middle += house.active() > 0
    return in_the_middle
