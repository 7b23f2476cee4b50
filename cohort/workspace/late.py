"""Server extensions that are loaded when their address is first asked for.

A stock server imports nine extensions before it answers, most of them for pages that most
people never open. Here an extension's first request loads it, and the router then finds its
handlers as if they had always been there: no handler of ours stands in between.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from tornado.routing import Matcher, Rule

# Package of the extension -> paths below the server's address that belong to it.
LATE = {
    "experiments.lab.extension": r"cohort/experiment",
    "experiments.lab.probe": r"scheduler/jobs",
    "jupyter_lsp": r"lsp(/.*)?",
    # Without what experiments.lab.probe answers or hands on.
    "jupyter_scheduler": r"scheduler/(?!jobs$).*",
    "jupyter_server_terminals": r"(terminals/websocket/.*|api/terminals(/.*)?)",
    "nbgitpuller": r"(git-pull(/.*)?|git-sync|interact)",
    "grading.nbgrader.assignment_list": r"(assignments(/.*)?|courses|nbgrader_version)",
    "grading.lab.course_list": r"(formgraders|nbgrader_version)",
    "grading.lab.formgrader": r"formgrader(/.*)?",
    "nbgrader.server_extensions.validate_assignment": r"(assignments/validate|nbgrader_version)",
    "notebook": r"(tree|notebooks|edit|consoles|terminals)(/(?!websocket/).*)?",
}

# asyncio keeps no hold on tasks of its own.
_starting: set[asyncio.Future] = set()


class OnFirstRequest(Matcher):
    """Calls a function at the first request for a path, and never matches.

    The router goes on to the next rules, which are those that the function just added.
    """

    def __init__(self, pattern: str, call: Callable[[], None]) -> None:
        self._pattern, self._call = re.compile(pattern), call

    def match(self, request) -> None:
        """Call the function once if the request's path fits; always None."""
        if self._call is not None and self._pattern.fullmatch(request.path):
            call, self._call = self._call, None
            call()


def when_asked(web_app, path: str, call: Callable[[], None]) -> None:
    """Call ``call`` at the first request for ``path``, a regular expression below base_url.

    The handlers that it adds come after those that are there, as they do in a stock server.
    """
    pattern = re.escape(web_app.settings["base_url"]) + path
    web_app.default_router.rules.insert(0, Rule(OnFirstRequest(pattern, call), None))


def load_extension(serverapp, name: str) -> None:
    """Load a server extension into a running server, as it would have been at the start; once."""
    manager = serverapp.extension_manager
    there = manager.extensions.get(name)
    if (there and there.enabled) or not manager.add_extension(name, enabled=True):
        return
    manager.link_extension(name)
    manager.load_extension(name)
    start = asyncio.ensure_future(manager.start_extension(name))
    _starting.add(start)
    start.add_done_callback(_starting.discard)
