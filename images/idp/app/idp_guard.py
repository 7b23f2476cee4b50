"""Closes what this lab does not use of Canaille, and tightens what it does.

Invariant: only the pages in `PAGES` answer. Every other one (deleting or locking accounts,
joining groups, registering clients, revoking consent) is a 404, whatever its own checks say.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain

from canaille.app import models
from canaille.app.session import UserSession, logout_all_users, save_user_session
from canaille.backends import Backend
from canaille.oidc.provider import (
    BearerTokenValidator,
    EndSessionEndpoint,
    authorization,
)
from flask import Flask, abort, current_app, flash, g, redirect, request, url_for
from flask_themer import MAGIC_PATH_PREFIX
from werkzeug.wsgi import ClosingIterator

PREFIX = "/services/idp"
PASSWORD = "core.account.auth.profile_auth_password"  # noqa: S105 - a page's name
HOME = {"core.account.index", "core.account.profile_edition", "core.account.profile_auth"}
PAGES = {
    "core.auth.login", "core.auth.logout", "core.auth.password.password",
    PASSWORD, "core.account.users",
    "oidc.endpoints.authorize", "oidc.endpoints.issue_token", "oidc.endpoints.userinfo",
    "oidc.endpoints.revoke_token", "oidc.endpoints.end_session", "oidc.endpoints.jwks",
    "oidc.home.openid_configuration_endpoint",
    "oidc.home.oauth_authorization_server_endpoint",
    "static", f"{MAGIC_PATH_PREFIX}.static",
}  # fmt: skip


def token_of_present_person(self, token_string: str):
    """Look a token up; a locked account's is none, even one issued while it was being locked."""
    token = Backend.instance.get(models.Token, access_token=token_string)
    return token if token and token.subject and not token.subject.locked else None


def is_outdated(session: UserSession) -> bool:
    """True for a session that began before its account's password was set anew."""
    changed = session.user.password_last_update
    return changed is not None and session.last_login_datetime < changed


read_session = UserSession.deserialize


def session_in_force(payload: dict) -> UserSession | None:
    """Read a session out of a cookie; one that is older than the password opens nothing."""
    session = read_session(payload)
    return session if session and not is_outdated(session) else None


def guard(app: Flask) -> Flask:
    """Put the guard before every page."""
    app.before_request(only_known_pages)
    app.before_request(ask_for_own_password)
    app.after_request(keep_own_session)
    UserSession.deserialize = staticmethod(session_in_force)
    BearerTokenValidator.authenticate_token = token_of_present_person
    # Canaille closes one of several sessions in a browser: the next log-in would be silent.
    EndSessionEndpoint.end_session = lambda self, request: logout_all_users()
    # Its access tokens are JWTs with the person's claims, equal within one second, which the
    # database refuses; the hub only shows them to userinfo, so a random string does.
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = True
    authorization.register_token_generator(
        "default", authorization.create_bearer_token_generator(app.config)
    )
    app.wsgi_app = OneAddress(app.wsgi_app, app.config)
    return app


def only_known_pages():
    """404 for what the lab does not use; the front page is one's own password page."""
    endpoint = request.endpoint
    if endpoint in HOME:
        if g.session:
            return redirect(url_for(PASSWORD, edited_user=g.session.user))
        return redirect(url_for("core.auth.login"))
    # /login/<name> and /logout/<name> switch accounts at a mere click on a link.
    named = endpoint in ("core.auth.login", "core.auth.logout") and request.view_args
    if endpoint is not None and (endpoint not in PAGES or named):
        abort(404)
    return None


def ask_for_own_password():
    """A password is set only by someone who types their own: a session alone is not enough.

    People share one origin with everybody's notebooks here, whose scripts could otherwise
    set the password of whoever looks at them.
    """
    if request.endpoint != PASSWORD or request.method != "POST" or not g.session:
        return None
    user = g.session.user
    if request.form.get("action") != "edit-password":
        abort(400)
    known, why = Backend.instance.check_user_password(user, request.form.get("current_password"))
    if known:
        return None
    current_app.logger.security(f"Refused a change of password by {user.user_name}")
    flash(why or "That is not your present password. Nothing was changed.", "error")
    return redirect(request.script_root + request.path)


def keep_own_session(response):
    """Whoever has just set their own password stays logged in here, and nowhere else."""
    sent = request.endpoint == PASSWORD and request.method == "POST"
    if sent and g.get("session") and is_outdated(g.session):
        g.session.last_login_datetime = datetime.now(UTC)
        save_user_session()
    return response


class OneAddress:
    """Makes every request one for the lab's public address, whichever way it came.

    Browsers come through the proxy, the hub straight to the local port; links, redirects and
    secure cookies must be those of the public address for both, and no Host header is trusted.
    """

    def __init__(self, app, config) -> None:
        self.app = app
        self.host, self.scheme = config["SERVER_NAME"], config["PREFERRED_URL_SCHEME"]

    def __call__(self, environ, start_response):
        """Strip the prefix, pin the address, and never answer without a first chunk."""
        path = environ["PATH_INFO"]
        if path != PREFIX and not path.startswith(PREFIX + "/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Not found\n"]
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = PREFIX, path[len(PREFIX) :] or "/"
        environ["HTTP_HOST"], environ["wsgi.url_scheme"] = self.host, self.scheme
        client = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        environ["REMOTE_ADDR"] = client or environ.get("REMOTE_ADDR", "")

        def without_hsts(status, headers, exc_info=None):
            # Whether a whole domain is HTTPS only is for its owner to say, not for one page.
            kept = [h for h in headers if h[0].lower() != "strict-transport-security"]
            return start_response(status, kept, exc_info)

        body = self.app(environ, without_hsts)
        # The server sends the head with the first chunk; a 304 has none.
        return ClosingIterator(chain([b""], body), getattr(body, "close", lambda: None))
