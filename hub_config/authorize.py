"""The hub's OAuth pages, without the one that asks for consent.

Stock JupyterHub asks each member of a team, once per server, whether the server may know
who they are. Every server here is the lab's own, so there is nothing to consent to; who may
enter is decided by roles before this is asked.
"""

from __future__ import annotations

from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler


class AuthorizeWithoutConsent(OAuthAuthorizeHandler):
    """Authorises the lab's own servers and services at once."""

    def needs_oauth_confirm(self, user, oauth_client, requested_scopes):
        """Return False for servers and services of this hub, which are all there are."""
        own = ("jupyterhub-user-", "service-")
        if oauth_client.identifier.startswith(own):
            return False
        return super().needs_oauth_confirm(user, oauth_client, requested_scopes)
