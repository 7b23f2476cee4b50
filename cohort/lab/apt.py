"""Reads the host's own apt configuration, so that no mirror is written down anywhere else."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import CohortError

ETC = Path("/etc/apt")
DEBIAN_SUITE = re.compile(
    r"(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)(-updates|-security)?"
)


@dataclass(frozen=True)
class Entry:
    """One suite of one archive: where it is, and the file of keys that vouches for it, if any."""

    uri: str
    suite: str
    keyring: str = ""

    @property
    def security(self) -> bool:
        return "security" in self.uri + self.suite


def read_os_release(text: str) -> dict[str, str]:
    """Return the fields of ``/etc/os-release``."""
    return {
        key.strip(): value.strip().strip("\"'")
        for key, _, value in (line.partition("=") for line in text.splitlines())
        if key.strip() and not key.startswith("#")
    }


def debian_entries(etc: Path = ETC) -> list[Entry]:
    """Return the Debian suites in the host's apt configuration, the likeliest mirror first.

    Others name their suites like Debian's: those signed by Debian's own keys come first.
    """
    entries: list[Entry] = []
    for file in sorted((etc / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            entries += _deb822(stanza)
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for file in lists:
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                entries += _one_line(line)
    found = [
        Entry(_first_mirror(e.uri), e.suite, e.keyring)
        for e in entries
        if DEBIAN_SUITE.fullmatch(e.suite)
    ]
    return sorted(found, key=lambda e: ("debian-archive" not in e.keyring, bool(e.keyring)))


def _deb822(stanza: str) -> list[Entry]:
    fields: dict[str, str] = {}
    for line in stanza.splitlines():
        if not line.startswith(("#", " ", "\t")):
            key, _, value = line.partition(":")
            fields[key.strip().lower()] = value.strip()
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
        return []
    if "main" not in fields.get("components", "").split():
        return []
    keyring = fields.get("signed-by", "")
    return [
        Entry(uri, suite, keyring)
        for uri in fields.get("uris", "").split()
        for suite in fields.get("suites", "").split()
    ]


def _one_line(line: str) -> list[Entry]:
    match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
    if not match or "main" not in match[4].split():
        return []
    keyring = re.search(r"signed-by=(\S+)", match[1] or "")
    return [Entry(match[2], match[3], keyring[1] if keyring else "")]


def _first_mirror(uri: str) -> str:
    """Cloud images name a file of mirrors; other programs than apt need one that is in it."""
    if not uri.startswith("mirror+file:"):
        return uri
    path = Path(re.sub(r"^mirror\+file:/*", "/", uri))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split()[0] for line in lines if line.strip() and line[0] != "#"), uri)


def debian_sources(suite: str, etc: Path = ETC) -> list[str]:
    """One-line sources of a Debian suite with its updates, from the host's mirrors; [] if none."""
    entries = debian_entries(etc)
    main = next((e.uri for e in entries if not e.security), None)
    security = next((e.uri for e in entries if e.security), None)
    if main is None:
        return []
    lines = [f"deb {main} {suite} main", f"deb {main} {suite}-updates main"]
    return [*lines, f"deb {security} {suite}-security main"] if security else lines


def as_root(line: list[str]) -> list[str]:
    """The command as root: as it is, or through sudo for whoever is not."""
    return line if os.geteuid() == 0 else ["sudo", *line]


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
