"""The kernel's process: found by its name, started, interrupted, killed, its end told.

Invariant: once `KernelProcess.kill` has returned, nothing of the kernel's process group runs.

jupyter_client's KernelManager does the same and more, but cannot be imported in under 0.1 s,
during which the kernel can start already; so its format of connection file and kernel.json is
written and read here. https://jupyter-client.readthedocs.io/en/stable/kernels.html
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from experiments.runner.outcome import ended
from experiments.states import Reason

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


@dataclass(frozen=True)
class KernelSpec:
    """What kernel.json says of a kernel."""

    name: str
    argv: tuple[str, ...]
    language: str
    env: dict[str, str]
    interrupts_by_message: bool
    folder: Path

    @property
    def is_ipython(self) -> bool:
        """True for ipykernel, whose options and inside are known."""
        return any("ipykernel" in part for part in self.argv)


def find_kernel(name: str) -> KernelSpec:
    """The kernel of this name where Jupyter looks for kernels; ends the run if there is none."""
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415

    if re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", name):
        for folder in (Path(path) / name for path in jupyter_path("kernels")):
            with contextlib.suppress(OSError, ValueError, KeyError):
                said = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
                return KernelSpec(
                    name=name,
                    argv=tuple(said["argv"]),
                    language=said["language"],
                    env=said.get("env", {}),
                    interrupts_by_message=said.get("interrupt_mode") == "message",
                    folder=folder,
                )
    raise ended(Reason.BAD_NOTEBOOK, message=f"This image has no kernel {name!r} that works.")


class KernelProcess:
    """A kernel that is starting or running in ``cwd``, a process group of its own."""

    def __init__(self, spec: KernelSpec, cwd: Path) -> None:
        self.spec = spec
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
        # Sockets in a folder of ours: no port can be taken by another process of the notebook's.
        self.connection = {
            **{port: number for number, port in enumerate(PORTS, 1)},
            "transport": "ipc",
            "ip": f"{self._folder.name}/k",
            "key": secrets.token_hex(32),
            "signature_scheme": "hmac-sha256",
            "kernel_name": spec.name,
        }
        connection_file = Path(self._folder.name) / "connection.json"
        connection_file.write_text(json.dumps(self.connection))
        # What the kernel's processes write past the notebook, to descriptors 1 and 2.
        self.said, write_end = os.pipe2(os.O_CLOEXEC)
        self._process = subprocess.Popen(
            _command(spec, connection_file),
            cwd=cwd,
            env=_environment(spec),
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            start_new_session=True,
        )
        os.close(write_end)
        # If memory runs out, the kernel goes and the runner stays to say so.
        with contextlib.suppress(OSError):
            Path(f"/proc/{self._process.pid}/oom_score_adj").write_text("1000")

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def interrupt(self) -> None:
        """SIGINT for the kernel and what it started, as Ctrl-C in a terminal."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the kernel and what it started, and wait for its end."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill what is left and remove the kernel's files."""
        self.kill()
        os.close(self.said)
        self._folder.cleanup()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _command(spec: KernelSpec, connection_file: Path) -> list[str]:
    known = {
        "connection_file": str(connection_file),
        "resource_dir": str(spec.folder),
        "prefix": sys.prefix,
    }
    argv = [re.sub(r"\{([a-z_]+)\}", lambda m: known.get(m[1], m[0]), part) for part in spec.argv]
    if re.fullmatch(r"python(3(\.\d+)?)?", argv[0]):
        argv[0] = sys.executable
    # As nbclient does: a file would be shared by every kernel of this home.
    return [*argv, "--HistoryManager.hist_file=:memory:"] if spec.is_ipython else argv


def _environment(spec: KernelSpec) -> dict[str, str]:
    return {
        # The order of sets is part of what a run must be able to repeat.
        "PYTHONHASHSEED": "0",
        **os.environ,
        **spec.env,
        # ipykernel ends with the process of this number.
        "JPY_PARENT_PID": str(os.getpid()),
    }
