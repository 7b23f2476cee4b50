"""Settings of each provider reach oauthenticator's own traits; docs/login.md's examples load."""

import asyncio
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from cohort.settings import Settings
from cohort.settings_file import load_settings
from hub_config.apply import update_login
from hub_config.login import GitHubLogin, ProviderLogin

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"idp_client_secret": "bundled-secret"}
EXAMPLES = dict(
    re.findall(r"^## (\S+).*?```toml\n(.*?)```", (ROOT / "docs/login.md").read_text(), re.M | re.S)
)


@pytest.fixture
def load(tmp_path):
    """Loads a ``[login]`` part completed with the profiles of the shipped cohort.toml."""

    def load(text: str) -> Settings:
        shipped = (ROOT / "cohort.toml").read_text()
        profiles = shipped[shipped.index("[[profiles]]") :]
        (tmp_path / "cohort.toml").write_text(f"{text}\n{profiles}")
        for name in re.findall(r'client_secret_file = "(.*)"', text):
            (tmp_path / name).write_text("a-secret\n")
        return load_settings(tmp_path / "cohort.toml")

    return load


def configure(settings: Settings):
    """The authenticator's class and its part of a bare configuration."""
    c = Config()
    update_login(c, settings, SECRETS)
    cls = c.JupyterHub.authenticator_class
    return cls, c[cls.__name__]


@pytest.mark.parametrize("login", ["", *EXAMPLES.values()], ids=["bundled", *EXAMPLES])
def test_every_example_configures_traits_that_exist(load, login):
    cls, a = configure(load(login))
    unknown = [name for name in a if not cls.class_traits(config=True).get(name)]
    assert unknown == []
    made = cls(config=Config({cls.__name__: a}))
    assert made.oauth_callback_url == "http://127.0.0.1:8000/hub/oauth_callback"
    assert made.client_id and made.client_secret
    assert made.manage_roles and made.enable_auth_state and made.auth_refresh_strict
    assert made.auth_refresh_age == 60
    assert not made.allow_all


def test_the_documentation_has_an_example_for_each_provider():
    providers = {tomllib.loads(text)["login"]["provider"] for text in EXAMPLES.values()}
    assert providers == {"oidc", "entra", "google", "github"}


def test_keycloak_is_found_by_its_issuer(load):
    cls, a = configure(load(EXAMPLES["Keycloak"]))
    assert cls is ProviderLogin
    assert a.issuer == "https://keycloak.example.org/realms/lab"
    assert (a.client_id, a.client_secret) == ("cohort", "a-secret")
    assert a.login_service == "Lab account"
    assert a.scope == ["openid", "profile", "email"]
    assert a.username_claim == "preferred_username"
    assert not a.userdata_from_id_token
    assert not {"authorize_url", "token_url", "userdata_url"} & set(a)


def test_entra_is_the_tenants_own_and_reads_the_id_token(load):
    _, a = configure(load(EXAMPLES["Microsoft"]))
    tenant = "00000000-0000-0000-0000-000000000000"
    assert a.issuer == f"https://login.microsoftonline.com/{tenant}/v2.0"
    assert a.userdata_from_id_token
    assert "offline_access" in a.scope


def test_google_names_people_by_address(load):
    settings = load(EXAMPLES["Google"])
    cls, a = configure(settings)
    assert a.issuer == "https://accounts.google.com"
    made = cls(config=Config({cls.__name__: a}))
    claims = {"email": "kim@startup.example", "hd": "startup.example"}
    assert made.user_info_to_username(claims) == "kim@startup.example"
    assert made.groups_in({made.user_auth_state_key: claims}) == ["startup.example"]


def test_github_reads_teams_and_has_no_issuer(load):
    cls, a = configure(load(EXAMPLES["GitHub"]))
    assert cls is GitHubLogin
    assert a.scope == ["read:org"]
    assert a.populate_teams_in_auth_state
    made = cls(config=Config({cls.__name__: a}))
    assert made.authorize_url.startswith("https://github.com/")
    assert not made.issuer
    teams = [
        {"slug": "apollo", "organization": {"login": "my-lab"}},
        {"slug": "staff", "organization": {"login": "my-lab"}},
        {"slug": "apollo", "organization": {"login": "other"}},
    ]
    assert made.groups_in({"teams": teams}) == [
        "my-lab", "my-lab/apollo", "my-lab/staff", "other", "other/apollo",
    ]  # fmt: skip
    assert made.groups_in({}) == made.groups_in({"teams": None}) == []


ADDRESSES = """
[login]
provider = "oidc"
issuer = "https://id.example.org"
client_id = "lab"
client_secret_file = "secret"
token_url = "https://inside.example.org/token"
logout_url = "https://id.example.org/bye"
"""


def test_addresses_that_are_set_win_over_those_found(load):
    cls, a = configure(load(ADDRESSES))
    made = cls(config=Config({cls.__name__: a}))

    async def discovery_document(url, **_):
        assert url == "https://id.example.org/.well-known/openid-configuration"
        return {f"{name}_endpoint": f"https://id.example.org/{name}"
                for name in ("authorization", "token", "userinfo", "end_session")}  # fmt: skip

    made.httpfetch = discovery_document
    asyncio.run(made.discover())
    assert made.token_url == "https://inside.example.org/token"
    assert made.authorize_url == "https://id.example.org/authorization"
    assert made.userdata_url == "https://id.example.org/userinfo"
    assert made.end_session_url == "https://id.example.org/bye"


@pytest.mark.parametrize("minutes", [-1, 10])
def test_an_id_token_that_ran_out_asks_for_renewal(load, minutes):
    """A 401 is what makes oauthenticator use the refresh token; anything else is a failure."""
    cls, a = configure(load(EXAMPLES["Microsoft"]))
    made = cls(config=Config({cls.__name__: a}))
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    claims = {"aud": made.client_id, "exp": until, "groups": ["g"]}
    tokens = {"id_token": jwt.encode(claims, "k" * 32), "access_token": "a"}
    if minutes > 0:
        assert asyncio.run(made.token_to_user(tokens))["groups"] == ["g"]
        return
    with pytest.raises(HTTPClientError) as refused:
        asyncio.run(made.token_to_user(tokens))
    assert refused.value.code == 401
