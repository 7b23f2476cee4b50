"""Reads the host's own apt configuration, so that no mirror is written down anywhere else."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from cohort.errors import CohortError

ETC = Path("/etc/apt")


def read_os_release(text: str) -> dict[str, str]:
    """Return the fields of ``/etc/os-release``."""
    return {
        key: value.strip('"')
        for key, _, value in (line.partition("=") for line in text.splitlines())
        if key
    }


def debian_entries(etc: Path = ETC) -> list[tuple[str, str, str]]:
    """Return (URI, suite, keyring) of each Debian suite in the host's apt configuration."""
    entries: list[tuple[str, str, str]] = []
    for file in sorted((etc / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            entries += _deb822(stanza)
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for file in lists:
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                entries += _one_line(line)
    return [e for e in entries if re.search(r"/debian(-security)?/?$", e[0])]


def _deb822(stanza: str) -> list[tuple[str, str, str]]:
    fields: dict[str, str] = {}
    for line in stanza.splitlines():
        if not line.startswith(("#", " ")):
            key, _, value = line.partition(":")
            fields[key.strip().lower()] = value.strip()
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
        return []
    keyring = fields.get("signed-by", "")
    return [
        (uri, suite, keyring)
        for uri in fields.get("uris", "").split()
        for suite in fields.get("suites", "").split()
    ]


def _one_line(line: str) -> list[tuple[str, str, str]]:
    match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+", line)
    if not match:
        return []
    keyring = re.search(r"signed-by=(\S+)", match[1] or "")
    return [(match[2], match[3], keyring[1] if keyring else "")]


def debian_sources(suite: str, etc: Path = ETC) -> list[str]:
    """One-line sources of a Debian suite with its updates, from the host's mirrors; [] if none."""
    entries = debian_entries(etc)
    main = next((uri for uri, s, _ in entries if "security" not in uri + s), None)
    security = next((uri for uri, s, _ in entries if "security" in uri + s), None)
    if main is None:
        return []
    lines = [f"deb {main} {suite} main", f"deb {main} {suite}-updates main"]
    return [*lines, f"deb {security} {suite}-security main"] if security else lines


def as_root(line: list[str]) -> list[str]:
    """The command as root: as it is, or through sudo for whoever is not."""
    return line if os.geteuid() == 0 else ["sudo", *line]


def install(packages: list[str]) -> None:
    """Install packages of the distribution; raises `CohortError` if apt or the right is absent."""
    for line in (["apt-get", "update", "-qq"],
                 ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]):  # fmt: skip
        try:
            done = subprocess.run(
                as_root(["env", "DEBIAN_FRONTEND=noninteractive", *line]), capture_output=True, text=True
            )
        except FileNotFoundError as e:
            raise CohortError(f"Cannot install {' '.join(packages)}: {e.filename} is absent; run this as root.") from e  # noqa: E501  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
            raise CohortError(f"Installing {' '.join(packages)} failed: {said[0]}")
