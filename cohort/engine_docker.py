"""`Engine` on one Docker engine, through its socket.

Invariant: everything that a job's container may do is in `host_config`, and nothing a caller
sets can widen it but mounts, devices and the network's name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import docker
import docker.utils
import requests.exceptions
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Ulimit
from docker.types import Mount as DockerMount

from cohort.engine import (
    Capacity,
    EngineUnreachableError,
    ImageMissingError,
    Job,
    JobState,
    Mount,
)
from cohort.errors import EngineError

UID = 1000
# Processes and threads: a data loader for each core stays far under; a fork bomb stops here.
PIDS = 1024
TIMEOUT = 60  # seconds for one answer
STATUS = {"created": "created", "running": "running", "paused": "running", "restarting": "running"}
PATIENCE = 30.0  # seconds for a creation or a removal that another caller began


class DockerEngine:
    """Threads may share one; it connects on first use, and again after the engine was away."""

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = base_url
        self._client: docker.APIClient | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Drop the connections; the next call makes new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def submit(self, job: Job) -> JobState:
        """See `Engine.submit`."""
        with self._asking(f"start {job.name}") as client:
            found = self._ensure_created(client, job)
            if found.status == "created":
                # The engine does nothing if a start of the same container came in meanwhile.
                client.start(job.name)
                found = read_state(client.inspect_container(job.name))
            return found

    def _ensure_created(self, client: docker.APIClient, job: Job) -> JobState:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                client.create_container(
                    job.image,
                    list(job.command),
                    name=job.name,
                    user=f"{UID}:{UID}",
                    labels=dict(job.labels),
                    environment=dict(job.environment),
                    working_dir=job.working_dir,
                    stop_signal="SIGTERM",
                    stop_timeout=job.stop_seconds,
                    host_config=host_config(client, job),
                )
            except APIError as e:
                if e.status_code != 409 or time.monotonic() > end:  # 409: the name is in use
                    raise
            try:
                return read_state(client.inspect_container(job.name))
            except NotFound:
                # Its name is taken before it can be seen: another caller is creating it.
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def poll(self, name: str) -> JobState | None:
        """See `Engine.poll`."""
        with self._asking(f"look at {name}") as client:
            try:
                return read_state(client.inspect_container(name))
            except NotFound:
                return None

    def all(self, labels: Mapping[str, str]) -> list[JobState]:
        """See `Engine.all`."""
        wanted = [f"{key}={value}" for key, value in labels.items()]
        with self._asking("list its containers") as client:
            listed = client.containers(all=True, filters={"label": wanted})
        states = []
        for entry in listed:
            name = entry["Names"][0].removeprefix("/")
            if entry["State"] == "running":
                states.append(JobState(name, entry["Id"], entry["Labels"], "running"))
            elif (found := self.poll(name)) is not None:
                states.append(found)
        return states

    def logs(self, name: str, tail_bytes: int) -> bytes:
        """See `Engine.logs`; the engine itself keeps the last 10 MB."""
        with self._asking(f"read the log of {name}") as client:
            try:
                return client.logs(name, stdout=True, stderr=True)[-tail_bytes:]
            except NotFound:
                return b""

    def cancel(self, name: str, grace_s: int) -> None:
        """See `Engine.cancel`."""
        with self._asking(f"stop {name}") as client:
            try:
                client.stop(name, timeout=grace_s)
            except NotFound:
                return

    def remove(self, name: str) -> None:
        """See `Engine.remove`."""
        end = time.monotonic() + PATIENCE
        with self._asking(f"remove {name}") as client:
            while True:
                try:
                    return client.remove_container(name, v=True, force=True)
                except NotFound:
                    return None
                except APIError as e:
                    # 409: somebody else's removal is under way, and it has not ended yet.
                    if e.status_code != 409 or time.monotonic() > end:
                        raise
                time.sleep(0.1)

    def capacity(self) -> Capacity:
        """See `Engine.capacity`."""
        with self._asking("say what the machine has") as client:
            info = client.info()
        return Capacity(cpus=float(info["NCPU"]), memory_bytes=info["MemTotal"])

    def image_digest(self, image: str) -> str | None:
        """See `Engine.image_digest`; it is the image's id, which images built here have too."""
        with self._asking(f"look at the image {image}") as client:
            try:
                return client.inspect_image(image)["Id"]
            except ImageNotFound:
                return None

    @contextmanager
    def _asking(self, what: str) -> Iterator[docker.APIClient]:
        """Lend the client and turn its errors into sentences."""
        try:
            yield self._connect()
        except ImageNotFound as e:
            raise ImageMissingError(
                f"The container engine could not {what}, its image is not on this machine: "
                "run `make up`, or name another image."
            ) from e
        except APIError as e:
            why = (e.explanation or str(e)).strip().rstrip(".")
            raise EngineError(f"The container engine could not {what}: {why}.") from e
        except (DockerException, requests.exceptions.RequestException) as e:
            raise EngineUnreachableError(
                f"The container engine does not answer (it was to {what}): see whether it "
                "runs with `docker info`."
            ) from e

    def _connect(self) -> docker.APIClient:
        with self._lock:
            if self._client is None:
                settings = docker.utils.kwargs_from_env()
                if self._base_url:
                    settings["base_url"] = self._base_url
                self._client = docker.APIClient(timeout=TIMEOUT, max_pool_size=32, **settings)
            return self._client


def host_config(client: docker.APIClient, job: Job) -> dict:
    """What a job's container is allowed, as the engine's API takes it."""
    return client.create_host_config(
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        pids_limit=PIDS,
        mem_limit=job.memory_bytes,
        # Equal to mem_limit: no swap, so an OOM kill is prompt and the host stays responsive.
        memswap_limit=job.memory_bytes,
        cpu_period=100_000,
        cpu_quota=int(job.cpus * 100_000),
        init=True,
        # PyTorch's data loaders pass tensors through /dev/shm; Docker's default is 64 MB.
        shm_size=min(job.memory_bytes // 2, 8 * 1024**3),
        ulimits=[
            Ulimit(name="fsize", soft=job.file_bytes, hard=job.file_bytes),
            Ulimit(name="core", soft=0, hard=0),
        ],
        log_config=LogConfig(type="json-file", config={"max-size": "5m", "max-file": "2"}),
        # Exit code, OOM flag and last lines must outlive the container.
        auto_remove=False,
        network_mode=job.network or "none",
        sysctls={"net.ipv6.conf.all.disable_ipv6": "1"},
        mounts=[_bind(mount) for mount in job.mounts],
        device_requests=(
            [DeviceRequest(driver="cdi", device_ids=list(job.gpus))] if job.gpus else None
        ),
    )


def read_state(found: dict) -> JobState:
    """Turn what ``inspect`` says into a `JobState`."""
    state = found["State"]
    status = STATUS.get(state["Status"], "ended")
    started = _time(state["StartedAt"])
    ended = _time(state["FinishedAt"]) if status == "ended" else None
    if started and ended:
        # The engine may note a very short job's start after its end.
        ended = max(started, ended)
    return JobState(
        name=found["Name"].removeprefix("/"),
        id=found["Id"],
        labels=found["Config"]["Labels"] or {},
        status=status,
        exit_code=state["ExitCode"] if status == "ended" else None,
        out_of_memory=bool(state.get("OOMKilled")),
        started_at=started,
        ended_at=ended,
        error=state.get("Error") or "",
    )


def _bind(mount: Mount) -> DockerMount:
    # Of type bind: a source that is missing is an error, where `-v` would make a folder of it.
    return DockerMount(mount.target, mount.source, type="bind", read_only=mount.read_only)


def _time(text: str) -> datetime | None:
    """The engine writes nanoseconds, and the year 1 for never."""
    return None if text.startswith("0001-") else datetime.fromisoformat(text)
