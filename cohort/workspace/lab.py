"""JupyterLab's page, on `jupyterlab_server` alone.

`jupyterlab.labapp` is that class plus what builds and installs JupyterLab: package managers,
HTTP clients, a registry look-up that starts Node (0.15 s of CPU, and 0.3 s more where there
is a Node). A workspace serves the page as it was built; `tests/workspace/test_lab.py` compares
this page's configuration with that of the class it stands for.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jupyterlab
from jupyter_core.paths import jupyter_config_dir
from jupyter_server._version import version_info
from jupyter_server.base.handlers import APIHandler
from jupyterlab_server.app import LabServerApp
from jupyterlab_server.config import get_static_page_config
from traitlets import Unicode, default


class LabApp(LabServerApp):
    """JupyterLab as a server extension, under the names that settings files know it by."""

    name = "lab"
    app_name = "JupyterLab"
    load_other_extensions = True
    app_version = Unicode(jupyterlab.__version__)
    default_url = Unicode("/lab", config=True)

    app_dir = Unicode(os.path.join(sys.prefix, "share", "jupyter", "lab"), config=True)

    @default("user_settings_dir")
    def _user_settings_dir(self):
        default = os.path.join(jupyter_config_dir(), "lab", "user-settings")
        return os.environ.get("JUPYTERLAB_SETTINGS_DIR") or default

    @default("workspaces_dir")
    def _workspaces_dir(self):
        default = os.path.join(jupyter_config_dir(), "lab", "workspaces")
        return os.environ.get("JUPYTERLAB_WORKSPACES_DIR") or default

    @default("app_settings_dir")
    def _app_settings_dir(self):
        return os.path.join(self.app_dir, "settings")

    @default("schemas_dir")
    def _schemas_dir(self):
        return os.path.join(self.app_dir, "schemas")

    @default("templates_dir")
    def _templates_dir(self):
        return os.path.join(self.app_dir, "static")

    @default("static_dir")
    def _static_dir(self):
        return os.path.join(self.app_dir, "static")

    @default("themes_dir")
    def _themes_dir(self):
        return os.path.join(self.app_dir, "themes")

    @default("static_url_prefix")
    def _static_url_prefix(self):
        return f"{self.serverapp.base_url}static/{self.name}/"

    @default("cache_files")
    def _cache_files(self):
        return False

    def initialize_handlers(self):
        """Put the page's configuration together, as `LabApp` does."""
        server = self.serverapp
        page = server.web_app.settings.setdefault("page_config_data", {})
        page.update(get_static_page_config(logger=self.log, level="all"))
        contents = server.contents_manager
        page.update(
            buildAvailable=False,
            buildCheck=False,
            devMode=False,
            exposeAppInBrowser=False,
            news={"disabled": True},
            token=server.identity_provider.token,
            quitButton=server.quit_button,
            allow_hidden_files=contents.allow_hidden,
            delete_to_trash=getattr(contents, "delete_to_trash", False),
            notebookVersion=json.dumps(version_info),
            extensionManager={
                "name": "read-only",
                "can_install": False,
                "install_path": sys.prefix,
            },
            # What the terminals and language servers, which are loaded later, say of themselves.
            terminalsAvailable=server.terminals_enabled,
            rootUri=Path(contents.root_dir).as_uri(),
            virtualDocumentsUri=Path(contents.root_dir, ".virtual_documents").as_uri(),
        )
        self.handlers.append(("/lab/api/plugins", PluginsLater, {"lab": self}))
        super().initialize_handlers()


class PluginsLater(APIHandler):
    """Becomes JupyterLab's handler of its Plugin Manager, whose imports take 60 ms."""

    manager = None

    def __new__(cls, application, request, lab: LabApp):
        """Return the real handler, with a manager that is made once."""
        from jupyterlab.commands import AppOptions  # noqa: PLC0415
        from jupyterlab.extensions.manager import PluginManager  # noqa: PLC0415
        from jupyterlab.handlers.plugin_manager_handler import PluginHandler  # noqa: PLC0415

        if cls.manager is None:
            paths = lab.extra_labextensions_path + lab.labextensions_path
            options = AppOptions(logger=lab.log, app_dir=lab.app_dir, labextensions_path=paths)
            cls.manager = PluginManager(app_options=options, ext_options={}, parent=lab)
        return PluginHandler(application, request, manager=cls.manager)


def _jupyter_server_extension_points():
    return [{"module": __name__, "app": LabApp}]
