"""The lab's settings: ``cohort.toml`` as frozen models that reject what they do not know.

Invariant: a `Settings` object is complete and valid. Code that holds one never checks a
setting again, and no setting lives anywhere else (secrets excepted, see `cohort.lab.secrets`).
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from cohort.settings_courses import Course
from cohort.settings_experiments import Experiments, Mail
from cohort.settings_login import Login
from cohort.settings_programme import Programme
from cohort.settings_types import NAME, ROLES, Model, Name, Role, Size, parse_size

__all__ = ["NAME", "ROLES", "Course", "Login", "Model", "Profile", "Role", "Settings", "parse_size"]

# On the gateway of the users' network, the one address of the host that containers reach:
HUB_PORT = 8081  # the hub's API
# Services that programs in workspaces talk to.
SERVICE_PORTS = {"experiments": 8083, "grading": 8084}
# Services with a loopback port, in the order of their ports.
INTERNAL = ("proxy-api", "idp", "grading", "experiments", "culler", "metrics")


class Lab(Model):
    """What the lab is called and where it keeps what must last."""

    name: str = Field("Cohort", min_length=1, max_length=60, description="the lab's name")
    welcome: str = Field("", max_length=300, description="a sentence under the name")
    picture: Path | None = Field(None, description="SVG or PNG shown on every page")
    data: Path = Field(Path("/srv/cohort"), description="folder of everything that must last")
    project: Name = Field("cohort", description="names the containers and the network")


class Address(Model):
    """The one address people use, and the local ports the services use among themselves."""

    url: str = Field("http://127.0.0.1:8000", description="the address that people type")
    bind: str = Field("", description="address to listen on; by default what the URL needs")
    internal_port: int = Field(
        8100, ge=1024, le=65000, description="first of six loopback ports of the services"
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError('expected an address such as "http://lab.example.org:8000", no path')
        return value.rstrip("/")

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def netloc(self) -> str:
        """Host and port as a browser writes them."""
        return urlsplit(self.url).netloc

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @property
    def local(self) -> bool:
        """True if only this machine can use the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def listen(self) -> str:
        """The address the proxy binds: loopback for a local URL, every interface otherwise."""
        return self.bind or ("127.0.0.1" if self.local else "0.0.0.0")  # noqa: S104

    def internal(self, service: str) -> int:
        """Loopback port of a service; they follow one another from ``internal_port``."""
        return self.internal_port + INTERNAL.index(service)


class Tls(Model):
    """A certificate and its key, both PEM files; the proxy serves HTTPS with them."""

    certificate: Path | None = Field(None, description="PEM file, the whole chain")
    key: Path | None = Field(None, description="PEM file of its key")

    @model_validator(mode="after")
    def _both(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("expected both certificate and key, or neither")
        for path in (self.certificate, self.key):
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"cannot read {path}")
        return self


class Network(Model):
    """The bridge that users' containers sit on, and the private ranges they may reach."""

    subnet: str = Field("172.30.0.0/20", description="range of users' containers")
    allow: tuple[str, ...] = Field((), description="private ranges that containers may reach")

    @field_validator("subnet")
    @classmethod
    def _check_subnet(cls, value: str) -> str:
        net = ipaddress.IPv4Network(value)
        if not net.is_private or net.prefixlen > 28:
            raise ValueError('expected a private IPv4 range of /28 or larger, "172.30.0.0/20" say')
        return value

    @field_validator("allow")
    @classmethod
    def _check_allow(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            ipaddress.IPv4Network(item)
        return value

    @property
    def gateway(self) -> str:
        """The host's own address on the bridge, where containers reach the hub."""
        return str(ipaddress.IPv4Network(self.subnet)[1])


class Gpus(Model):
    """Which CDI devices the lab hands out."""

    devices: Literal["auto", "none"] | tuple[str, ...] = Field(
        "auto", description="the CDI devices the engine knows, a list of them, or none"
    )

    @field_validator("devices")
    @classmethod
    def _check_devices(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str):
            return value
        for device in value:
            if not re.fullmatch(r"[\w.-]+/[\w.-]+=[\w.:-]+", device):
                raise ValueError(f'{device!r}: expected a CDI name such as "nvidia.com/gpu=0"')
        if len(set(value)) != len(value):
            raise ValueError("a device is listed twice")
        return value


class Idle(Model):
    """How people are warned before an idle server is stopped."""

    warn_minutes: float = Field(10, gt=0, description="how long before the stop people are warned")
    check_seconds: int = Field(60, ge=1, description="how often idle servers are looked for")


class Profile(Model):
    """One kind of container that a person may choose; limits are hard."""

    name: Name = Field(description="names the profile")
    title: str = Field(min_length=1, max_length=60, description="what people see")
    kind: Literal["desk", "team", "course"] = Field(
        description="a person's desk, a team's workspace or a course's server"
    )
    image: str = Field("workspace", description="the lab's own image, or another by full name")
    cpus: float = Field(2, gt=0, le=512, description="CPU limit")
    memory: Size = Field("4G", description="memory limit; there is no swap")
    gpus: int = Field(0, ge=0, le=64, description="GPUs that it claims")
    idle_minutes: float = Field(60, gt=0, description="stopped after this long without activity")
    roles: tuple[Role, ...] = Field(ROLES, description="whose choice it is")

    @model_validator(mode="after")
    def _gpus_for_teams(self) -> Profile:
        if self.kind != "team" and self.gpus:
            raise ValueError(f"a {self.kind} has no GPU: use a profile of kind team")
        return self

    @property
    def memory_bytes(self) -> int:
        return parse_size(self.memory)


class Settings(Model):
    """Everything in ``cohort.toml``."""

    lab: Lab = Lab()
    address: Address = Address()
    tls: Tls = Tls()
    login: Login = Login()
    network: Network = Network()
    gpus: Gpus = Gpus()
    database: str = Field("", description="PostgreSQL URL; SQLite in the data folder without one")
    idle: Idle = Idle()
    experiments: Experiments = Experiments()
    mail: Mail = Mail()
    programme: Programme = Programme()
    profiles: tuple[Profile, ...] = Field(min_length=1)
    courses: tuple[Course, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = [p.name for p in self.profiles]
        if len(set(names)) != len(names):
            raise ValueError("two profiles have the same name")
        for kind in ("desk", "team", *(["course"] if self.courses else [])):
            if not any(p.kind == kind for p in self.profiles):
                raise ValueError(f'profiles: expected at least one of kind "{kind}"')
        ids = [c.id for c in self.courses]
        if len(set(ids)) != len(ids):
            raise ValueError("two courses have the same id")
        late = [one for c in self.courses for one in c.plan if one.last_week > self.programme.weeks]
        if late:
            raise ValueError(
                f"courses: {late[0].title!r} is in week {late[0].last_week}, and [programme] weeks "
                f"is {self.programme.weeks}"
            )
        if self.address.secure and self.tls.certificate is None and not self.address.bind:
            raise ValueError(
                "address.url: https needs [tls], or address.bind if a proxy before us ends TLS"
            )
        if self.tls.certificate is not None and not self.address.secure:
            raise ValueError("address.url: expected https:// because [tls] is set")
        return self

    @property
    def data(self) -> Path:
        return self.lab.data

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL; SQLite in the data folder unless ``database`` names a server."""
        return self.database or f"sqlite:///{self.data / 'cohort.db'}"

    def courses_of(self, login: str, role: str | None) -> list[Course]:
        """The courses that somebody teaches, in the file's order."""
        return [course for course in self.courses if course.taught_by(login, role)]

    def profiles_for(self, kind: str, role: str) -> list[Profile]:
        """Profiles of a kind that a role may choose, in the file's order: the first is default."""
        return [p for p in self.profiles if p.kind == kind and role in p.roles]
