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

from experiments.lab.places import find_notebook

FORM = "/services/experiments/new"


class HandInHandler(APIHandler):
    """Takes ``{"path": …}``, relative to the server's root; gives ``{"url": …}``."""

    @web.authenticated
    async def post(self):
        """Hand the folder in; 4xx with a sentence if that is refused."""
        body = self.get_json_body()
        path = body.get("path") if isinstance(body, dict) else None
        try:
            notebook = find_notebook(self.settings["server_root_dir"], path)
            answer = await asyncio.to_thread(hand_in, notebook)
        except Exception as e:
            raise web.HTTPError(getattr(e, "status", 500), str(e), reason=None) from e
        self.finish(json.dumps(answer))


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
