"""``POST cohort/experiment``: hands a notebook's folder in, on behalf of the toolbar's button.

The folder is packed here, where it is; the run itself is asked for by the person, in the form
that the answer leads to, under their own name.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import urlencode

from jupyter_server.base.handlers import APIHandler
from tornado import web

FORM = "/services/experiments/new"


class HandInHandler(APIHandler):
    """Takes ``{"path": …}``, relative to the server's root; gives ``{"url": …}``."""

    @web.authenticated
    async def post(self):
        """Hand the folder in; 4xx with a sentence if that is refused."""
        path = self._notebook(self.get_json_body() or {})
        root = Path(self.settings["server_root_dir"]).expanduser().resolve()
        notebook = (root / path.lstrip("/")).resolve()
        if not notebook.is_relative_to(root):
            raise web.HTTPError(400, "That notebook is not in this workspace.")
        try:
            answer = await asyncio.to_thread(hand_in, notebook)
        except Exception as e:
            raise web.HTTPError(getattr(e, "status", 500), str(e), reason=None) from e
        self.finish(json.dumps(answer))

    def _notebook(self, body: dict) -> str:
        path = body.get("path")
        if not isinstance(path, str) or not path.endswith(".ipynb") or "\0" in path:
            raise web.HTTPError(400, "Expected the path of a notebook.")
        # A shared document's path begins with its drive.
        return path.partition(":")[2] if path.startswith("RTC:") else path


def hand_in(notebook: Path) -> dict[str, str]:
    """Hand a notebook's folder in; the address of the form for a run of it."""
    from experiments.client import Client, read_study  # noqa: PLC0415 - takes a while, seldom used

    client = Client()
    try:
        study = client.hand_in(read_study(notebook))
        query = {"snapshot": study.snapshot, "notebook": study.notebook, "owner": client.owner}
    finally:
        client.close()
    return {"url": f"{FORM}?{urlencode(query)}"}


def _load_jupyter_server_extension(serverapp) -> None:
    """Add the handler."""
    base = serverapp.web_app.settings["base_url"]
    route = (f"{base.rstrip('/')}/cohort/experiment", HandInHandler)
    serverapp.web_app.add_handlers(".*$", [route])


def _jupyter_server_extension_points():
    return [{"module": __name__}]
