"""Who somebody is to the others in a workspace: name, initials, colour."""

from __future__ import annotations

import zlib

from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

# JupyterLab's own colours for collaborators; they follow the theme.
COLOURS = 7


def initials_of(name: str) -> str:
    """First letters of the first and last word, such as "AW" for "Ada Wong"."""
    words = name.split()
    return "".join(
        word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)
    ).upper()


def colour_of(login: str) -> str:
    """A person's colour: the same in every workspace and after every restart."""
    return f"var(--jp-collaborator-color{zlib.crc32(login.encode()) % COLOURS + 1})"


class WorkspaceIdentity(JupyterHubIdentityProvider):
    """JupyterHub's identity provider, with the names that the lab knows people by."""

    async def get_user(self, handler):
        """Return the hub's user, named; None if the hub does not let them in."""
        user = await super().get_user(handler)
        if user is not None and not user.color:
            name = user.display_name or user.username
            user.name = user.display_name = name
            user.initials = initials_of(name)
            user.color = colour_of(user.username)
        return user

    def page_config_hook(self, handler, page_config):
        """JupyterHub's, which takes the name for the login."""
        page_config = super().page_config_hook(handler, page_config)
        user = handler.current_user
        page_config["hubUser"] = user.username if user else ""
        return page_config
