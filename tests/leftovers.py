"""Removes what labs of killed test runs left on this machine, and nothing of a living one.

A file in the folder for temporary files, named after the lab's project, holds the pid of the
process that owns it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from cohort.lab.root import as_root
from cohort.settings import Settings
from hub_config.firewall import chains
from tests.machine import docker

PREFIX = "cohort-t-"
PROFILES = [{"name": k, "title": k, "kind": k} for k in ("desk", "team")]


def owner_file(project: str) -> Path:
    """The file that says whose lab it is."""
    return Path("/tmp") / f"{project}.pid"


def is_owned(project: str) -> bool:
    """True if the process that owns a lab is alive."""
    owner = owner_file(project)
    return owner.exists() and Path("/proc", owner.read_text()).exists()


def remove_leftovers() -> None:
    """Remove labs of test runs that were killed, unless COHORT_KEEP is set."""
    if os.environ.get("COHORT_KEEP"):
        return
    labels = docker("ps", "-a", "--format", '{{.Label "cohort.project"}}').split()
    owned = [path.stem for path in Path("/tmp").glob(f"{PREFIX}*.pid")]
    for project in sorted({*labels, *owned}):
        if project.startswith(PREFIX) and not is_owned(project):
            remove_lab(project)


def remove_lab(project: str) -> None:
    """Remove a lab's containers, network and firewall chains, whichever of them there are."""
    ids = docker("ps", "-aq", "--filter", f"label=cohort.project={project}").split()
    if ids:
        docker("rm", "-f", *ids, check=False)
    docker("network", "rm", project, check=False)
    remove_chains(project)
    owner_file(project).unlink(missing_ok=True)


def remove_chains(project: str) -> None:
    """Remove a lab's chains and the rules that lead into them, by each variant of iptables."""
    lab = Settings.model_validate({"lab": {"project": project}, "profiles": PROFILES})
    for program in filter(shutil.which, ("iptables-nft", "iptables-legacy")):
        for line in iptables(program, "-S").splitlines():
            if line.startswith("-A ") and line.split()[-1] in chains(lab):
                iptables(program, "-D", *line.split()[1:])
        for chain in chains(lab):
            if f"-N {chain}\n" in iptables(program, "-S"):
                iptables(program, "-F", chain)
                iptables(program, "-X", chain)


def iptables(program: str, *arguments: str) -> str:
    """Run a variant of iptables and return what it prints; fails if it does."""
    line = as_root([program, "-w", *arguments])
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout
