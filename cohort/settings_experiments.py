"""Settings of experiments and of the mail that tells people about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from cohort.settings_types import Model, Name, Size, parse_size


class Experiments(Model):
    """How much of the machine runs may use, how it is shared, and how long reports stay."""

    cpus: float = Field(0, ge=0, description="CPUs of all runs together; 0: all of the machine's")
    memory: Size | Literal[""] = Field(
        "", description="memory of all runs together; three quarters of the machine's without it"
    )
    running: int = Field(50, ge=1, description="runs that a team may have running at once")
    gpus: int = Field(64, ge=0, description="GPUs that a team's runs may hold at once")
    network: tuple[Name, ...] = Field((), description="teams whose runs may have a network")
    keep_days: int = Field(180, ge=1, description="days after which a run's files are removed")
    keep: Size = Field("50G", description="how much of its runs' files a team may keep")
    showcase: Literal["lab", "guests"] = Field(
        "lab", description="who sees published reports: who is logged in, or everybody"
    )

    @property
    def memory_bytes(self) -> int | None:
        return parse_size(self.memory) if self.memory else None

    @property
    def keep_bytes(self) -> int:
        return parse_size(self.keep)


class Mail(Model):
    """The mail server by which people are told; no mail is sent without one."""

    host: str = Field("", description="SMTP server that sends the lab's mail")
    port: int = Field(587, ge=1, le=65535, description="its port")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how it is secured"
    )
    sender: str = Field("", description="address that mail comes from")
    user: str = Field("", description="log-in at the mail server, if it wants one")
    password_file: Path | None = Field(None, description="file that holds its password, mode 0600")

    @model_validator(mode="after")
    def _complete(self) -> Mail:
        if self.host and not self.sender:
            raise ValueError("expected sender, because host is set")
        if self.password_file is not None and not os.access(self.password_file, os.R_OK):
            raise ValueError(f"cannot read {self.password_file}")
        return self
