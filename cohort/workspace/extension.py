"""Cohort's server extension: status and keep, activity, presence, doors."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.application import ExtensionApp
from tornado import web

from cohort.workspace.activity import Activity
from cohort.workspace.collaboration import stop_quietly
from cohort.workspace.curriculum import missing
from cohort.workspace.doors import Doors
from cohort.workspace.gpus import Gpus
from cohort.workspace.kinds import read_environment
from cohort.workspace.memory import memory_status
from cohort.workspace.presence import Presence
from cohort.workspace.sockets import Sockets

LOOK_SECONDS = 5.0
# New versions of the curriculum come once the page has loaded, so that nobody waits for them.
CALM_SECONDS = 5.0


class StatusHandler(APIHandler):
    """``GET cohort/status``: what the page shows; asking is no activity."""

    _track_activity = False

    @web.authenticated
    def get(self):
        """Answer with JSON; see `Cohort.status`."""
        self.finish(json.dumps(self.settings["cohort"].status()))


class KeepHandler(APIHandler):
    """``POST cohort/keep``: somebody wants this server to stay."""

    @web.authenticated
    async def post(self):
        """Start the idle time anew, here and at the hub; 204."""
        await self.settings["cohort"].keep()
        self.set_status(204)
        self.finish()


class Cohort(ExtensionApp):
    """The parts, wired to one another and to the server."""

    name = "cohort"
    handlers = [("cohort/status", StatusHandler), ("cohort/keep", KeepHandler)]  # noqa: RUF012

    async def _start_jupyter_server_extension(self, serverapp):
        self._space = space = read_environment()
        auth = serverapp.identity_provider.hub_auth
        self.activity = Activity(serverapp.web_app)
        self.gpus = Gpus(space.gpus)
        self.sockets = Sockets(auth)
        self.presence = Presence(space.presence_url, auth.api_token, self._logins, self.log)
        self.sockets.on_change.append(self.presence.changed)
        self.doors = Doors(auth, self.sockets, space.door_seconds, self.log)
        self.sockets.on_open += [self.activity.note_edits, self.doors.note]
        self.sockets.watch()
        stop_quietly(serverapp)
        self._count_what_people_do(serverapp.web_app)
        self._tasks = [
            asyncio.ensure_future(run)
            for run in (self.presence.run(), self.doors.run(), self._look(), self._bring())
        ]

    def _count_what_people_do(self, web_app) -> None:
        # The hub's extension and /api/status ask the application; both hear our answer.
        web_app.last_activity = self.activity.last
        log = web_app.settings["log_function"]

        def log_and_note(handler):
            log(handler)
            self.activity.note_request(handler)

        web_app.settings["log_function"] = log_and_note

    async def _look(self) -> None:
        while True:
            self.activity.look_at_terminals()
            await asyncio.sleep(LOOK_SECONDS)

    async def _bring(self) -> None:
        if self._space.kind == "course":
            return
        if not missing(Path.home()):
            await asyncio.sleep(CALM_SECONDS)
        line = (sys.executable, "-m", "cohort.workspace.curriculum")
        process = await asyncio.create_subprocess_exec(*line, stdin=asyncio.subprocess.DEVNULL)
        if await process.wait():
            self.log.warning("Not all of the curriculum could be brought; its own lines say why")

    def _logins(self) -> list[str]:
        return [person.login for person in self.sockets.people()]

    def status(self) -> dict:
        """The answer of ``GET cohort/status``."""
        space = self._space
        return {
            "kind": space.kind,
            "team": space.team,
            "busy": self.activity.busy(),
            "idle_seconds": self.activity.idle_seconds(),
            "stop_after_seconds": space.idle_seconds,
            "warn_seconds": space.warn_seconds,
            "memory": memory_status(),
            "gpus": self.gpus.status(),
            "who": [person._asdict() for person in self.sockets.people()],
        }

    async def keep(self) -> None:
        """Somebody asked for the server to stay: count it, and tell the hub at once."""
        self.activity.use()
        hub = self.serverapp.extension_manager.extension_points.get("jupyterhub-singleuser")
        if hub:
            await hub.app.notify_activity()

    async def stop_extension(self):
        """End the tasks; the server is going down."""
        for task in self._tasks:
            task.cancel()
        self.sockets.unwatch()


def _jupyter_server_extension_points():
    return [{"module": __name__, "app": Cohort}]
