"""Labs for tests: a compose project, network, subnet, data folder and ports of their own."""

from __future__ import annotations

import csv
import ipaddress
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.visitors import Visitor

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "cohort-t-"

SETTINGS = """
[lab]
name = "Test Lab"
data = "{data}"
project = "{project}"

[address]
url = "http://127.0.0.1:{port}"
internal_port = {internal}

[login]
provider = "bundled"
recheck_seconds = 2

[gpus]
devices = {gpus}

[network]
subnet = "{subnet}"

[idle]
warn_minutes = 0.25
check_seconds = 2

[[profiles]]
name = "desk"
title = "Desk"
kind = "desk"
cpus = 2
memory = "1G"

[[profiles]]
name = "desk-brief"
title = "Brief desk"
kind = "desk"
memory = "1G"
idle_minutes = 0.5

[[profiles]]
name = "desk-staff"
title = "Staff desk"
kind = "desk"
memory = "2G"
roles = ["instructor", "operator"]

[[profiles]]
name = "team-gpu"
title = "1 GPU"
kind = "team"
cpus = 2
memory = "2G"
gpus = 1

[[profiles]]
name = "team-gpus"
title = "2 GPUs"
kind = "team"
memory = "2G"
gpus = 2

[[profiles]]
name = "team-cpu"
title = "CPU only"
kind = "team"
memory = "2G"

[[profiles]]
name = "team-lost"
title = "An image that is not there"
kind = "team"
image = "cohort/never-built:1"

[[courses]]
id = "ai-foundations"
title = "AI foundations"
"""

PEOPLE = (ROOT / "people.csv").read_text(encoding="utf-8")


def docker(*args: str, check: bool = True) -> str:
    """Run the docker client and return what it prints."""
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(args)}: {done.stderr}")
    return done.stdout.strip()


def eventually(look: Callable[[], object], within: float = 30, what: str = "") -> object:
    """Return the first true value that ``look`` gives; fail after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what or look}; last: {value!r}")
        time.sleep(0.1)


def free_ports(count: int) -> int:
    """First of ``count`` consecutive free loopback ports."""
    while True:
        first = 20000 + secrets.randbelow(20000)
        try:
            for port in range(first, first + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def free_subnet() -> str:
    """A /24 of 172.16.0.0/12 that no network of this machine overlaps."""
    taken = []
    for name in docker("network", "ls", "-q").split():
        for config in json.loads(docker("network", "inspect", name))[0]["IPAM"]["Config"] or []:
            taken.append(ipaddress.ip_network(config["Subnet"]))
    while True:
        third = secrets.randbelow(16 * 256)
        net = ipaddress.ip_network(f"172.{16 + third // 256}.{third % 256}.0/24")
        if not any(net.overlaps(t) for t in taken if t.version == 4):
            return str(net)


class Lab:
    """A lab under test, driven by the operator's own commands."""

    def __init__(self, folder: Path, gpus: list[str] | str = "none", settings: str = SETTINGS):
        self.folder, self.gpus = folder, gpus
        self.project = PREFIX + secrets.token_hex(3)
        self.data = folder / "data"
        self.port = free_ports(8)
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings, self.people = folder / "cohort.toml", folder / "people.csv"
        self.known: set[str] = set()
        self.token = secrets.token_hex(16)
        self.write_settings(settings)
        self.people.write_text(PEOPLE, encoding="utf-8")

    def write_settings(self, text: str) -> None:
        """Write cohort.toml with this lab's own names, ports and folders filled in."""
        self.subnet = getattr(self, "subnet", None) or free_subnet()
        self.settings.write_text(
            text.format(
                data=self.data, project=self.project, port=self.port, internal=self.port + 1,
                subnet=self.subnet, gpus=json.dumps(self.gpus),
            )
        )  # fmt: skip

    def add_test_service(self) -> None:
        """Give the tests a token of their own by the hub's escape hatch, ``conf.d``."""
        folder = self.data / "hub" / "conf.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tests.py").write_text(
            f'c.JupyterHub.services.append({{"name": "tests", "api_token": "{self.token}"}})\n'
            'c.JupyterHub.load_roles.append({"name": "tests", "services": ["tests"],'
            ' "scopes": ["admin:users", "admin:servers", "access:servers", "tokens",'
            ' "read:hub", "shutdown"]})\n'
        )

    def run(self, action: str, *, check: bool = True) -> subprocess.CompletedProcess:
        """Run ``python -m cohort.lab <action>`` on this lab, as `make <action>` does."""
        line = [sys.executable, "-m", "cohort.lab", action, "--settings", str(self.settings),
                "--people", str(self.people)]  # fmt: skip
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
        if check and done.returncode:
            raise AssertionError(f"{action}: {done.stdout}\n{done.stderr}\n{self.evidence()}")
        return done

    def up(self) -> str:
        """Bring it up; what `make up` printed."""
        self.add_test_service()
        return self.run("up").stdout

    def down(self) -> None:
        """Take it down and remove its data, whatever state it is in."""
        self.run("down", check=False)
        for kind in ("container", "network"):
            ids = docker(kind, "ls", *(["-a"] if kind == "container" else []), "-q", "--filter",
                         f"label=cohort.project={self.project}").split()  # fmt: skip
            if ids:
                docker(kind, "rm", *(["-f"] if kind == "container" else []), *ids, check=False)
        shutil.rmtree(self.data, ignore_errors=True)

    def password(self, login: str) -> str:
        """The password that `make up` made for a login."""
        with open(self.data / "idp" / "first-logins.csv", encoding="utf-8") as file:
            rows = {row["login"]: row["password"] for row in csv.DictReader(file)}
        return rows[login]

    def api(self, method: str, path: str, *, token: str | None = None, **kwargs) -> httpx.Response:
        """Call the hub's REST API, with the tests' token unless another is given."""
        headers = {"Authorization": f"token {token or self.token}"}
        url = f"{self.url}/hub/api{path}"
        return httpx.request(method, url, headers=headers, timeout=60, **kwargs)

    def request(self, method: str, path: str, **kwargs) -> httpx.Response:
        """Call any address of the lab with the tests' token."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **kwargs)

    def start(self, account: str, profile: str) -> None:
        """Start an account's server through the REST API and wait until it is ready."""
        if account.startswith("team-"):
            if self.api("GET", f"/users/{account}").status_code == 404:
                self.api("POST", f"/users/{account}")
        elif account not in self.known:
            # Nobody's desk is started who never logged in: the hub could not ask who they are.
            visitor = Visitor(self.url, account)
            visitor.log_in(self.password(account))
            visitor.close()
            self.known.add(account)
        answer = self.api("POST", f"/users/{account}/server", json={"profile": profile})
        assert answer.status_code in (201, 202), answer.text
        eventually(lambda: self.server(account).get("ready"), 60, f"{account} ready")

    def server(self, account: str) -> dict:
        """The hub's model of an account's server; {} while there is none."""
        answer = self.api("GET", f"/users/{account}?include_stopped_servers=false")
        return answer.json().get("servers", {}).get("", {}) if answer.status_code == 200 else {}

    def stop(self, account: str) -> None:
        """Stop an account's server, if it runs, and wait until it is gone."""
        if self.server(account):
            self.api("DELETE", f"/users/{account}/server")
            eventually(lambda: not self.server(account), what=f"{account} stopped")

    def container(self, account: str) -> str:
        """Name of an account's container (for the simple names that tests use)."""
        return f"{self.project}-u-{account}"

    def inspect(self, account: str) -> dict:
        """``docker inspect`` of an account's container."""
        return json.loads(docker("inspect", self.container(account)))[0]

    def sh(self, account: str, script: str, check: bool = True) -> str:
        """Run a shell script inside an account's container, as its user."""
        return docker("exec", self.container(account), "sh", "-c", script, check=check)

    def service(self, name: str) -> str:
        """Container of one of the lab's services."""
        return f"{self.project}-{name}-1"

    def hub_log(self) -> str:
        """Everything the hub has said."""
        done = subprocess.run(
            ["docker", "logs", self.service("hub")], capture_output=True, text=True
        )
        return done.stdout + done.stderr

    def evidence(self) -> str:
        """What to print when a test fails: states and last log lines of everything."""
        parts = [
            docker("ps", "-a", "--filter", f"label=cohort.project={self.project}", check=False)
        ]
        names = docker("ps", "-a", "--format", "{{.Names}}", "--filter",
                       f"label=cohort.project={self.project}", check=False).split()  # fmt: skip
        for name in names:
            done = subprocess.run(
                ["docker", "logs", "--tail", "40", name], capture_output=True, text=True
            )
            text = re.sub(r"(?i)(token|password|secret)=\S+", r"\1=…", done.stdout + done.stderr)
            parts.append(f"--- {name}\n{text}")
        return "\n".join(parts)


@contextmanager
def brought_up(lab: Lab) -> Iterator[Lab]:
    """A lab of a test's own: up inside the block, gone after it; its evidence if it fails."""
    owner = Path("/tmp") / f"{lab.project}.pid"
    owner.write_text(str(os.getpid()))
    try:
        lab.up()
        yield lab
    except BaseException:
        print(lab.evidence())
        raise
    finally:
        lab.down()
        owner.unlink(missing_ok=True)


def remove_leftovers() -> None:
    """Remove labs of test runs that were killed; a run's folder holds the pid that owns it."""
    for name in docker("ps", "-a", "--format", '{{.Label "cohort.project"}}').split():
        if name.startswith(PREFIX) and not os.environ.get("COHORT_KEEP"):
            owner = Path("/tmp") / f"{name}.pid"
            if not owner.exists() or not Path(f"/proc/{owner.read_text()}").exists():
                ids = docker("ps", "-aq", "--filter", f"label=cohort.project={name}").split()
                docker("rm", "-f", *ids, check=False) if ids else None
                docker("network", "rm", name, check=False)
