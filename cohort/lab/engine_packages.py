"""Which packages an engine is, by distribution, and how apt gets them.

Invariant: they come from the distribution's own mirrors, and of a newer suite apt takes
Docker's packages alone.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from cohort.errors import CohortError, EngineError
from cohort.lab.apt import (
    ETC,
    OS_RELEASE,
    Source,
    find_mirror,
    host_sources,
    install,
    read_os_release,
)
from cohort.lab.engine_check import OLDEST
from cohort.lab.root import as_root, write_as_root
from cohort.lab.run import run

Report = Callable[[str], None]

NEWER_SOURCE = ETC / "sources.list.d" / "cohort-trixie.sources"
NEWER_PIN = ETC / "preferences.d" / "cohort-engine"
ALWAYS = ("iptables", "ca-certificates")


@dataclass(frozen=True)
class Plan:
    """Packages to install, and the newer suite they come from ("" for the machine's own)."""

    packages: tuple[str, ...]
    suite: str = ""


def plan_for(release: dict[str, str]) -> Plan:
    """Choose by ``/etc/os-release``; raises `EngineError` for what is not known to work."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    found = re.match(r"\d+(\.\d+)?", release.get("VERSION_ID", ""))
    number = float(found[0]) if found else float("inf")  # testing and sid have none
    if "ubuntu" in family and (number >= 24.04 or release.get("ID") != "ubuntu"):
        return Plan(("docker.io", "docker-buildx", "docker-compose-v2", *ALWAYS))
    if release.get("ID") == "debian" and number >= 12:
        # Debian 12's own docker.io is 20.10, which has no CDI.
        packages = ("docker.io", "docker-cli", "docker-buildx", "docker-compose", *ALWAYS)
        return Plan(packages, "trixie" if number < 13 else "")
    name = release.get("PRETTY_NAME") or "This distribution"
    raise EngineError(
        f"{name} is not one that Cohort can install Docker on (Debian 12 or newer, Ubuntu 24.04 "
        f"or newer): install Docker Engine {OLDEST} or newer with buildx and compose yourself, "
        "then run this again."
    )


def newer_source(main: Source, security: Source | None, suite: str) -> str:
    """Return deb822 text for a newer suite from the same mirrors, with the same keys."""
    stanzas = []
    for source, name in ((main, suite), (security, f"{suite}-security")):
        if source:
            text = f"Types: deb\nURIs: {source.uri}\nSuites: {name}\nComponents: main\n"
            stanzas.append(text + (f"Signed-By: {source.key}\n" if source.key else ""))
    return "# Docker for Cohort; preferences.d/cohort-engine lets in nothing else.\n" + "\n".join(
        stanzas
    )


def newer_pin(suite: str) -> str:
    """Return apt preferences that let in Docker's own packages and nothing else."""
    engine = "docker.io docker-cli docker-buildx docker-compose"
    return "\n".join(
        f"Package: {packages}\nPin: release n={name}\nPin-Priority: {priority}\n"
        for name in (suite, f"{suite}-security")
        for packages, priority in (("*", -10), (engine, 600))
    )


def install_engine(plan: Plan, report: Report) -> None:
    """Install what is missing of a plan; raises `CohortError` with the mirror's reason."""
    if not (missing := _not_installed(plan.packages)):
        return
    report(f"Installing {', '.join(missing)}")
    if not plan.suite:
        install(missing)
        return
    # An early Debian 12 does not know the newer suite's keys yet.
    install(["debian-archive-keyring", *ALWAYS])
    codename = read_os_release(OS_RELEASE.read_text()).get("VERSION_CODENAME", "")
    main, security = find_mirror(host_sources(), codename)
    if main is None:
        raise EngineError(
            f"apt has no source for Debian's {codename} main: add your mirror to {ETC}, "
            "then run this again."
        )
    write_as_root(NEWER_SOURCE, newer_source(main, security, plan.suite))
    write_as_root(NEWER_PIN, newer_pin(plan.suite))
    try:
        install(missing)
    except CohortError as e:
        # A source that does not work would stand in the way of every later apt-get update.
        run(as_root(["rm", "-f", str(NEWER_SOURCE), str(NEWER_PIN)]))
        raise EngineError(f"Your Debian mirror did not give Docker from {plan.suite}: {e}") from e


def _not_installed(packages: tuple[str, ...]) -> list[str]:
    line = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    said = done.stdout.splitlines()
    return [package for package in packages if f"{package} installed" not in said]
