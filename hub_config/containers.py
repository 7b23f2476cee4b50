"""What a user's container may do: limits, hardening, mounts and labels, as plain data.

Invariant: everything a container is allowed is written here, and `tests/attacks` compares
it with `docker inspect` and with a probe from inside.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from cohort.membership import course_of, kind_of, team_of
from cohort.settings import SERVICE_PORTS, Profile, Settings

UID = 1000
HOME = "/home/jovyan"
PORT = 8888
# Processes and threads: JupyterLab with a dozen kernels stays under 400; a fork bomb stops here.
PIDS = 1024
FOLDERS = {"desk": "people", "team": "teams", "course": "courses"}


def container_name(project: str, account: str) -> str:
    """Docker name of an account's server; unlike accounts never collide."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", account):
        return f"{project}-u-{account}"
    digest = hashlib.sha256(account.encode()).hexdigest()[:8]
    return f"{project}-u-{re.sub(r'[^a-z0-9]+', '-', account)[:32]}--{digest}"


def home_of(settings: Settings, account: str) -> Path:
    """Folder on the host that becomes the container's home."""
    folder = settings.data / FOLDERS[kind_of(account)]
    path = (folder / short_name(account)).resolve()
    if path.parent != folder.resolve():
        raise ValueError(f"{account!r} is no folder name")
    return path


def short_name(account: str) -> str:
    """The team's or course's own name, or the person's login."""
    return team_of(account) or course_of(account) or account


def binds(settings: Settings, home: Path) -> list[str]:
    """Bind mounts in Docker's short form: the home, and what everyone reads."""
    return [
        f"{home}:{HOME}:rw",
        f"{settings.data / 'scenarios'}:/srv/scenarios:ro",
        f"{settings.data / 'curriculum'}:/srv/curriculum:ro",
    ]


def host_config(settings: Settings, profile: Profile, gpus: tuple[str, ...]) -> dict:
    """Keyword arguments of ``APIClient.create_host_config`` that no user can change."""
    config = {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": PIDS,
        "mem_limit": profile.memory_bytes,
        # Equal to mem_limit: no swap, so an OOM kill is prompt and the host stays responsive.
        "memswap_limit": profile.memory_bytes,
        "cpu_period": 100_000,
        "cpu_quota": int(profile.cpus * 100_000),
        "init": True,
        # PyTorch's data loaders pass tensors through /dev/shm; Docker's default is 64 MB.
        "shm_size": min(profile.memory_bytes // 2, 8 * 1024**3),
        "log_config": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
        # Exit code, OOM flag and last lines must outlive the container: we remove it ourselves.
        "auto_remove": False,
        "network_mode": settings.lab.project,
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
    }
    if gpus:
        config["device_requests"] = [{"Driver": "cdi", "DeviceIDs": list(gpus)}]
    return config


def labels(settings: Settings, account: str, profile: Profile) -> dict[str, str]:
    """Labels by which the lab finds its containers again."""
    return {
        "cohort.project": settings.lab.project,
        "cohort.kind": kind_of(account),
        "cohort.account": account,
        "cohort.team": team_of(account) or "",
        "cohort.profile": profile.name,
    }


def environment(
    settings: Settings, account: str, profile: Profile, gpus: tuple[str, ...]
) -> dict[str, str]:
    """What `cohort.workspace` and the lab's commands read, beside the hub's own variables."""
    report_every = min(60, profile.idle_minutes * 60 / 4)
    return {
        "JUPYTERHUB_ACTIVITY_INTERVAL": str(int(report_every)),
        "COHORT_KIND": kind_of(account),
        "COHORT_TEAM": team_of(account) or "",
        "COHORT_COURSE": course_of(account) or "",
        "COHORT_IDLE_SECONDS": str(profile.idle_minutes * 60),
        "COHORT_WARN_SECONDS": str(settings.idle.warn_minutes * 60),
        # Open web sockets are checked against the hub at least this often.
        "COHORT_DOOR_SECONDS": str(min(10, settings.login.recheck_seconds)),
        "COHORT_GPUS": json.dumps(gpus),
        **{
            f"COHORT_{service.upper()}_URL": service_url(settings, service)
            for service in SERVICE_PORTS
        },
    }


def service_url(settings: Settings, service: str) -> str:
    """Where programs in workspaces find a service of the lab."""
    return f"http://{settings.network.gateway}:{SERVICE_PORTS[service]}/services/{service}"
