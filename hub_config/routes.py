"""The proxy as the hub sees it, with no word on when a route was last used.

configurable-http-proxy counts every request as activity, those too with which an open
JupyterLab page looks after its kernels: a forgotten tab would keep a GPU for ever. What
counts as activity is for the server itself to say (`cohort.workspace.activity`).
"""

from __future__ import annotations

from jupyterhub.proxy import ConfigurableHTTPProxy


class LabProxy(ConfigurableHTTPProxy):
    """ConfigurableHTTPProxy without ``last_activity``."""

    async def get_all_routes(self):
        """Return the routes as upstream does, each without ``last_activity``."""
        routes = await super().get_all_routes()
        for route in routes.values():
            route["data"].pop("last_activity", None)
        return routes
