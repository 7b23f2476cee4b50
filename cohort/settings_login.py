"""``[login]``: who says who people are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from cohort.settings_types import NAME, ROLES, Model


class Login(Model):
    """Who says who people are: the bundled provider, or any other OpenID Connect one."""

    provider: Literal["bundled", "oidc", "github", "google", "entra"] = Field(
        "bundled", description="the provider that comes with the lab, or another"
    )
    title: str = Field("", description="what the provider is called on the log-in page")
    issuer: str = Field("", description="OpenID Connect issuer, whose discovery document is read")
    client_id: str = Field("", description="the lab's client at the provider")
    client_secret_file: Path | None = Field(
        None, description="file that holds the client's secret, mode 0600"
    )
    authorize_url: str = Field("", description="only where the issuer has no discovery document")
    token_url: str = Field("", description="likewise")
    userdata_url: str = Field("", description="likewise")
    logout_url: str = Field("", description="end-session address, if discovery does not give it")
    tenant: str = Field("", description="Entra ID's tenant")
    scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email", "groups"), description="what the provider is asked for"
    )
    username_claim: str = Field("preferred_username", description="claim that is the login")
    name_claim: str = Field("name", description="claim that is shown as the person's name")
    groups_claim: str = Field("groups", description="claim that holds the groups")
    groups: dict[str, str] = Field(
        default_factory=dict, description='what each group means: "team:<name>" or "role:<role>"'
    )
    recheck_seconds: int = Field(
        60, ge=1, le=3600, description="how soon a change at the provider counts"
    )

    @field_validator("groups")
    @classmethod
    def _check_groups(cls, value: dict[str, str]) -> dict[str, str]:
        for group, meaning in value.items():
            kind, _, name = meaning.partition(":")
            if kind == "team" and NAME.fullmatch(name):
                continue
            if kind == "role" and name in ROLES:
                continue
            raise ValueError(
                f'{group!r}: expected "team:<name>" or "role:<one of {", ".join(ROLES)}>"'
            )
        return value

    @model_validator(mode="after")
    def _complete(self) -> Login:
        if self.provider == "bundled":
            return self
        missing = [k for k in ("client_id", "client_secret_file") if not getattr(self, k)]
        if self.provider == "oidc" and not self.issuer:
            urls = ("authorize_url", "token_url", "userdata_url")
            missing += ["issuer"] if not all(getattr(self, u) for u in urls) else []
        if self.provider == "entra" and not self.tenant:
            missing.append("tenant")
        if missing:
            raise ValueError(f"provider {self.provider!r} also needs {', '.join(missing)}")
        return self
