"""nbgrader's formgrader, in a tab of its own beside JupyterLab.

Inside JupyterLab's frame it stays blank: JupyterHub forbids that its servers' pages are framed,
since all of them share one origin. In a tab its links lead to the older notebook pages of whoever
looks, on another server.

Invariant: its links lead to this server's JupyterLab; everything else of it is nbgrader's.
"""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from nbgrader.server_extensions.formgrader import formgrader, handlers
from tornado import web

LINKS = """
linkTo = (type, path) => (_, link) =>
    $(link).attr("href", %s + encodeURI(path)).attr("target", "_blank")[0];
"""


class LinksHandler(JupyterHandler):
    """``formgrader/static/js/utils.js``: nbgrader's, and where its links lead here."""

    @web.authenticated
    def get(self):
        """Answer with the script."""
        script = Path(handlers.static_path, "js", "utils.js").read_text(encoding="utf-8")
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(script + LINKS % json.dumps(f"{self.base_url}lab/tree/"))


def _load_jupyter_server_extension(serverapp) -> None:
    """Load nbgrader's extension behind our script, which it has too."""
    base = serverapp.web_app.settings["base_url"]
    serverapp.web_app.add_handlers(".*$", [(f"{base}formgrader/static/js/utils.js", LinksHandler)])
    formgrader.load_jupyter_server_extension(serverapp)


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": __name__}]
