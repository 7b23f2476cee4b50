"""JupyterHub's single-user server with the workspace's own ways.

Authentication, OAuth and the talk with the hub are JupyterHub's, as a server extension
(its default since JupyterHub 5); these subclasses change when things are loaded and written.
"""

from __future__ import annotations

import asyncio
import os
from unittest import mock

from jupyter_server.serverapp import ServerApp
from jupyterhub.singleuser.extension import JupyterHubSingleUser

from cohort.workspace.events import LateEventLogger
from cohort.workspace.identity import WorkspaceIdentity
from cohort.workspace.kinds import read_environment
from cohort.workspace.late import LATE, load_extension, when_asked

# Instead of jupyterlab.labapp and of the older notebook's settings.
REPLACED = {"jupyterlab": "cohort.workspace.lab", "notebook_shim": None}


class WorkspaceServer(ServerApp):
    """Jupyter Server that loads extensions when they are asked for."""

    late: tuple[str, ...] = ()

    def find_server_extensions(self):
        """Take the extensions that are switched on anywhere, and split off the late ones."""
        super().find_server_extensions()
        wanted = self.jpserver_extensions
        for name, instead in REPLACED.items():
            if wanted.get(name):
                wanted[name] = False
                if instead:
                    wanted[instead] = True
        self.late = tuple(name for name in LATE if wanted.get(name))
        wanted.update(dict.fromkeys(self.late, False))

    def init_event_logger(self):
        """Make the event logger, with schemas that are read later."""
        # Upstream makes an EventLogger by that name, of its own module.
        with mock.patch("jupyter_server.serverapp.EventLogger", LateEventLogger):
            super().init_event_logger()

    def load_server_extensions(self):
        """Load what is needed for the first page; the rest waits behind its addresses."""
        # Stock servers make it on their way to the runtime folder; jupyter_server_fileid needs it.
        os.makedirs(self.data_dir, exist_ok=True)
        super().load_server_extensions()
        for name in self.late:
            when_asked(self.web_app, LATE[name], lambda name=name: load_extension(self, name))

    def write_server_info_file(self):
        """Write nothing: the file is for ``jupyter server list``, and holds the token."""

    def write_browser_open_files(self):
        """Write nothing: there is no browser in the container."""


class Workspace(JupyterHubSingleUser):
    """The single-user server of this lab."""

    serverapp_class = WorkspaceServer

    @classmethod
    def get_extension_package(cls):
        """Where `_jupyter_server_extension_points` is."""
        return __name__

    def load_config_file(self):
        """Add to JupyterHub's settings, which are loaded first."""
        super().load_config_file()
        config = self.config
        config.ServerApp.identity_provider_class = WorkspaceIdentity
        config.ServerApp.default_url = "/lab"
        config.ServerApp.setdefault("root_dir", os.path.expanduser("~"))
        config.Workspace.hub_activity_interval = self._report_seconds()
        if os.environ.get("JUPYTERHUB_PUBLIC_URL", "").startswith("https:"):
            # JupyterHub sees to its other cookies itself.
            settings = config.ServerApp.setdefault("tornado_settings", {})
            settings["xsrf_cookie_kwargs"] = {"secure": True}
        self.update_config(config)
        self.serverapp.update_config(config)

    @staticmethod
    def _report_seconds() -> int:
        """How often to report activity: soon enough for work to be known before a stop is due."""
        space = read_environment()
        limits = [60.0, space.warn_seconds / 4]
        if space.idle_seconds:
            limits.append(space.idle_seconds / 4)
        return max(1, int(min(limits)))

    async def notify_activity(self):
        """Report activity to the hub, if there was any since the last report."""
        if self.serverapp.web_app.last_activity() != self._last_activity_sent:
            await super().notify_activity()

    async def check_hub_version(self):
        """Ask the hub while the server already answers: at twenty starts the hub is slow."""
        self._hub_version = asyncio.ensure_future(super().check_hub_version())


def _jupyter_server_extension_points():
    return [{"module": __name__, "app": Workspace}]
