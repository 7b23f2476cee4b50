"""Installs what the tests need and a machine may lack: browser, database, engine, images.

``python -m tests.prepare`` is part of `make test`; run again it does nothing.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.apt import install
from cohort.lab.engine_setup import ensure_engine
from cohort.lab.images import ensure_images

START = time.monotonic()


def report(text: str) -> None:
    """Print progress with the seconds since the start."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def missing_packages() -> list[str]:
    """Debian packages that the tests use and that are not installed."""
    wanted = []
    if not shutil.which("chromium"):
        wanted += ["chromium", "fonts-dejavu-core", "fonts-noto-cjk"]
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        wanted.append("postgresql")
    if not shutil.which("ip"):
        wanted.append("iproute2")
    return wanted


def main() -> int:
    """Install, start and build; one sentence and exit code 1 if something cannot be had."""
    try:
        packages = missing_packages()
        if packages:
            report("Installing " + ", ".join(packages))
            install(packages)
        ensure_engine(report)
        ensure_images(report)
    except CohortError as e:
        print(f"cohort: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
