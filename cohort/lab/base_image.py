"""The base image: a minimal Debian made from signed packages, with no image registry.

Where the host can run mmdebstrap with a Debian mirror of its own, that makes the root file
system; elsewhere `debian:bookworm-slim` is pulled. The same Dockerfile finishes both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.apt import debian_sources, install
from cohort.lab.run import follow

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = "ca-certificates,python3,python3-venv"
SUITE = "bookworm"
SMALL = (
    "--variant=minbase", f"--include={PACKAGES}",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)  # fmt: skip


def ensure_base_image(tag: str, report: Callable[[str], None]) -> None:
    """Make ``cohort/base:<tag>`` unless the engine has it."""
    image = f"cohort/base:{tag}"
    if _exists(image):
        return
    report(f"Building {image} from Debian packages")
    root = "cohort/base:rootfs"
    sources = debian_sources(SUITE)
    if sources and (shutil.which("mmdebstrap") or _can_install()):
        _bootstrap(sources, root)
    else:
        root = f"debian:{SUITE}-slim"
        report(f"  no Debian mirror on this host: pulling {root}")
    folder = ROOT / "images" / "base"
    follow(
        ["docker", "buildx", "build", "--progress", "plain", "--load", "--build-arg",
         f"ROOTFS={root}", "-t", image, "-t", "cohort/base:latest", *_secret(), str(folder)],
        lambda text: None, what=f"Building {image}",
    )  # fmt: skip


def _exists(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def _can_install() -> bool:
    try:
        install(["mmdebstrap"])
    except CohortError:
        return False
    return True


def _bootstrap(sources: list[str], image: str) -> None:
    """Pipe mmdebstrap's archive straight into the engine."""
    make = subprocess.Popen(
        ["mmdebstrap", *SMALL, SUITE, "-", *sources],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    done = subprocess.run(
        ["docker", "import", "-", image], stdin=make.stdout, capture_output=True, text=True
    )
    _, said = make.communicate()
    if make.returncode or done.returncode:
        print(said.decode("utf-8", "replace"), done.stderr, file=sys.stderr)
        raise CohortError(
            "The base image could not be made from the host's Debian mirror; "
            "see mmdebstrap's messages above, and run the same command again."
        )


def _secret() -> list[str]:
    bundles = [os.environ.get("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt"]
    found = next((b for b in bundles if b and Path(b).is_file()), None)
    return ["--secret", f"id=ca,src={found}"] if found else []
