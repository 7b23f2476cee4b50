"""From a run's row to what its container is started from: folders on disk, an order, a job.

Invariant: the job of an attempt has one name, and its folders are complete before a container
of that name exists. Only the folders in `WRITABLE` are the container's to write, and all of
them count towards its disk.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cohort.engine import Job, Mount
from cohort.settings import Settings
from experiments.seal import Seal
from experiments.snapshots import SnapshotStore
from experiments.states import Reason
from experiments.tables import Run

UID = 1000
COMMAND = ("python", "-m", "experiments.runner", "/run/order.json")
# Beside work/ and result/: what a notebook leaves in its home and in /tmp is counted like the
# rest, where the container's own layer would have no cap at all.
WRITABLE = {
    "work": "/run/work", "result": "/run/result", "home": "/home/jovyan", "tmp": "/tmp",  # noqa: S108
}  # fmt: skip
DISK_BYTES = 20 * 1024**3  # of one run while it lives
STOP_SECONDS = 20  # for the runner to interrupt the kernel and save what there is
SAVE_SECONDS = 2.0


@dataclass(frozen=True)
class Folders:
    """Where the files of runs are, under the lab's data folder."""

    data: Path

    @property
    def live(self) -> Path:
        return self.data / "runs" / "live"

    def of(self, run_id: str, attempt: int) -> Path:
        """The folder of an attempt while it lives."""
        return self.live / f"{run_id}-{attempt}"

    def kept(self, run_id: str) -> Path:
        """What stays of a run."""
        return self.data / "runs" / "kept" / run_id

    def attempts(self) -> set[tuple[str, int]]:
        """The attempts of whose live folders there is anything."""
        names = [p.name.lstrip(".").rpartition("-") for p in self.live.glob("*run-*")]
        return {(run_id, int(number)) for run_id, _, number in names if number.isdigit()}


class Launcher:
    """Prepares attempts; ``seal`` opens the secrets of runs."""

    def __init__(
        self,
        settings: Settings,
        snapshots: SnapshotStore,
        seal: Seal,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.project, self.network = settings.lab.project, settings.lab.project
        self.folders = Folders(settings.data)
        self._scenarios = settings.data / "scenarios"
        self._snapshots, self._seal, self._command = snapshots, seal, command

    def name(self, run_id: str, attempt: int) -> str:
        """The name of an attempt's job."""
        return f"{self.project}-{run_id}-{attempt}"

    def prepare(self, run: Run) -> None:
        """Make the folders of the present attempt afresh; only before its container exists.

        Raises `ExperimentError` if the snapshot cannot be had, `OSError` if the disk is full.
        """
        live = self.folders.of(run.id, run.attempt)
        remove_tree(live)
        for name in WRITABLE:
            (live / name).mkdir(mode=0o700, parents=True)
            os.chown(live / name, UID, UID)
        # Nobody but us comes past this one; containers are given what is in it.
        live.chmod(0o700)
        self._snapshots.materialise(run.snapshot, live / "work", UID)
        order = live / "order.json"
        order.write_text(json.dumps(self._order(run)), encoding="utf-8")
        order.chmod(0o444)

    def job(self, run: Run) -> Job:
        """The job of the present attempt."""
        live = self.folders.of(run.id, run.attempt)
        mounts = [Mount(str(live / name), path, False) for name, path in WRITABLE.items()]
        return Job(
            name=self.name(run.id, run.attempt),
            # The id, not the name: the image that the run was asked for, whatever was built since.
            image=run.image_digest,
            command=self._command,
            cpus=run.cpus,
            memory_bytes=run.memory_bytes,
            labels=self.labels(run),
            environment=self._environment(run),
            mounts=(
                *mounts,
                Mount(str(live / "order.json"), "/run/order.json"),
                Mount(str(self._scenarios), "/srv/scenarios"),
            ),
            gpus=tuple(run.devices or ()),
            network=self.network if run.network else None,
            working_dir=WRITABLE["work"],
            file_bytes=DISK_BYTES,
            stop_seconds=STOP_SECONDS,
        )

    def labels(self, run: Run) -> dict[str, str]:
        """Labels by which the container of an attempt is found again."""
        return {
            "cohort.project": self.project,
            "cohort.kind": "run",
            "cohort.team": run.owner.removeprefix("team-") if is_team(run.owner) else "",
            "cohort.run": run.id,
            "cohort.attempt": str(run.attempt),
        }

    def _environment(self, run: Run) -> dict[str, str]:
        # Without the first, libraries start a thread for each of the host's cores and wait for
        # one another under the quota; the second lets a verified run print a set in the same
        # order.
        return {
            "OMP_NUM_THREADS": str(max(1, math.floor(run.cpus))),
            "PYTHONHASHSEED": "0",
            **{secret_variable(k): v for k, v in self._seal.open(run.secrets).items()},
        }

    def _order(self, run: Run) -> dict:
        return {
            "run": run.id,
            "attempt": run.attempt,
            "notebook": run.notebook,
            "parameters": run.parameters,
            "secrets": sorted(self._seal.open(run.secrets)),
            "kernel": run.kernel,
            "time_limit_s": run.time_limit_s,
            "cell_limit_s": run.cell_limit_s,
            "save_seconds": SAVE_SECONDS,
        }


def is_team(owner: str) -> bool:
    """True if this hub account is a team's, not a person's."""
    return owner.startswith("team-")


def secret_variable(name: str) -> str:
    """The environment variable that carries a secret parameter."""
    return f"COHORT_SECRET_{name.upper()}"


def mark_stopped(live: Path, reason: Reason) -> None:
    """Note why an attempt is about to be killed; the first reason stays.

    On disk, beside what the container may write: who decides how the run ended may be another
    process than who killed it. As a link, which takes no block of a disk that may be full.
    """
    with suppress(FileExistsError):
        os.symlink(reason.value, live / "stopped")


def read_stopped(live: Path) -> Reason | None:
    """Why an attempt was killed by us, if it was."""
    try:
        return Reason(os.readlink(live / "stopped"))
    except FileNotFoundError:
        return None


def remove_tree(folder: Path) -> None:
    """Remove a live folder, however deeply nested; nothing if it is not there.

    It is there whole or not at all: half a folder would tell half of what it is asked. By `rm`,
    as `shutil.rmtree` gives up where folders are nested beyond Python's recursion limit.
    """
    if not re.fullmatch(r"run-\w+-\d+", folder.name):
        raise ValueError(f"{folder.name!r} is no run's live folder")
    aside = folder.with_name(f".{folder.name}")
    _remove(aside)
    with suppress(FileNotFoundError):
        folder.rename(aside)
    _remove(aside)


def _remove(folder: Path) -> None:
    if folder.exists():
        rm = shutil.which("rm") or "rm"
        subprocess.run([rm, "-rf", "--one-file-system", "--", str(folder)], check=True)
