"""Makes sure of a Docker engine that hands out CDI devices, with buildx and compose.

Invariant: an engine that somebody else installed is started if need be, never changed. What
this module installs comes from the distribution's own mirrors, and `MARK` says that it did.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import CohortError, EngineError
from cohort.lab.apt import (
    ETC,
    Source,
    as_root,
    find_mirror,
    host_sources,
    install,
    read_os_release,
)
from cohort.lab.run import run

Report = Callable[[str], None]

OLDEST = 25  # the first engine with CDI devices
CDI_DIRS = ("/etc/cdi", "/var/run/cdi")
MARK = Path("/etc/docker/installed-by-cohort")
DAEMON_JSON = Path("/etc/docker/daemon.json")
PID_FILE = Path("/var/run/docker.pid")
LOG = Path("/var/log/dockerd.log")
SYSTEMD = Path("/run/systemd/system")
APT = ETC
OS_RELEASE = Path("/etc/os-release")
NEWER_SOURCE = APT / "sources.list.d" / "cohort-trixie.sources"
NEWER_PIN = APT / "preferences.d" / "cohort-engine"
ALWAYS = ("iptables", "ca-certificates")
ENDED = "cohort: dockerd ended"


# --- What is there, and what it lacks ---------------------------------------------------------


@dataclass(frozen=True)
class Engine:
    """What `docker info` says; ``version`` is empty if nothing answers."""

    version: str = ""
    cdi: bool = False
    plugins: frozenset[str] = frozenset()
    running: int = 0
    error: str = "there is no docker command"

    @property
    def denied(self) -> bool:
        return "permission denied" in self.error.lower()


def read_info(text: str) -> Engine:
    """Return what ``docker info --format '{{json .}}'`` printed as an `Engine`."""
    try:
        info = json.loads(text)
    except ValueError:
        return Engine(error="docker info printed no JSON")
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return Engine(
        version=info.get("ServerVersion") or "",
        # An engine with CDI off lists no folders; one with CDI on by default lists its own.
        cdi=bool(info.get("CDISpecDirs")),
        plugins=frozenset(p["Name"] for p in plugins if not p.get("Err")),
        running=info.get("ContainersRunning") or 0,
        error=" ".join(info.get("ServerErrors") or []),
    )


def look(host: str = "") -> Engine:
    """Ask the engine what it is (0.1 s); ``host`` names another than the usual one."""
    line = ["docker", *(["--host", host] if host else []), "info", "--format", "{{json .}}"]
    try:
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return Engine()
    except subprocess.TimeoutExpired:
        return Engine(error="it did not answer within 30 s")
    engine = read_info(done.stdout)
    said = done.stderr.strip()
    return engine if engine.version or not said else Engine(error=said, plugins=engine.plugins)


def fault(engine: Engine) -> str:
    """Return one sentence on what the engine lacks and what to do, or "" if it will do."""
    if engine.denied:
        return (
            "You have no right to use Docker: run this as root, or run "
            "`sudo usermod -aG docker $USER`, log out and in, and try again."
        )
    if not engine.version:
        return f"No Docker engine answers ({engine.error}): start it, then run this again."
    if not (major := re.match(r"\d+", engine.version)) or int(major[0]) < OLDEST:
        return (
            f"Docker {engine.version} is too old: upgrade it to {OLDEST} or newer, or remove it "
            "and run this again, which installs one from your distribution."
        )
    if not engine.cdi:
        return (
            'Docker has CDI devices off: add "features": {"cdi": true} to '
            f"{DAEMON_JSON}, restart Docker and run this again."
        )
    missing = [name for name in ("buildx", "compose") if name not in engine.plugins]
    if missing:
        return (
            f"Docker lacks its plug-in {' and '.join(missing)}: install it from where your "
            "Docker came from, then run this again."
        )
    return ""


# --- What to install --------------------------------------------------------------------------


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


def merge_daemon(text: str) -> str:
    """Return daemon.json with CDI on, whatever else it says kept; unchanged if it is on."""
    try:
        tree = json.loads(text or "{}")
        features = tree.setdefault("features", {})
        dirs = tree.setdefault("cdi-spec-dirs", [])
        if features.get("cdi") is True and set(CDI_DIRS) <= set(dirs):
            return text
        features["cdi"] = True
        dirs += [folder for folder in CDI_DIRS if folder not in dirs]
    except (ValueError, AttributeError, TypeError) as e:
        raise EngineError(
            f"{DAEMON_JSON} is not what Docker expects ({e}): mend it and run this again."
        ) from e
    return json.dumps(tree, indent=2) + "\n"


# --- Doing it ---------------------------------------------------------------------------------


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
    if MARK.exists() or not _dockerd_there():
        _install(plan_for(read_os_release(OS_RELEASE.read_text())), report)
        if engine.version:
            _stop(engine)
    report("Starting Docker")
    if SYSTEMD.exists():
        run(as_root(["systemctl", "enable", "--now", "docker"]),
            what="Starting Docker (see `journalctl -u docker`)")  # fmt: skip
    elif not alive():
        start_daemon(LOG)
    if reason := fault(wait_for_engine(LOG)):
        raise EngineError(reason)


def _install(plan: Plan, report: Report) -> None:
    """Configure first: the engine may start as soon as its package is there."""
    _write(MARK, "Docker was installed by Cohort's `make up`, which may configure it.\n")
    before = DAEMON_JSON.read_text() if DAEMON_JSON.exists() else ""
    if (after := merge_daemon(before)) != before:
        _write(DAEMON_JSON, after)
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
            f"apt has no source for Debian's {codename} main: add your mirror to {APT}, "
            "then run this again."
        )
    _write(NEWER_SOURCE, newer_source(main, security, plan.suite))
    _write(NEWER_PIN, newer_pin(plan.suite))
    try:
        install(missing)
    except CohortError as e:
        # A source that does not work would stand in the way of every later apt-get update.
        run(as_root(["rm", "-f", str(NEWER_SOURCE), str(NEWER_PIN)]))
        raise EngineError(f"Your Debian mirror did not give Docker from {plan.suite}: {e}") from e


def _write(path: Path, text: str) -> None:
    run(as_root(["install", "-D", "-m", "644", "/dev/stdin", str(path)]), stdin=text,
        what=f"Writing {path}")  # fmt: skip


def _not_installed(packages: tuple[str, ...]) -> list[str]:
    line = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    said = done.stdout.splitlines()
    return [package for package in packages if f"{package} installed" not in said]


def _dockerd_there() -> bool:
    # A user's PATH often lacks /usr/sbin, where distributions put it.
    return bool(shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def alive(pid_file: Path = PID_FILE) -> bool:
    """True if the process that a file names runs."""
    try:
        return Path("/proc", pid_file.read_text().strip(), "stat").exists()
    except OSError:
        return False


def _stop(engine: Engine) -> None:
    """Stop our engine so that it starts with what changed; never under running containers."""
    if engine.running:
        raise EngineError(
            f"Docker has to restart with a new configuration, but {engine.running} containers "
            "run: stop them (`make down` stops the lab's), then run this again."
        )
    if SYSTEMD.exists():
        run(as_root(["systemctl", "stop", "docker"]), what="Stopping Docker")
        return
    # The shell's own kill: a minimal Debian has no program of that name.
    line = ["sh", "-c", 'kill "$0"', PID_FILE.read_text().strip()]
    run(as_root(line), what="Stopping Docker")
    deadline = time.monotonic() + 30
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)


def start_daemon(log: Path, *arguments: str) -> None:
    """Start dockerd on its own, for machines with no systemd; returns at once.

    A session of its own and no inherited descriptor: whatever waits for the end of our
    output would otherwise wait as long as the engine lives.
    """
    script = (
        'echo "cohort: dockerd starts" >>"$0"; setsid --fork sh -c '
        f'\'dockerd "$@" >>"$0" 2>&1 </dev/null; echo "{ENDED}" >>"$0"\' "$0" "$@"'
    )
    path = f"PATH={os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(
        as_root(["env", path, "sh", "-c", script, str(log), *arguments]),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def wait_for_engine(
    log: Path, host: str = "", pid_file: Path = PID_FILE, seconds: float = 60
) -> Engine:
    """Wait until the engine answers, or ends; raises `EngineError` naming the log."""
    deadline = time.monotonic() + seconds
    while not (engine := look(host)).version and not engine.denied:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        ended = bool(lines) and lines[-1] == ENDED and not alive(pid_file)
        if ended or time.monotonic() > deadline:
            said = next((text for text in reversed(lines) if text != ENDED), engine.error)
            raise EngineError(
                f"The Docker engine {'ended' if ended else 'did not answer'} at its start "
                f"({said[-200:]}): see {log if lines else '`journalctl -u docker`'}, mend it "
                "and run this again."
            )
        time.sleep(0.2)
    return engine
