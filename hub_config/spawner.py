"""DockerSpawner for desks, teams and courses: claims GPUs, hardens, explains every end.

Invariant: a device is in the ledger before a container with it is created and until that
container is gone. What a person may choose is for `hub_config.choices`.
"""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker.errors
from dockerspawner import DockerSpawner
from jupyterhub.utils import utcnow
from traitlets import Unicode, default

from cohort.errors import CohortError
from cohort.gpus import GpuLedger, Holder
from cohort.membership import kind_of, membership_of, team_of
from cohort.settings import Profile, Settings
from hub_config import containers, evidence
from hub_config.choices import Refused, choose, fitting
from hub_config.idle import limit_of
from hub_config.ready import wait_ready


class CohortSpawner(DockerSpawner):
    """A container per desk, per team and per course; see the module's invariants."""

    # Set once on the class: traitlets copies what stands in its configuration, and a ledger
    # holds a database connection.
    settings: Settings
    ledger: GpuLedger

    image_tag = Unicode("latest", config=True, help="tag of the lab's own images")
    ended = Unicode("", help="why the last server ended, shown on the home page")

    @property
    def executor(self):
        """Upstream has one thread for all Docker calls of all users; one slow stop held all."""
        cls = CohortSpawner
        if cls._executor is None:
            cls._executor = ThreadPoolExecutor(16, thread_name_prefix="docker")
        return cls._executor

    @property
    def team(self) -> str | None:
        """The team whose workspace this is, or None for anything else."""
        return team_of(self.user.name)

    @property
    def kind(self) -> str:
        return kind_of(self.user.name)

    @property
    def holder(self) -> Holder:
        """Who claims this server's GPUs."""
        return Holder(kind=self.kind, name=self.user.name, label=f"team {self.team}")

    def profiles(self) -> list[Profile]:
        """Profiles that the person who asks may choose here; the first is the default."""
        asker = getattr(self.handler, "current_user", None) if self.handler else None
        role = membership_of(r.name for r in asker.roles).role if hasattr(asker, "roles") else None
        return fitting(self.settings, self.kind, role, len(self.ledger.devices))

    def options_from_form(self, formdata):
        """Keep the profile's name and nothing else of what a browser sends."""
        return {"profile": formdata.get("profile", [""])[0]}

    def options_from_query(self, query_options):
        """As for the form."""
        return self.options_from_form(query_options)

    @property
    def image_name(self) -> str:
        image = self.profile.image
        return f"cohort/{image}:{self.image_tag}" if image == "workspace" else image

    @default("apply_user_options")
    def _apply_user_options_default(self):
        # The profile is applied in start(), where it is checked; upstream warns if nobody says so.
        return lambda spawner, options: None

    @default("object_name")
    def _object_name_default(self):
        return containers.container_name(self.settings.lab.project, self.user.name)

    async def start(self):
        """Start the container and return its address once JupyterLab answers."""
        self.ended = ""
        self.profile = choose(self.profiles(), self.kind, self.user_options)
        self.user_options = {"profile": self.profile.name}
        # What the home page shows, and preselects next time; start() by itself keeps nothing.
        self.orm_spawner.user_options = self.user_options
        self.user.db.commit()
        self.image = self.image_name
        self.mem_limit, self.cpu_limit = self.profile.memory_bytes, self.profile.cpus
        self.gpus = await self._claim()
        try:
            return await self._start_container()
        except BaseException:
            # Also when cancelled by the hub's time limit: first the container goes, then its
            # claim, so that nobody else is given a device that is still in use.
            await asyncio.shield(self.stop(now=True))
            raise

    async def _start_container(self):
        await self._in_thread(self._ensure_home)
        await self._remove_leftover()
        try:
            created = await self.create_object()
            self.object_id = created[self.object_id_key]
            await self.start_object()
            ip, port = await self.get_ip_and_port()
        except docker.errors.ImageNotFound as e:
            self.log.error("Image %s is missing", self.image)
            raise Refused(evidence.missing_image(self.image), 503) from e
        except (docker.errors.DockerException, OSError) as e:
            self.log.error("The engine refused %s: %s", self.container_name, e)
            raise Refused(evidence.ENGINE_REFUSED, 503) from e
        await wait_ready(ip, port, self.server.base_url, self._died)
        return ip, port

    async def _died(self) -> None:
        """Raise `Refused` with the reason if the container has ended before it answered."""
        status = await self.poll()
        if status is not None:
            raise Refused(self.ended or "The server ended while it was starting.", 500)

    async def create_object(self):
        """Create the container from the profile; see `hub_config.containers`."""
        settings = self.settings
        home = containers.home_of(settings, self.user.name)
        host = containers.host_config(settings, self.profile, self.gpus)
        return await self.docker(
            "create_container",
            image=self.image,
            name=self.container_name,
            command=await self.get_command(),
            environment=self.get_env(),
            user=f"{containers.UID}:{containers.UID}",
            hostname=containers.short_name(self.user.name).split("@")[0][:63],
            labels=containers.labels(settings, self.user.name, self.profile),
            host_config=self.client.create_host_config(
                binds=containers.binds(settings, home), **host
            ),
        )

    def get_env(self):
        """The hub's variables and what `cohort.workspace` reads."""
        return {
            **super().get_env(),
            **containers.environment(self.settings, self.user.name, self.profile, self.gpus),
            "COHORT_HUB_PRESENCE_URL": f"{self.hub.api_url}/cohort/presence",
        }

    async def get_ip_and_port(self):
        """The container's own address: the hub on the host's network reaches the bridge."""
        found = await self.docker("inspect_container", self.object_id)
        networks = found["NetworkSettings"]["Networks"]
        return networks[self.settings.lab.project]["IPAddress"], containers.PORT

    async def poll(self):
        """None while the container runs; else its end, once explained, logged and cleaned up."""
        # The hub keeps what it knows of a server once it has started: with nothing kept, it was
        # the hub that ended while this started, and nobody has the address of what runs here.
        cut_off = not self.object_id and self.pending != "spawn"
        found = await self.get_object()
        alive = found and found["State"]["Status"] in ("created", "running", "paused", "restarting")
        if alive and not cut_off:
            return None
        if found:
            if alive:
                self.ended = evidence.CUT_OFF
                self.log.warning("Removing %s: %s", self.container_name, self.ended)
            elif not self._stop_pending:
                # One that somebody is stopping right now needs no explanation.
                await self._explain(found)
            await self.remove_object()
            self.object_id = ""
        await self._release()
        return self.ended or "gone"

    async def stop(self, now=False):
        """Stop and remove the container, then give its GPUs back."""
        if not now:
            self.ended = self._idle_reason()
        try:
            found = await self.get_object()
            if found:
                await self.docker("stop", self.object_id, timeout=0 if now else 8)
                await self.remove_object()
        except docker.errors.NotFound:
            pass
        # After any other error the container may still run, and its devices stay claimed.
        self.object_id = ""
        await self._release()

    async def remove_object(self):
        """Remove the container; one that is already going is as good as gone."""
        try:
            await self.docker("remove_container", self.object_id, v=True, force=True)
        except docker.errors.APIError as e:
            if e.status_code not in (404, 409):
                raise

    def get_state(self):
        """What outlives this object, which the hub drops with each stop, and the hub itself."""
        return {**super().get_state(), "ended": self.ended}

    def load_state(self, state):
        """Take up what an earlier spawner of this account left."""
        super().load_state(state)
        self.ended = state.get("ended", "")

    async def _explain(self, found: dict) -> None:
        memory = next(
            (p.memory for p in self.settings.profiles
             if p.name == found["Config"]["Labels"].get("cohort.profile")), "?",
        )  # fmt: skip
        self.ended = evidence.reason(found["State"], memory)
        tail = await self.docker("logs", self.object_id, tail=40)
        self.log.error(
            "%s ended: %s\n%s\n%s",
            self.container_name, self.ended, json.dumps(found["State"]),
            tail.decode("utf-8", "replace"),
        )  # fmt: skip

    def _idle_reason(self) -> str:
        """The reason if this stop comes of idleness, else "": the hub does not say who asks."""
        last = self.orm_spawner.last_activity
        limit = limit_of({"user_options": self.orm_spawner.user_options}, self.settings)
        if last is None or (utcnow(with_tz=False) - last).total_seconds() < limit:
            return ""
        return evidence.unused(limit / 60)

    async def _claim(self) -> tuple[str, ...]:
        if not self.profile.gpus:
            return ()
        try:
            return await self._in_thread(self.ledger.claim, self.holder, self.profile.gpus)
        except CohortError as e:
            raise Refused(str(e)) from e

    async def _release(self) -> None:
        if self.team:
            await self._in_thread(self.ledger.release, self.holder)

    async def _remove_leftover(self) -> None:
        """A container of this name from before a crash has old devices and an old token."""
        if await self.get_object():
            self.log.warning("Removing leftover container %s", self.container_name)
            await self.remove_object()

    def _ensure_home(self) -> None:
        home: Path = containers.home_of(self.settings, self.user.name)
        if not home.exists():
            home.mkdir(mode=0o700, parents=True)
            os.chown(home, containers.UID, containers.UID)

    async def _in_thread(self, call, *args):
        return await asyncio.wrap_future(self.executor.submit(call, *args))
