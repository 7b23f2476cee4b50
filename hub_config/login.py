"""One way in: OpenID Connect (or GitHub's OAuth 2) through oauthenticator.

Invariant: membership is what the provider says now. It is read at log-in and again at most
``login.recheck_seconds`` later, and what it no longer says is taken away at that moment.
"""

from __future__ import annotations

import time

import jwt
from jupyterhub.auth import Authenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError
from traitlets import Float, Unicode

from cohort.membership import is_reserved
from cohort.settings import Settings
from hub_config import login_pages, pages, sessions
from hub_config.membership import LOGIN, hub_roles, read_groups

NO_MEMBERSHIP = (
    "You have an account, but no team and no role in this lab yet. "
    "Ask the lab's operator to add you, then log in again."
)
BAD_NAME = (
    "This account's name cannot be used here: names that begin with team- or course- belong "
    "to the lab, and a name has only letters, digits and . _ - @. Ask the lab's operator."
)
PROVIDER_DOWN = (
    "The log-in service does not answer. Try again in a minute; "
    "if it goes on, tell the lab's operator."
)
ENDPOINTS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "userdata_url": "userinfo_endpoint",
}


class CohortLogin(Authenticator):
    """What every provider has in common; mixed in before an oauthenticator class."""

    settings: Settings  # set once on the class
    issuer = Unicode(config=True, help="OpenID Connect issuer whose discovery document is read")
    end_session_url = Unicode(config=True, help="where a browser ends its session at the provider")
    grace_seconds = Float(600, help="how long sessions live on while the provider is down")

    login_handler = login_pages.LoginRedirect
    callback_handler = login_pages.Callback
    logout_handler = login_pages.Logout

    _discovered = 0.0
    _last_good: dict[str, float] | None = None

    def get_handlers(self, app):
        """The provider's handlers and, before the hub's own of the same path, our pages."""
        return [*super().get_handlers(app), *pages.handlers(), *sessions.handlers()]

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self._configured = {trait for trait in ENDPOINTS if getattr(self, trait)}

    async def discover(self, max_age: float = 3600) -> None:
        """Read the issuer's discovery document unless that was done within ``max_age`` seconds.

        Addresses in the configuration win over those found. Raises 503 if the issuer is down.
        """
        fresh = self._discovered and time.monotonic() - self._discovered < max_age
        if not self.issuer or fresh:
            return
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            found = await self.httpfetch(url, label="reading the discovery document")
            for trait in ENDPOINTS.keys() - self._configured:
                setattr(self, trait, found[ENDPOINTS[trait]])
        except Exception as e:
            self.log.error("Log-in provider %s does not answer: %r", url, e)
            raise web.HTTPError(503, PROVIDER_DOWN) from e
        self.end_session_url = self.end_session_url or found.get("end_session_endpoint", "")
        self._discovered = time.monotonic()

    def groups_in(self, auth_state: dict) -> list[str]:
        """The groups that the provider gave with the token."""
        claims = auth_state[self.user_auth_state_key]
        groups = claims.get(self.settings.login.groups_claim) or []
        return groups if isinstance(groups, list) else [groups]

    def user_info_to_username(self, user_info):
        """The login, or 403 with a sentence if the provider gave none that can be used."""
        name = user_info.get(self.username_claim)
        if (
            not isinstance(name, str)
            or not LOGIN.fullmatch(name.lower())
            or is_reserved(name.lower())
        ):
            self.log.warning("Refused log-in with the name %r", name)
            raise web.HTTPError(403, BAD_NAME)
        return name

    async def token_to_user(self, token_info):
        """As upstream, but an ID token that has run out is a 401: upstream then renews it."""
        try:
            return await super().token_to_user(token_info)
        except web.HTTPError as e:
            if isinstance(e.__context__, jwt.ExpiredSignatureError):
                raise HTTPClientError(401, "The ID token has run out") from e
            raise

    async def update_auth_model(self, auth_model):
        """Turn the token's groups into hub roles; the display name goes to the user's model."""
        settings: Settings = self.settings
        auth_state = auth_model["auth_state"]
        membership = read_groups(self.groups_in(auth_state), settings.login.groups)
        claims = auth_state[self.user_auth_state_key]
        shown = str(claims.get(settings.login.name_claim) or auth_model["name"])[:80]
        auth_model["user_info"] = {"name": shown, "display_name": shown}
        login = auth_model["name"]
        taught = settings.courses_of(login, membership.role)
        auth_model["roles"] = hub_roles(membership, taught) if membership else []
        self._seen(login)
        return auth_model

    async def check_allowed(self, username, auth_model):
        """Whoever has a team or a role may come in; anyone else gets a page that says why not."""
        if auth_model is None or auth_model.get("roles"):
            return True
        self.log.warning("Refused %s: neither team nor role", username)
        raise web.HTTPError(403, NO_MEMBERSHIP)

    async def refresh_user(self, user, handler=None, **kwargs):
        """Ask the provider again; False, which ends the session, once it says no.

        Team and course accounts never log in, so there is nothing to ask and their servers
        must start all the same. A provider that is down ends nobody's work: sessions go on
        for ``grace_seconds`` after its last answer.
        """
        if is_reserved(user.name):
            return True
        if handler is not None and not hasattr(handler, "_token_authenticated"):
            # JupyterHub 6.1.1 sets it for tokens alone and, told no here, reads it for cookies too:
            # `BaseHandler.refresh_auth` then ends in an AttributeError in place of a new log-in.
            handler._token_authenticated = False
        try:
            await self.discover()
            auth_model = await super().refresh_user(user, handler, **kwargs)
        except Exception as e:
            return self._provider_failed(user.name, e)
        if not auth_model or auth_model is True:
            return auth_model
        if not auth_model["roles"]:
            self.log.warning("%s has no team and no role any more", user.name)
            return False
        await self._keep_id_token(user, auth_model["auth_state"])
        if handler is not None:
            ensure_accounts(handler, auth_model)
        return auth_model

    async def _keep_id_token(self, user, auth_state: dict) -> None:
        """A renewed token need not come with an ID token; log-out shows the provider the old one.

        https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse
        """
        if not auth_state.get("id_token"):
            before = await user.get_auth_state() or {}
            auth_state["id_token"] = before.get("id_token")

    def _seen(self, name: str) -> None:
        self._last_good = self._last_good or {}
        self._last_good[name] = time.monotonic()

    def _provider_failed(self, name: str, error: Exception) -> bool:
        if isinstance(error, HTTPClientError) and 400 <= error.code < 500 and error.code != 429:
            return False
        if isinstance(error, web.HTTPError) and error.status_code == 403:
            return False
        self._last_good = self._last_good or {}
        since = time.monotonic() - self._last_good.setdefault(name, time.monotonic())
        self.log.warning("Log-in provider is down (%.0f s), %s: %r", since, name, error)
        return since < self.grace_seconds


class ProviderLogin(CohortLogin, GenericOAuthenticator):
    """Any OpenID Connect provider, the bundled one among them."""


class GitHubLogin(CohortLogin, GitHubOAuthenticator):
    """GitHub has no groups in its token: a group is ``<organisation>/<team>``."""

    def groups_in(self, auth_state: dict) -> list[str]:
        """``org/team`` for each team, ``org`` for each organisation of those."""
        groups = set()
        for team in auth_state.get("teams") or []:
            org = team["organization"]["login"]
            groups |= {org, f"{org}/{team['slug']}"}
        return sorted(groups)

    async def update_auth_model(self, auth_model):
        """Fetch the teams first: the base class puts them into the auth state."""
        auth_model = await GitHubOAuthenticator.update_auth_model(self, auth_model)
        return await CohortLogin.update_auth_model(self, auth_model)


def ensure_accounts(handler, auth_model: dict) -> None:
    """Make the hub accounts of a person's teams and courses that are not there yet.

    Their roles are called as the accounts are.
    """
    for role in auth_model.get("roles", []):
        name = role["name"]
        if is_reserved(name) and handler.find_user(name) is None:
            handler.user_from_username(name)
