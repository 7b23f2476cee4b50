"""Labs for tests: a compose project, network, subnet, data folder and ports of their own."""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cohort.membership import is_reserved
from tests.lab_files import PEOPLE, ROOT, SETTINGS
from tests.leftovers import PREFIX, owner_file, remove_leftovers
from tests.machine import docker, eventually, free_ports, free_subnet
from tests.visitors import Visitor

# Also what a test of a lab needs beside it.
__all__ = [
    "PEOPLE", "PREFIX", "ROOT", "SETTINGS", "Lab", "brought_up", "docker", "eventually",
    "free_ports", "free_subnet", "remove_leftovers",
]  # fmt: skip


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

    def command(self, action: str, *more: str) -> list[str]:
        """The line of ``python -m cohort.lab <action>`` on this lab, as `make <action>` runs it."""
        return [sys.executable, "-m", "cohort.lab", action, "--settings", str(self.settings),
                "--people", str(self.people), *more]  # fmt: skip

    def run(self, action: str, *more: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run an action on this lab; fails with everything that is known if the action does."""
        line = self.command(action, *more)
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
        if is_reserved(account):
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

    def empty_homes(self) -> None:
        """Stop every server and remove what the homes hold; the homes themselves stay."""
        for user in self.api("GET", "/users?state=active").json():
            self.stop(user["name"])
        kinds = ("people", "teams", "courses")
        for path in [path for kind in kinds for path in self.data.glob(f"{kind}/*/*")]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

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
def owned(lab: Lab) -> Iterator[Lab]:
    """A lab that is ours as long as the block: no other run's leftover, and gone after it."""
    owner = owner_file(lab.project)
    owner.write_text(str(os.getpid()))
    try:
        yield lab
    finally:
        lab.down()
        owner.unlink(missing_ok=True)


@contextmanager
def brought_up(lab: Lab) -> Iterator[Lab]:
    """A lab of a test's own: up inside the block, gone after it; its evidence if it fails."""
    with owned(lab):
        try:
            lab.up()
            yield lab
        except BaseException:
            print(lab.evidence())
            raise
