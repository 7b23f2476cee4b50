"""Brings a lab up: engine, images, network, data folder, secrets, services, people.

Invariant: everything that can be refused is checked before anything is changed, and each
step only does what is not done yet, so that a second run changes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.compose import Compose, data_folders, hashes_in_force, users_containers
from cohort.lab.engine_daemon import CDI_DIRS
from cohort.lab.engine_setup import ensure_engine
from cohort.lab.idp import ensure_idp_files
from cohort.lab.images import Images, ensure_images, image_names
from cohort.lab.installed import install_settings, settings_hash
from cohort.lab.leavers import end_sessions_of_leavers
from cohort.lab.network import ensure_network, remove_network
from cohort.lab.preflight import check_host
from cohort.lab.roster import bring_in_people
from cohort.lab.run import run
from cohort.people import load_people
from cohort.secret_files import ensure_secrets
from cohort.settings import SERVICE_PORTS, Settings
from cohort.settings_file import load_settings

Report = Callable[[str], None]
UID = 1000


def up(settings_file: Path, people_file: Path, report: Report) -> Settings:
    """Bring the lab to what the two files say; returns its settings once it is healthy."""
    settings = load_settings(settings_file)
    people = load_people(people_file) if settings.login.provider == "bundled" else ()
    check_host(settings, own_running=is_running(settings))
    ensure_engine(report)
    images = ensure_images(report, _needed(settings))
    ensure_network(settings)
    ensure_folders(settings)
    secrets = ensure_secrets(settings.data)
    install_settings(settings_file, settings)
    if settings.login.provider == "bundled":
        ensure_idp_files(settings, secrets)
    compose = Compose(settings, images)
    wanted = settings_hash(settings, secrets)
    compose.write(wanted)
    # Asked of the services themselves: an earlier run may have been cut off before this.
    if hashes_in_force(settings.lab.project) != {wanted}:
        report("Starting the services")
    compose.up()
    if people:
        bring_in_people(settings, secrets, people, compose.exec, report)
        end_sessions_of_leavers(people, compose.exec, report)
    warn(settings, report)
    return settings


def _needed(settings: Settings) -> tuple[str, ...]:
    bundled = ("idp",) if settings.login.provider == "bundled" else ()
    return ("hub", *bundled, "workspace")


def is_running(settings: Settings) -> bool:
    """True if any service of this lab runs, whose ports are then ours and not in use."""
    return bool(shutil.which("docker")) and bool(hashes_in_force(settings.lab.project))


def ensure_folders(settings: Settings) -> None:
    """Make the data folder's parts; people's own are made by the hub when first needed."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        for folder in data_folders(settings.data):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise CohortError(f"Cannot make {e.filename}: {e.strerror}; set [lab] data to a folder you can write.") from e  # noqa: E501  # fmt: skip
    # The hub's database and people's folders are nobody else's business on this machine.
    homes = ("people", "teams", "courses")
    for name in (*homes, "hub", "idp", "runs", "exchange"):
        (settings.data / name).chmod(0o711 if name in homes else 0o700)
    if os.geteuid() == 0:
        os.chown(settings.data / "idp", UID, UID)
        for folder in CDI_DIRS:
            Path(folder).mkdir(parents=True, exist_ok=True)


def warn(settings: Settings, report: Report) -> None:
    """Say loudly what an operator must not overlook."""
    if not settings.address.local and not settings.address.secure:
        report(
            "WARNING: people log in over plain HTTP: anyone on the way can read passwords. "
            "Set [tls] certificate and key in cohort.toml, or end TLS in a proxy before it."
        )


def down(settings_file: Path, report: Report) -> None:
    """Stop the lab: services, desks, workspaces, network, firewall rules; data stays."""
    settings = load_settings(settings_file)
    _, images = image_names()
    compose = Compose(settings, images)
    states = compose.states() if compose.file.exists() else {}
    # First what would start another for each that ends; those go on at the next `make up`.
    for service in SERVICE_PORTS.keys() & states:
        compose.stop(service)
    ids = users_containers(settings.lab.project)
    if ids:
        report(f"Stopping {len(ids)} desks, workspaces and runs")
        run(["docker", "stop", "--time", "8", *ids], what="Stopping workspaces")
        run(["docker", "rm", "--force", *ids], what="Removing workspaces")
    if compose.file.exists():
        report("Stopping the services")
        if "firewall" in states:
            compose.instead("firewall", ["python", "-m", "hub_config.firewall", "remove"])
        compose.down()
    remove_network(settings.lab.project)


def status(settings_file: Path, report: Report) -> bool:
    """Report each service's state and the desks and workspaces; True if all is healthy."""
    settings = load_settings(settings_file)
    compose = Compose(settings, image_names()[1])
    states = compose.states() if compose.file.exists() else {}
    if not states:
        report("The lab is down. `make up` brings it up.")
        return False
    for service, state in sorted(states.items()):
        report(f"{service:<10} {state}")
    count = len(users_containers(settings.lab.project))
    report(f"{count} desks, workspaces and runs; {settings.address.url}")
    return all(state == "healthy" for state in states.values())


def logs(settings_file: Path) -> None:
    """Follow the services' logs until interrupted."""
    settings = load_settings(settings_file)
    compose = Compose(settings, image_names()[1])
    line = compose.line("logs", "--follow", "--tail", "100")
    os.execvp(line[0], line)  # noqa: S606


def clean(settings_file: Path, report: Report, images: Images | None = None) -> None:
    """Take the lab down and remove its data; the caller has asked first."""
    settings = load_settings(settings_file)
    down(settings_file, report)
    # Folders in it belong to user 1000 and root: a container of the hub's image removes them.
    image = (images or image_names()[1]).hub
    run(
        ["docker", "run", "--rm", "--network", "none", "-v", f"{settings.data}:/data", image,
         "sh", "-c", "rm -rf /data/* /data/.[!.]*"],
        what=f"Removing {settings.data}",
    )  # fmt: skip
