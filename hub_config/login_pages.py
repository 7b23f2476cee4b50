"""Log-in, callback and log-out: oauthenticator's handlers with sentences instead of codes."""

from __future__ import annotations

from urllib.parse import urlencode

from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler, OAuthLogoutHandler
from tornado import web
from tornado.httpclient import HTTPClientError

STALE = (
    "This log-in link was already used or has grown old. "
    "Go to the lab's front page and log in again."
)
REFUSED = "The log-in service did not let you in. Go to the lab's front page and try again."


class LoginRedirect(OAuthLoginHandler):
    """Send the browser to the provider, if it answers."""

    async def get(self):
        """Redirect to the provider's authorisation endpoint."""
        # Asked each time: a browser sent to a provider that is down gets a page that helps nobody.
        await self.authenticator.discover(max_age=0)
        super().get()


class Callback(OAuthCallbackHandler):
    """Take the provider's answer; whatever is wrong with it becomes a page and no session."""

    def check_arguments(self):
        """Refuse an error, a missing code, and a missing, wrong or replayed state."""
        try:
            self.check_error()
        except web.HTTPError as e:
            self.log.warning("Provider answered with an error: %s", e.log_message)
            raise web.HTTPError(403, REFUSED) from e
        try:
            self.check_code()
            self.check_state()
        except Exception as e:
            self.log.warning("Refused a log-in callback: %s", e)
            raise web.HTTPError(400, STALE) from e

    async def login_user(self, data=None):
        """Log in, and make the accounts of the person's teams."""
        from hub_config.login import PROVIDER_DOWN, ensure_accounts  # noqa: PLC0415 - cycle

        try:
            await self.authenticator.discover()
            user = await super().login_user(data)
        except HTTPClientError as e:
            if 400 <= e.code < 500:
                raise web.HTTPError(400, STALE) from e
            raise web.HTTPError(503, PROVIDER_DOWN) from e
        except OSError as e:
            raise web.HTTPError(503, PROVIDER_DOWN) from e
        if user is not None:
            roles = [{"name": role.name} for role in user.roles]
            ensure_accounts(self, {"roles": roles})
        return user


class Logout(OAuthLogoutHandler):
    """Log out here and, where the provider can (RP-initiated logout), there too."""

    _id_token = None

    async def default_handle_logout(self):
        """Keep the ID token for the provider before the session is gone."""
        user = self.current_user
        if user:
            state = await user.get_auth_state() or {}
            self._id_token = state.get("id_token")
        await super().default_handle_logout()

    async def render_logout_page(self):
        """Go to the provider's end-session endpoint, which leads back to the front page."""
        login = self.authenticator
        if not login.end_session_url or not self._id_token:
            return self.redirect(self.hub.base_url + "login")
        query = urlencode(
            {
                "id_token_hint": self._id_token,
                "client_id": login.client_id,
                "post_logout_redirect_uri": login.settings.address.url + "/hub/login",
            }
        )
        return self.redirect(f"{login.end_session_url}?{query}")
