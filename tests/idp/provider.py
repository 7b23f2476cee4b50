"""The bundled provider under test: the real image in a container, and the lab's side of it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time

from cohort.lab.roster import sync_roster
from cohort.lab.run import run
from cohort.people import Person
from cohort.settings import Settings
from tests.idp.browsers import Browser

SECRETS = {"idp_secret_key": secrets.token_hex(32), "idp_client_secret": secrets.token_hex(32)}
PROFILES = (
    {"name": "desk", "title": "Desk", "kind": "desk"},
    {"name": "team", "title": "Team", "kind": "team"},
)


def settings_for(data, url="http://127.0.0.1:8000", **lab) -> Settings:
    lab = {"name": 'Harbour "AI" Lab', "data": data, "project": "testlab"} | lab
    return Settings.model_validate({"lab": lab, "address": {"url": url}, "profiles": PROFILES})


def person(login, *teams, role="participant", name=None, email=None) -> Person:
    name, email = name or login.title(), email or f"{login}@lab.example"
    return Person(login=login, name=name, email=email, teams=teams, role=role)


ADA = person("ada", "apollo", name="Ada O'Brien & Wong")
BEN = person("ben", "apollo", "borealis")
OLGA = person("olga", role="operator")
PEOPLE = (ADA, BEN, OLGA)


class Provider:
    """The provider's container and the lab's side of it."""

    def __init__(self, image: str, data, port: int) -> None:
        self.image, self.data, self.port = image, data, port
        self.url = f"http://127.0.0.1:{port}"
        self.settings = settings_for(data, self.url)
        self.name = f"test-idp-{secrets.token_hex(4)}"
        self.passwords: dict[str, str] = {}
        self.holds: tuple[Person, ...] = ()

    def line(self, *options: str) -> list[str]:
        idp = self.data / "idp"
        return ["docker", "run", "--rm", "--network", "host", "--user", "1000:1000", "--init",
                "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
                "--security-opt", "no-new-privileges", "-v", f"{idp}:{idp}",
                "-e", f"COHORT_DATA={self.data}", "-e", f"COHORT_IDP_PORT={self.port}",
                *options, self.image]  # fmt: skip

    def run_apart(self, command: list[str], stdin: str) -> str:
        """As if no server had ever run: a container of its own."""
        return run([*self.line("-i"), *command], stdin=stdin)

    def run(self, command: list[str], stdin: str) -> str:
        return run(["docker", "exec", "-i", self.name, *command], stdin=stdin)

    def sync(self, people=PEOPLE, how=None):
        changes = sync_roster(people, how or self.run, self.settings, SECRETS)
        self.passwords |= changes.new
        self.holds = people
        return changes

    def start(self) -> None:
        run(self.line("--detach", "--name", self.name))
        deadline = time.monotonic() + 60
        check = ["docker", "exec", self.name, "python", "-m", "idp_health"]
        while subprocess.run(check, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def log(self) -> str:
        done = subprocess.run(
            ["docker", "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def browser(self) -> Browser:
        """A browser that nobody has used yet."""
        return Browser(self.url, SECRETS["idp_client_secret"])

    def tokens(self, login: str) -> dict:
        with self.browser() as browser:
            return browser.get_tokens(login, self.passwords[login])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
