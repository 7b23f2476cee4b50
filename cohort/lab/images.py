"""Builds the lab's images; each is named by a hash of what goes into it.

Invariant: an image ``cohort/<name>:<hash>`` that exists was built from exactly these inputs,
so a second `make up` builds nothing, and two checkouts on one machine never mix images.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cohort.lab.base_image import ensure_base_image
from cohort.lab.run import follow, run

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cohort", "hub_config", "grading", "experiments")
BUILT = {"node_modules", "lib", "dist", "__pycache__", "README.md"}
Report = Callable[[str], None]


@dataclass(frozen=True)
class Images:
    """Full names of the images that belong to this checkout."""

    hub: str
    idp: str
    workspace: str

    @property
    def workspace_tag(self) -> str:
        return self.workspace.rpartition(":")[2]


def hash_files(paths: Iterable[Path], *more: str) -> str:
    """Return 12 hex digits over the names and contents of files and folders, and over strings."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        for file in files:
            if not BUILT & set(file.relative_to(ROOT).parts):
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def image_names() -> tuple[str, Images]:
    """Return the base image's tag and the names of the others, building nothing."""
    base = hash_files([ROOT / "images" / "base", ROOT / "cohort/lab/base_image.py"])
    wheel = hash_files([ROOT / "pyproject.toml", *(ROOT / p for p in PACKAGES)])
    torch = os.environ.get("PIP_FIND_LINKS", "")
    return base, Images(
        hub="cohort/hub:" + hash_files([ROOT / "images" / "hub"], base, wheel),
        idp="cohort/idp:" + hash_files([ROOT / "images" / "idp"], base),
        workspace="cohort/workspace:"
        + hash_files([ROOT / "images" / "workspace"], base, wheel, torch),
    )


def ensure_images(report: Report, only: Iterable[str] = ("hub", "idp", "workspace")) -> Images:
    """Build the images that do not exist yet and return all names."""
    base, images = image_names()
    wanted = {getattr(images, name): name for name in only}
    missing = [name for image, name in wanted.items() if not exists(image)]
    if missing:
        ensure_base_image(base, report)
        with tempfile.TemporaryDirectory() as wheel:
            build_wheel(Path(wheel))
            for name in missing:
                build(name, getattr(images, name), f"cohort/base:{base}", Path(wheel), report)
    return images


def exists(image: str) -> bool:
    """True if the engine has this image."""
    line = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(line, capture_output=True).returncode == 0


def build_wheel(folder: Path) -> None:
    """Build the project's wheel; a fixed date makes equal sources give an equal wheel."""
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"},
    )  # fmt: skip
    done.check_returncode()


def build(name: str, image: str, base: str, wheel: Path, report: Report) -> None:
    """Build one image, reporting each step as it begins."""
    report(f"Building {image}")
    line = [
        "docker", "buildx", "build", "--progress", "plain", "--load",
        "-f", str(ROOT / "images" / name / "Dockerfile"),
        "--build-arg", f"BASE={base}", "--build-context", f"wheel={wheel}",
        "--label", f"cohort.image={name}", "-t", image, "-t", f"cohort/{name}:latest",
        *secrets_and_wheels(), str(ROOT),
    ]  # fmt: skip
    step = re.compile(r"#\d+ \[[^\]]*\d+/\d+\] (.*)")

    def seen(text: str) -> None:
        match = step.match(text)
        if match and not match[1].startswith("FROM"):
            report("  " + match[1][:100])

    follow(line, seen, what=f"Building {image}")


def secrets_and_wheels() -> list[str]:
    """The host's CA bundle as a build secret, its folder of wheels and its proxies, if any."""
    bundles = [os.environ.get(n) for n in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")]
    ca = next((b for b in [*bundles, "/etc/ssl/certs/ca-certificates.crt"] if b and Path(b).is_file()), None)  # noqa: E501  # fmt: skip
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    wheels = next((link for link in links if Path(link).is_dir()), str(ROOT / "images" / "base"))
    line = ["--build-context", f"wheels={wheels}"]
    line += ["--secret", f"id=ca,src={ca}"] if ca else []
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        value = os.environ.get(name) or os.environ.get(name.upper())
        line += ["--build-arg", f"{name}={value}"] if value else []
    return line


def remove_images() -> None:
    """Remove every image of the lab; asked for by `make clean`."""
    found = run(["docker", "image", "ls", "-q", "--filter", "reference=cohort/*"])
    for image in sorted(set(found.split())):
        subprocess.run(["docker", "image", "rm", "-f", image], capture_output=True)
