"""What a container may do: ``docker inspect`` and a probe from inside must both say it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from cohort.people import load_people
from hub_config.containers import PIDS
from tests.attacks.scenes import ask, containers_of, visit
from tests.labs import docker

GB = 1024**3
SERVERS = {"ada": ("desk", 1 * GB, 2.0), "team-apollo": ("team-gpu", 2 * GB, 2.0)}

PROBE = r"""
import _thread, json, os, pathlib, re, resource, threading

def first(*paths):
    return next(p.read_text().split() for p in map(pathlib.Path, paths) if p.exists())

def status(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    return {k: re.search(rf"^{k}:\s*(.*)$", text, re.M)[1].split() for k in
            ("Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}

def writable(folder):
    try:
        path = pathlib.Path(folder, "probe")
        path.write_text("x")
        path.unlink()
        return True
    except OSError as e:
        return e.strerror

def threads_until_refused(limit=4096):
    threading.stack_size(64 * 1024)
    gate, started = threading.Event(), 0
    try:
        while started < limit:
            _thread.start_new_thread(gate.wait, ())
            started += 1
    except RuntimeError:
        pass
    try:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        forked = True
    except BlockingIOError:
        forked = False
    gate.set()
    return started, forked

quota = first("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")[0]
memory = int(first("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")[0])
swap = pathlib.Path("/sys/fs/cgroup/memory.swap.max")
both = pathlib.Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
shm = os.statvfs("/dev/shm")
print(json.dumps({
    "processes": [s for s in map(status, filter(str.isdigit, os.listdir("/proc"))) if s],
    "init": pathlib.Path("/proc/1/comm").read_text().strip(),
    "memory": memory,
    "swap": int(swap.read_text()) if swap.exists() else int(both.read_text()) - memory if both.exists() else 0,
    "cpu": int(quota),
    "pids": int(first("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")[0]),
    "shm": shm.f_frsize * shm.f_blocks,
    "home": writable("/home/jovyan"),
    "scenarios": writable("/srv/scenarios"),
    "curriculum": writable("/srv/curriculum"),
    "system": writable("/opt/workspace/bin"),
    "sockets": [p for p in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd") if os.path.exists(p)],
    "ipv6": [line.split()[-1] for line in open("/proc/net/if_inet6")] if os.path.exists("/proc/net/if_inet6") else [],
    "forks": threads_until_refused(),
}))
"""  # noqa: E501

# Prints, one a line, what no image may hold; $1 is a file of patterns, possibly empty.
IMAGE_PROBE = r"""
find / -xdev \( -path /proc -o -path /sys \) -prune -o -type f -perm /6000 -printf 'set-id %p\n'
find / -xdev \( -name 'rfc3987_syntax*' -o -path '*/site-packages/lark' -o -name 'lark-*' \) -printf 'slow import %p\n'
find /usr/local/share/ca-certificates -type f -printf 'baked certificate %p\n'
if [ -s /mnt/patterns ]; then
    grep -rlFf /mnt/patterns --exclude='*.so*' --exclude='*.pyc' --exclude='*.a' /etc /home /opt /root /srv /tmp /usr /var 2> /dev/null | sed 's/^/host certificate in /'
fi
true
"""  # noqa: E501


@pytest.fixture(scope="module")
def started(lab):
    """A desk and a team workspace of ada's, running."""
    ada = visit(lab, "ada")
    for account, (profile, _, _) in SERVERS.items():
        lab.stop(account)
        ada.start(account, profile)
    ada.close()
    yield lab
    for account in SERVERS:
        lab.stop(account)


@pytest.fixture(scope="module")
def images(lab) -> dict[str, str]:
    """The images that the lab runs, by service or kind."""
    lines = (lab.data / "hub" / "compose.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return {
        "hub": values["COHORT_HUB_IMAGE"],
        "idp": values["COHORT_IDP_IMAGE"],
        "workspace": f"cohort/workspace:{values['COHORT_IMAGE_TAG']}",
    }


@pytest.mark.parametrize("account", SERVERS)
def test_the_engine_says_that_a_container_is_hardened(started, images, account):
    profile, memory, cpus = SERVERS[account]
    found = started.inspect(account)
    host, config = found["HostConfig"], found["Config"]
    team = account.startswith("team-")
    home = started.data / ("teams/apollo" if team else "people/ada")
    assert {k: host[k] for k in (
        "CapDrop", "CapAdd", "SecurityOpt", "Privileged", "PidsLimit", "Memory", "MemorySwap",
        "Init", "ShmSize", "PidMode", "IpcMode", "UsernsMode", "Devices", "NetworkMode",
    )} == {
        "CapDrop": ["ALL"], "CapAdd": None, "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False, "PidsLimit": PIDS, "Memory": memory, "MemorySwap": memory,
        "Init": True, "ShmSize": memory // 2, "PidMode": "", "IpcMode": "private",
        "UsernsMode": "", "Devices": None, "NetworkMode": started.project,
    }  # fmt: skip
    assert host["CpuQuota"] == cpus * host["CpuPeriod"]
    assert host["LogConfig"] == {
        "Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"},
    }  # fmt: skip
    assert not host["PortBindings"]
    assert list(found["NetworkSettings"]["Networks"]) == [started.project]
    assert sorted((m["Source"], m["Destination"], m["RW"]) for m in found["Mounts"]) == sorted([
        (str(home), "/home/jovyan", True),
        (str(started.data / "scenarios"), "/srv/scenarios", False),
        (str(started.data / "curriculum"), "/srv/curriculum", False),
    ])  # fmt: skip
    assert (config["Image"], config["User"]) == (images["workspace"], "1000:1000")
    # Beside the image's own labels.
    assert config["Labels"].items() >= {
        "cohort.project": started.project, "cohort.kind": "team" if team else "desk",
        "cohort.account": account, "cohort.team": "apollo" if team else "",
        "cohort.profile": profile,
    }.items()  # fmt: skip


@pytest.mark.parametrize("account", SERVERS)
def test_a_probe_from_inside_finds_the_same(started, account):
    _, memory, cpus = SERVERS[account]
    seen = ask(started, account, PROBE)
    none = ["0000000000000000"]
    process = {
        "Uid": ["1000"] * 4, "Gid": ["1000"] * 4, "NoNewPrivs": ["1"], "Seccomp": ["2"],
        "CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
    }  # fmt: skip
    assert len(seen["processes"]) >= 3, "init, JupyterLab and the probe itself"
    assert all(p == process for p in seen["processes"])
    threads, forked = seen.pop("forks")
    assert PIDS // 2 < threads < PIDS
    assert not forked
    assert {k: v for k, v in seen.items() if k != "processes"} == {
        "init": "docker-init", "memory": memory, "swap": 0, "cpu": cpus * 100_000, "pids": PIDS,
        "shm": memory // 2, "home": True, "scenarios": "Read-only file system",
        "curriculum": "Read-only file system", "system": "Permission denied",
        "sockets": [], "ipv6": [],
    }  # fmt: skip


def host_certificates(folder: Path) -> Path:
    """A line of each certificate that this machine trusts and the distribution does not."""
    block = re.compile(r"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.S)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    trusted = set(block.findall(bundle.read_text() if bundle.exists() else ""))
    for file in Path("/usr/share/ca-certificates").rglob("*.crt"):
        trusted -= set(block.findall(file.read_text()))
    # The last full line of each: the first holds the issuer, which certificates may share.
    lines = [max(reversed(text.split()), key=len) for text in trusted]
    patterns = folder / "patterns"
    patterns.write_text("".join(f"{line}\n" for line in lines))
    return patterns


@pytest.mark.parametrize("name", ["hub", "idp", "workspace"])
def test_an_image_has_nothing_set_id_or_slow_and_no_certificate_of_the_host(images, name, tmp_path):
    patterns = host_certificates(tmp_path)
    found = docker(
        "run", "--rm", "--network", "none", "--user", "0", "-v", f"{patterns}:/mnt/patterns:ro",
        "--label", "cohort.kind=test", "--entrypoint", "sh", images[name], "-c", IMAGE_PROBE,
    )  # fmt: skip
    assert found == ""


def secrets_of(lab) -> dict[str, str]:
    """Every secret value of the lab by what it is: the secrets' files, people's passwords."""
    values = {p.name: p.read_text().strip() for p in (lab.data / "secrets").iterdir()}
    assert len(values) >= 5
    for path in (lab.data / "secrets").iterdir():
        assert path.stat().st_mode & 0o77 == 0, f"{path} is open to others"
    people = load_people(lab.people)
    return values | {f"password of {p.login}": lab.password(p.login) for p in people}


def test_no_secret_is_in_a_log_a_containers_description_or_an_image(started, images):
    places = {"docker inspect": json.dumps(containers_of(started))}
    for container in containers_of(started):
        name = container["Name"].lstrip("/")
        log = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)
        places[f"log of {name}"] = log.stdout + log.stderr
    assert places[f"log of {started.service('hub')}"]
    for image in images.values():
        places[image] = docker("history", "--no-trunc", image) + docker("inspect", image)
    shown = [
        f"{secret} in {place}"
        for secret, value in secrets_of(started).items()
        for place, text in places.items()
        if value in text
    ]
    assert not shown
