"""nbgrader's Course List on a course's server: that course, and its formgrader.

nbgrader's own asks this server under its public address, which nobody reaches from inside, and
then looks for one hub service a course.
"""

from __future__ import annotations

import json
import os

from jupyter_server.base.handlers import APIHandler
from nbgrader.server_extensions.course_list.handlers import NbGraderVersionHandler
from tornado import web


class CoursesHandler(APIHandler):
    """``GET formgraders``: what nbgrader's page lists, as nbgrader describes it."""

    @web.authenticated
    def get(self):
        """Answer with this server's course."""
        course = {
            "course_id": os.environ.get("COHORT_COURSE", ""),
            "url": f"{self.base_url}formgrader",
            "kind": "local",
        }
        self.finish(json.dumps({"success": True, "value": [course]}))


def _load_jupyter_server_extension(serverapp) -> None:
    """Add the handlers."""
    base = serverapp.web_app.settings["base_url"]
    routes = [("formgraders", CoursesHandler), ("nbgrader_version", NbGraderVersionHandler)]
    serverapp.web_app.add_handlers(".*$", [(base + path, handler) for path, handler in routes])


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": __name__}]
