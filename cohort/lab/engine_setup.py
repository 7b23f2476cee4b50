"""Makes sure of a Docker engine that hands out CDI devices, with buildx and compose.

Invariant: an engine that somebody else installed is started if need be, never changed. What
is installed here comes from the distribution's own mirrors, and `MARK` says that it did.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cohort.errors import EngineError
from cohort.lab.apt import OS_RELEASE, read_os_release
from cohort.lab.engine_check import fault, look
from cohort.lab.engine_daemon import (
    LOG,
    configure_daemon,
    dockerd_there,
    start_engine,
    stop_daemon,
    wait_for_engine,
)
from cohort.lab.engine_packages import install_engine, plan_for
from cohort.lab.root import write_as_root

Report = Callable[[str], None]

MARK = Path("/etc/docker/installed-by-cohort")


def ensure_engine(report: Report) -> None:
    """Return once an engine answers that will do; installs or starts one if there is none.

    Raises `EngineError` with one sentence that says what to do.
    """
    engine = look()
    reason = fault(engine)
    if not reason:
        return
    elsewhere = bool(os.environ.get("DOCKER_HOST"))  # not for this machine's packages to mend
    if engine.denied or elsewhere or (engine.version and not MARK.exists()):
        raise EngineError(reason)
    if os.geteuid() != 0 and not shutil.which("sudo"):
        raise EngineError("Setting Docker up needs root: run this as root, or as a user with sudo.")
    if MARK.exists() or not dockerd_there():
        plan = plan_for(read_os_release(OS_RELEASE.read_text()))
        write_as_root(MARK, "Docker was installed by Cohort's `make up`, which may configure it.\n")
        # Configured first: the engine may start as soon as its package is there.
        configure_daemon()
        install_engine(plan, report)
        if engine.version:
            stop_daemon(engine)
    report("Starting Docker")
    start_engine()
    if reason := fault(wait_for_engine(LOG)):
        raise EngineError(reason)
