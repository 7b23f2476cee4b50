"""Reads the host's own apt configuration, so that no mirror is written down anywhere else."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.root import as_root

ETC = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
OURS = ("cohort-trixie",)  # written by `engine_packages`: no source that the machine had


def read_os_release(text: str) -> dict[str, str]:
    """Return the fields of ``/etc/os-release``."""
    return {
        key.strip(): value.strip().strip("\"'")
        for key, _, value in (line.partition("=") for line in text.splitlines())
        if key.strip() and not key.startswith("#")
    }


@dataclass(frozen=True)
class Source:
    """One apt source; ``key`` is the value of Signed-By: a path, a whole key, or ""."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    key: str = ""


def parse_sources(text: str, *, deb822: bool) -> list[Source]:
    """Read one file of apt sources: deb822 (``.sources``) or one line each (``.list``)."""
    return _stanzas(text) if deb822 else _lines(text)


def _stanzas(text: str) -> list[Source]:
    sources = []
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n[ \t]*\n", text):
        pairs = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        fields = {name.lower(): value.rstrip() for name, value in pairs}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        suites, components = (tuple(fields.get(f, "").split()) for f in ("suites", "components"))
        for uri in fields.get("uris", "").split():
            sources.append(Source(uri, suites, components, fields.get("signed-by", "")))
    return sources


def _lines(text: str) -> list[Source]:
    sources = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?([^\s\[]+)\s+(\S+)([^#]*)", line)
        if match:
            key = re.search(r"signed-by=(\S+)", match[1] or "")
            sources.append(
                Source(match[2], (match[3],), tuple(match[4].split()), key[1] if key else "")
            )
    return sources


def find_mirror(sources: list[Source], codename: str) -> tuple[Source | None, Source | None]:
    """Return the distribution's main and security sources among what else a machine has."""

    def of(suite: str) -> list[Source]:
        return [s for s in sources if suite in s.suites and "main" in s.components]

    updates = {s.uri for s in of(f"{codename}-updates")}
    # Other makers' repositories use the same suite names, but have no -updates and own keys.
    own = [s for s in of(codename) if s.uri in updates or not s.key or "debian-archive" in s.key]
    own.sort(key=lambda s: s.uri not in updates)
    return next(iter(own), None), next(iter(of(f"{codename}-security")), None)


def host_sources(etc: Path = ETC) -> list[Source]:
    """Return every source in the machine's apt configuration."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    return [
        source
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file() and file.stem not in OURS
        for source in parse_sources(
            file.read_text(encoding="utf-8", errors="replace"), deb822=file.suffix == ".sources"
        )
    ]


def install(packages: list[str]) -> None:
    """Install packages of the distribution; raises `CohortError` if apt or the right is absent."""
    names = " ".join(packages)
    # An `update` that fails for one third party's archive leaves the others good: go on.
    _apt(["update", "-qq"], names)
    done = _apt(["install", "-y", "-qq", "--no-install-recommends", *packages], names)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise CohortError(f"Installing {names} failed: {said[0]}")


def _apt(arguments: list[str], names: str) -> subprocess.CompletedProcess[str]:
    # A fresh machine updates itself in its first minutes and holds the lock meanwhile.
    line = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    try:
        return subprocess.run(
            as_root([*line, *arguments]), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as e:
        raise CohortError(
            f"Cannot install {names}: {e.filename} is absent; run this as root."
        ) from e
