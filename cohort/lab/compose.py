"""Fills in ``compose.yaml`` from the settings and runs ``docker compose`` with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cohort.lab.engine_daemon import CDI_DIRS
from cohort.lab.images import ROOT, Images
from cohort.lab.run import run
from cohort.settings import Settings


class Compose:
    """One lab's compose project."""

    def __init__(self, settings: Settings, images: Images) -> None:
        self.project = settings.lab.project
        self.file = settings.data / "hub" / "compose.env"
        self.bundled = settings.login.provider == "bundled"
        self.values = {
            "COHORT_PROJECT": self.project,
            "COHORT_DATA": str(settings.data),
            "COHORT_HUB_IMAGE": images.hub,
            "COHORT_IDP_IMAGE": images.idp,
            "COHORT_IMAGE_TAG": images.workspace_tag,
            "COHORT_CDI_DIRS": ":".join(CDI_DIRS),
            "COHORT_IDP_PORT": str(settings.address.internal("idp")),
        }

    def write(self, settings_hash: str) -> None:
        """Write the variables where `docker compose` finds them; they hold no secret."""
        values = {**self.values, "COHORT_SETTINGS_HASH": settings_hash}
        text = "".join(f"{key}={value}\n" for key, value in values.items())
        if not self.file.exists() or self.file.read_text() != text:
            self.file.write_text(text)

    def line(self, *args: str) -> list[str]:
        """A `docker compose` command line for this project."""
        profile = ["--profile", "bundled"] if self.bundled else []
        return ["docker", "compose", "-f", str(ROOT / "compose.yaml"), "--env-file",
                str(self.file), *profile, *args]  # fmt: skip

    def up(self) -> None:
        """Start what does not run, renew what has changed, wait until all are healthy."""
        run(
            self.line("up", "--detach", "--wait", "--wait-timeout", "180", "--remove-orphans"),
            what="Starting the services (see `make logs`)",
        )

    def down(self) -> None:
        """Stop and remove the services; data stays."""
        run(self.line("down", "--timeout", "10"), what="Stopping the services")

    def exec(self, service: str, line: list[str], stdin: str = "", *, what: str = "") -> str:
        """Run a command inside a service's container and return its output."""
        line = self.line("exec", "-T", service, *line)
        return run(line, stdin=stdin, what=what or f"{service}: {line[-1]}")

    def stop(self, service: str) -> None:
        """Stop one service and leave the others."""
        run(self.line("stop", service), what=f"Stopping {service}")

    def instead(self, service: str, line: list[str]) -> None:
        """Stop a service and run a command in its place, so that the two never interfere."""
        self.stop(service)
        once = self.line("run", "--rm", "--no-deps", "-T", service, *line)
        run(once, what=f"{service}: {line[-1]}")

    def states(self) -> dict[str, str]:
        """Service to state: ``healthy``, ``starting``, ``exited`` and so on."""
        done = subprocess.run(
            self.line("ps", "--all", "--format", "json"), capture_output=True, text=True
        )
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return {row["Service"]: row.get("Health") or row["State"] for row in rows}


def hashes_in_force(project: str) -> set[str]:
    """What each running service of a lab was started with; empty if none runs."""
    line = ["docker", "ps", "--filter", f"label=cohort.project={project}",
            "--filter", "label=cohort.kind=service",
            "--format", '{{.Label "cohort.settings"}}/']  # fmt: skip
    # An engine that does not answer runs none, and has a sentence of its own: `engine_check`.
    done = subprocess.run(line, capture_output=True, text=True)
    return {text.rstrip("/") for text in done.stdout.split()}


def users_containers(project: str) -> list[str]:
    """Ids of a lab's desks, workspaces, runs and work that is being graded, ended or not."""
    found: list[str] = []
    for kind in ("desk", "team", "course", "run", "pdf", "autograde"):
        line = ["docker", "ps", "-aq", "--filter", f"label=cohort.project={project}",
                "--filter", f"label=cohort.kind={kind}"]  # fmt: skip
        found += run(line).split()
    return found


def data_folders(data: Path) -> list[Path]:
    """The folders that a lab's data folder always has."""
    names = ("hub", "hub/conf.d", "people", "teams", "courses", "scenarios", "curriculum", "idp",
             "runs", "exchange")  # fmt: skip
    return [data / name for name in names]
