"""Ends a person's sessions in the hub, in every browser and for good: a call of its REST API.

To have the provider refuse them is not enough: JupyterHub takes the same cookies again as soon
as that person has logged in anew, in whatever browser. Invariant: servers that run, and tokens
that a person made on purpose, are left as they are.
"""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.orm import APIToken, new_token
from jupyterhub.scopes import needs_scope
from tornado import web


class Sessions(APIHandler):
    """``DELETE /api/users/<name>/sessions``; 404 for who never logged in."""

    @needs_scope("delete:users")
    def delete(self, user_name: str) -> None:
        """Make every cookie, and every token that came with one, worthless."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        user.orm_user.cookie_id = new_token()
        of_browsers = APIToken.user_id == user.orm_user.id, APIToken.session_id.is_not(None)
        for token in self.db.query(APIToken).filter(*of_browsers):
            self.db.delete(token)
        self.db.commit()
        self.set_status(204)


def handlers() -> list[tuple[str, type]]:
    """Where the call is."""
    return [(r"/api/users/([^/]+)/sessions", Sessions)]
