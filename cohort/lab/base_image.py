"""The base image: a minimal Debian made from signed packages, with no image registry.

Where the host can run mmdebstrap with a Debian mirror of its own, that makes the root file
system; elsewhere `debian:bookworm-slim` is pulled. The same Dockerfile finishes both, and
both end in the same state.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.apt import (
    ETC,
    OS_RELEASE,
    find_mirror,
    host_sources,
    install,
    read_os_release,
)
from cohort.lab.root import as_root
from cohort.lab.run import follow, last_line, run

Report = Callable[[str], None]

FOLDER = Path(__file__).resolve().parents[2] / "images" / "base"
SUITE = "bookworm"
SLIM = f"debian:{SUITE}-slim"
PACKAGES = "ca-certificates,python3,python3-venv"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Mirror:
    """Where Debian packages come from; ``keyring`` is a file, or "" for apt's usual ones."""

    main: str
    security: str = ""
    keyring: str = ""

    def lines(self, suite: str) -> list[str]:
        """One-line sources of a suite with its updates."""
        lines = [f"deb {self.main} {suite} main", f"deb {self.main} {suite}-updates main"]
        return lines + ([f"deb {self.security} {suite}-security main"] if self.security else [])


def host_mirror(etc: Path = ETC, os_release: Path = OS_RELEASE) -> Mirror | None:
    """Return the host's own Debian mirror, or None where it has none (Ubuntu, say)."""
    release = read_os_release(os_release.read_text(encoding="utf-8"))
    if release.get("ID") != "debian":
        return None
    main, security = find_mirror(host_sources(etc), release.get("VERSION_CODENAME", ""))
    if main is None:
        return None
    return Mirror(
        main=_resolve(main.uri),
        security=_resolve(security.uri) if security else "",
        keyring=main.key if main.key.startswith("/") else "",
    )


def _resolve(uri: str) -> str:
    """Debian's cloud images name a file with a list of mirrors; the image needs one of them."""
    if not uri.startswith("mirror+file:"):
        return uri
    listed = Path("/" + uri.removeprefix("mirror+file:").lstrip("/")).read_text(encoding="utf-8")
    found = [line.split()[0] for line in listed.splitlines() if line.strip() and line[0] != "#"]
    return found[0] if found else uri


def ensure_base_image(tag: str, report: Report) -> None:
    """Make ``cohort/base:<tag>`` unless the engine has it; ``cohort/base:latest`` follows it.

    Raises `CohortError` if neither the host's Debian mirror nor an image registry gives one.
    """
    image, root = f"cohort/base:{tag}", f"cohort/base:rootfs-{tag}"
    if _exists(image):
        return
    report(f"Building {image}")
    try:
        finish(_root_image(root, report), tag)
    finally:
        # Only the name goes; its layers live on in the finished image.
        subprocess.run(["docker", "image", "rm", root], check=False, capture_output=True)


def _root_image(root: str, report: Report) -> str:
    """Make or pull what the Dockerfile starts from, and return its name."""
    try:
        bootstrap(host_mirror(), root, report)
        return root
    except CohortError as e:
        report(f"  {e} Pulling {SLIM} instead.")
        try:
            run(["docker", "pull", "--quiet", SLIM], what=f"Pulling {SLIM}")
            return SLIM
        except CohortError as pulled:
            raise CohortError(
                f"The base image cannot be made ({e} {pulled}): give this host a Debian mirror "
                "or a way to an image registry, then run this again."
            ) from pulled


def _exists(image: str) -> bool:
    line = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(line, check=False, capture_output=True).returncode == 0


def bootstrap(mirror: Mirror | None, image: str, report: Report) -> None:
    """Pipe mmdebstrap's archive straight into the engine (20 s); raises `CohortError`."""
    if mirror is None:
        raise CohortError("This host has no Debian mirror.")
    if not shutil.which("mmdebstrap"):
        report("  installing mmdebstrap")
        install(["mmdebstrap"])
    line = [
        "mmdebstrap", "--variant=minbase", f"--include={PACKAGES}",
        *([f"--keyring={mirror.keyring}"] if mirror.keyring else []),
        # Left out as they are unpacked; the Dockerfile keeps them out from then on.
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")),
        SUITE, "-", *mirror.lines(SUITE),
    ]  # fmt: skip
    said: list[str] = []
    with (
        subprocess.Popen(
            as_root(line), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as make,
        subprocess.Popen(
            ["docker", "import", "-", image], stdin=make.stdout, stdout=subprocess.DEVNULL
        ) as take,
    ):  # fmt: skip
        make.stdout.close()  # only the engine reads it: mmdebstrap learns if that ends early
        for raw in make.stderr:
            said.append(raw.decode("utf-8", "replace").rstrip())
            if re.match(r"I: (downl|extr|inst|creat).*\.\.\.$", said[-1]):
                report("  " + said[-1][3:])
    if make.returncode or take.returncode:
        cause = next((s for s in reversed(said) if s.startswith("E: ")), last_line("\n".join(said)))
        raise CohortError(f"The host's Debian mirror did not give an image ({cause}).")


def finish(root: str, tag: str) -> None:
    """Run the finishing Dockerfile on a root file system; raises `CohortError`."""
    image = f"cohort/base:{tag}"
    line = ["docker", "buildx", "build", "--progress", "plain", "--load", "--build-arg",
            f"ROOTFS={root}", "--label", f"cohort.inputs={tag}", "-t", image,
            "-t", "cohort/base:latest"]  # fmt: skip
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        value = os.environ.get(name) or os.environ.get(name.upper())
        line += ["--build-arg", f"{name}={value}"] if value else []
    bundles = [os.environ.get(name) for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
    bundle = next((b for b in [*bundles, str(BUNDLE)] if b and Path(b).is_file()), None)
    # A secret is mounted for one step and never becomes part of the image.
    line += ["--secret", f"id=ca,src={bundle}"] if bundle else []
    follow([*line, str(FOLDER)], lambda text: None, what=f"Building {image}")
