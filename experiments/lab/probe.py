"""``GET scheduler/jobs?max_items=0``: how JupyterLab asks, at each start, if there are jobs at all.

Invariant: a page that is opened loads nothing of jupyter_scheduler, whose imports take 24 MB and
0.2 s of every workspace; the first real question does.
"""

from __future__ import annotations

import json

from jupyter_server.base.handlers import APIHandler
from tornado import web

from cohort.workspace.late import load_extension

SCHEDULER = "jupyter_scheduler"


class JobsLater(APIHandler):
    """Answers that question; becomes jupyter_scheduler's own handler for any other."""

    def __new__(cls, application, request):
        """Return the handler for this request."""
        if request.method == "GET" and request.query_arguments == {"max_items": [b"0"]}:
            return super().__new__(cls)
        load_extension(application.settings["serverapp"], SCHEDULER)
        from jupyter_scheduler.handlers import JobHandler  # noqa: PLC0415 - see above

        return JobHandler(application, request, name=SCHEDULER)

    @web.authenticated
    def get(self):
        """No jobs, as asked for."""
        self.finish(json.dumps({"jobs": [], "total_count": 0}))


def _load_jupyter_server_extension(serverapp) -> None:
    """Add the handler."""
    base = serverapp.web_app.settings["base_url"]
    serverapp.web_app.add_handlers(".*$", [(f"{base.rstrip('/')}/scheduler/jobs", JobsLater)])


def _jupyter_server_extension_points():
    return [{"module": __name__}]
