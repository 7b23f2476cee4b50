"""The engine's contract, on the real one: once is once, evidence stays, nothing is widened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cohort.engine import EngineUnreachableError, ImageMissingError, Mount
from cohort.engine_docker import PIDS, DockerEngine, read_state
from cohort.errors import EngineError
from tests.engines import Door, Jobs, jobs_in
from tests.labs import docker, eventually, free_subnet
from tests.workspace.servers import image

MB = 1024**2

PROBE = r"""
import json, os, pathlib, re, resource
status = pathlib.Path("/proc/self/status").read_text()

def first(*paths):
    return next(p.read_text().split()[0] for p in map(pathlib.Path, paths) if p.exists())

def refusal(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as e:
        return e.strerror

def swap():
    new = pathlib.Path("/sys/fs/cgroup/memory.swap.max")
    old = pathlib.Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
    if new.exists():
        return int(new.read_text())
    return int(old.read_text()) - memory if old.exists() else 0

memory = int(first("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
shm = os.statvfs("/dev/shm")
print(json.dumps({
    "caps": [re.search(rf"^Cap{k}:\s*(\S+)", status, re.M)[1] for k in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
    "no_new_privileges": re.search(r"^NoNewPrivs:\s*(\d)", status, re.M)[1],
    "seccomp": re.search(r"^Seccomp:\s*(\d)", status, re.M)[1],
    "ids": [*os.getresuid(), *os.getresgid()],
    "init": pathlib.Path("/proc/1/comm").read_text().strip(),
    "memory": memory, "swap": swap(),
    "pids": int(first("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")),
    "cpu": int(first("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")),
    "shm": shm.f_frsize * shm.f_blocks,
    "fsize": resource.getrlimit(resource.RLIMIT_FSIZE), "core": resource.getrlimit(resource.RLIMIT_CORE),
    "root": refusal("/tmp/x"), "home": refusal("/home/jovyan/x"), "given": refusal("/mnt/rw/x"),
    "read_only": refusal("/mnt/ro/x"),
    "interfaces": sorted(os.listdir("/sys/class/net")),
    "sockets": [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)],
}))
"""  # noqa: E501


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    yield engine
    engine.close()


@pytest.fixture
def jobs(tmp_path) -> Iterator[Jobs]:
    with jobs_in(tmp_path) as jobs:
        yield jobs


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    door = Door(tmp_path)
    door.open()
    yield door
    door.shut()
    door.engine.close()


def ended(engine: DockerEngine, name: str):
    """The job's state once it has ended."""

    def look():
        state = engine.poll(name)
        return state if state.status == "ended" else None

    return eventually(look)


def says_when_it_runs(jobs: Jobs, then: str = "") -> tuple:
    """A job that adds a line to a file each time it is run, and the file."""
    folder = jobs.shared()
    job = jobs.job(
        f"echo ran >> /mnt/rw/ran; {then}", mounts=(Mount(str(folder), "/mnt/rw", False),)
    )
    return job, folder / "ran"


# --- Once ---------------------------------------------------------------------------------------


def test_a_job_submitted_again_and_again_runs_once(engine, jobs):
    job, ran = says_when_it_runs(jobs, "sleep 1; exit 3")
    first = engine.submit(job)
    again = DockerEngine()
    assert again.submit(job).id == first.id
    state = ended(engine, job.name)
    assert again.submit(job) == state, "what has ended is not started again"
    assert state.exit_code == 3
    assert ran.read_text() == "ran\n"
    again.close()


def test_ten_callers_at_once_get_the_same_container(jobs, engine):
    job, ran = says_when_it_runs(jobs)
    with ThreadPoolExecutor(10) as pool:
        states = list(pool.map(engine.submit, [job] * 10))
    assert len({s.id for s in states}) == 1
    ended(engine, job.name)
    assert ran.read_text() == "ran\n"


def test_one_that_was_created_and_never_started_is_started(engine, jobs):
    docker("create", "--name", jobs.job("").name, "--label", f"cohort.project={jobs.project}",
           "--network", "none", image(), "sh", "-c", "exit 7")  # fmt: skip
    assert engine.poll(jobs.job("").name).status == "created"
    assert engine.submit(jobs.job("exit 8")).status in ("running", "ended")
    assert ended(engine, jobs.job("").name).exit_code == 7


def test_a_new_object_finds_what_an_earlier_one_started(engine, jobs):
    engine.submit(jobs.job("sleep 60", labels={**jobs.labels, "cohort.run": "run-1"}))
    later = DockerEngine()
    [found] = later.all(jobs.labels)
    assert (found.status, found.labels["cohort.run"]) == ("running", "run-1")
    assert later.all({**jobs.labels, "cohort.run": "run-2"}) == []
    later.close()


# --- Evidence -----------------------------------------------------------------------------------


def test_an_end_says_when_and_with_what(engine, jobs):
    before = datetime.now(UTC) - timedelta(seconds=2)
    job = jobs.job("echo out; echo err >&2; exit 5")
    engine.submit(job)
    state = ended(engine, job.name)
    assert (state.exit_code, state.out_of_memory, state.error) == (5, False, "")
    assert before < state.started_at <= state.ended_at < datetime.now(UTC)
    assert engine.all(jobs.labels) == [state]
    assert sorted(engine.logs(job.name, 1000).split()) == [b"err", b"out"]
    assert len(engine.logs(job.name, 2)) == 2


def test_no_job_ends_before_it_starts():
    """Seen on a busy machine: the engine noted the start of ``exit`` after its end."""
    found = {
        "Name": "/job", "Id": "1", "Config": {"Labels": None},
        "State": {
            "Status": "exited", "ExitCode": 0,
            "StartedAt": "2026-11-24T02:07:53.288143000Z",
            "FinishedAt": "2026-11-24T02:07:53.287223000Z",
        },
    }  # fmt: skip
    state = read_state(found)
    assert state.started_at == state.ended_at == datetime(2026, 11, 24, 2, 7, 53, 288143, UTC)


def test_memory_runs_out_in_the_job_itself(engine, jobs):
    job = jobs.job("exec python -c 'x = bytearray(10**9)'", memory_bytes=64 * MB)
    engine.submit(job)
    state = ended(engine, job.name)
    assert (state.exit_code, state.out_of_memory) == (137, True)


def test_memory_runs_out_in_a_child_whose_parent_goes_on(engine, jobs):
    job = jobs.job("python -c 'x = bytearray(10**9)'; sleep 0.3; exit 0", memory_bytes=64 * MB)
    engine.submit(job)
    state = ended(engine, job.name)
    assert (state.exit_code, state.out_of_memory) == (0, True)


def test_what_is_not_there_is_none_and_not_an_error(engine, jobs):
    name = jobs.job("").name
    assert engine.poll(name) is None
    assert engine.all(jobs.labels) == []
    assert engine.logs(name, 100) == b""
    engine.cancel(name, 1)
    engine.remove(name)
    assert engine.image_digest("cohort/never-built:1") is None


def test_an_image_by_its_digest_and_one_that_is_missing(engine, jobs):
    digest = engine.image_digest(image())
    job = jobs.job("exit 4", image=digest)
    engine.submit(job)
    assert ended(engine, job.name).exit_code == 4
    for missing in ("cohort/never-built:1", "sha256:" + "0" * 64):
        with pytest.raises(ImageMissingError, match="make up"):
            engine.submit(jobs.job("", name=f"{jobs.project}-lost", image=missing))
    assert jobs.names() == [job.name], "nothing is created without an image"


def test_capacity_is_the_machines(engine):
    capacity = engine.capacity()
    assert f"{capacity.cpus:g} {capacity.memory_bytes}" == docker(
        "info", "--format", "{{.NCPU}} {{.MemTotal}}"
    )


# --- Ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trap", "code"), [("exit 2", 2), ("echo deaf", 137)], ids=["listens", "is deaf"]
)
def test_cancel_asks_first_and_kills_then(engine, jobs, trap, code):
    job = jobs.job(f"trap '{trap}' TERM; echo ready; while true; do sleep 0.1; done")
    engine.submit(job)
    eventually(lambda: b"ready" in engine.logs(job.name, 100))
    engine.cancel(job.name, 1)
    state = engine.poll(job.name)
    assert (state.status, state.exit_code) == ("ended", code), "cancel returns when it has ended"
    engine.cancel(job.name, 1)
    assert engine.poll(job.name) == state


def test_remove_ends_what_runs_and_two_may_do_it(engine, jobs):
    job = jobs.job("trap '' TERM; sleep 60")
    engine.submit(job)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.remove, [job.name] * 2))
    assert engine.poll(job.name) is None


def test_a_device_that_is_not_there_is_refused_and_can_be_removed(engine, jobs):
    job = jobs.job("exit 0", gpus=("sim.cohort/gpu=99",))
    with pytest.raises(EngineError, match=r"gpu=99") as refusal:
        engine.submit(job)
    assert not isinstance(refusal.value, EngineUnreachableError)
    state = engine.poll(job.name)
    assert state.status == "created"
    assert "gpu=99" in state.error
    engine.remove(job.name)
    assert jobs.names() == []


def test_a_mount_whose_source_is_missing_is_refused(engine, jobs):
    with pytest.raises(EngineError, match="nowhere"):
        engine.submit(jobs.job("", mounts=(Mount(str(jobs.folder / "nowhere"), "/mnt/x"),)))
    assert not (jobs.folder / "nowhere").exists()


# --- The engine away ----------------------------------------------------------------------------


def test_an_engine_that_does_not_answer_is_told_from_one_that_refuses(door, jobs):
    job = jobs.job("sleep 60")
    door.engine.submit(job)
    door.shut()
    calls = [
        lambda: door.engine.submit(job),
        lambda: door.engine.poll(job.name),
        lambda: door.engine.all(jobs.labels),
        lambda: door.engine.logs(job.name, 10),
        lambda: door.engine.cancel(job.name, 1),
        lambda: door.engine.remove(job.name),
        door.engine.capacity,
        lambda: door.engine.image_digest(image()),
    ]
    for call in calls:
        with pytest.raises(EngineUnreachableError, match="does not answer"):
            call()
    door.open()
    assert door.engine.poll(job.name).status == "running", "the same object connects again"


def test_an_object_made_while_the_engine_is_away_connects_later(tmp_path):
    door = Door(tmp_path)
    with pytest.raises(EngineUnreachableError):
        door.engine.capacity()
    door.open()
    assert door.engine.capacity().cpus > 0
    door.shut()
    door.engine.close()


# --- Hardening ----------------------------------------------------------------------------------


def hardened(jobs: Jobs, **changes):
    """A job that prints what it finds, with limits that show up."""
    given = jobs.shared()
    mounts = (Mount(str(given), "/mnt/rw", read_only=False), Mount(str(given), "/mnt/ro"))
    return jobs.job("", command=("python", "-c", PROBE), cpus=0.5, memory_bytes=300 * MB,
                    mounts=mounts, file_bytes=7 * MB, **changes)  # fmt: skip


def test_the_engine_says_that_a_job_is_hardened(engine, jobs):
    job = hardened(jobs)
    engine.submit(job)
    found = json.loads(docker("inspect", job.name))[0]
    host, config = found["HostConfig"], found["Config"]
    assert {k: host[k] for k in (
        "CapDrop", "CapAdd", "SecurityOpt", "Privileged", "PidsLimit", "Memory", "MemorySwap",
        "Init", "ShmSize", "PidMode", "IpcMode", "UsernsMode", "Devices", "NetworkMode",
        "ReadonlyRootfs", "AutoRemove", "PublishAllPorts",
    )} == {
        "CapDrop": ["ALL"], "CapAdd": None, "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False, "PidsLimit": PIDS, "Memory": 300 * MB, "MemorySwap": 300 * MB,
        "Init": True, "ShmSize": 150 * MB, "PidMode": "", "IpcMode": "private",
        "UsernsMode": "", "Devices": None, "NetworkMode": "none",
        "ReadonlyRootfs": True, "AutoRemove": False, "PublishAllPorts": False,
    }  # fmt: skip
    assert host["CpuQuota"] * 2 == host["CpuPeriod"]
    assert host["LogConfig"]["Config"] == {"max-size": "5m", "max-file": "2"}
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert not host["PortBindings"]
    assert config["User"] == "1000:1000"
    assert config["Labels"].items() >= jobs.labels.items()


def test_a_probe_from_inside_finds_the_same(engine, jobs):
    job = hardened(jobs)
    engine.submit(job)
    assert ended(engine, job.name).exit_code == 0, engine.logs(job.name, 2000)
    assert json.loads(engine.logs(job.name, 10_000)) == {
        "caps": ["0" * 16] * 5, "no_new_privileges": "1", "seccomp": "2", "ids": [1000] * 6,
        "init": "docker-init", "memory": 300 * MB, "swap": 0, "pids": PIDS, "cpu": 50_000,
        "shm": 150 * MB, "fsize": [7 * MB] * 2, "core": [0, 0],
        "root": "Read-only file system", "home": "Read-only file system", "given": None,
        "read_only": "Read-only file system", "interfaces": ["lo"], "sockets": [],
    }  # fmt: skip


def test_a_network_is_joined_only_by_name(engine, jobs):
    name = f"{jobs.project}-net"
    docker("network", "create", "--subnet", free_subnet(), "--label",
           f"cohort.project={jobs.project}", name)  # fmt: skip
    try:
        job = hardened(jobs, network=name)
        engine.submit(job)
        ended(engine, job.name)
        assert json.loads(engine.logs(job.name, 10_000))["interfaces"] == ["eth0", "lo"]
        assert jobs.names() == [job.name]
        networks = json.loads(docker("inspect", job.name))[0]["NetworkSettings"]["Networks"]
        assert list(networks) == [name]
        engine.remove(job.name)
    finally:
        docker("network", "rm", name)


def test_a_job_has_the_devices_it_was_given_and_no_other(engine, jobs, simulated_gpus):
    job = jobs.job("env | grep ^COHORT_SIM; ls /dev | grep simgpu", gpus=(simulated_gpus[1],))
    engine.submit(job)
    ended(engine, job.name)
    assert engine.logs(job.name, 100).split() == [b"COHORT_SIM_GPU_1=1", b"simgpu1"]
