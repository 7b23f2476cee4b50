"""Workspace containers for tests, without a lab: a hub that says yes, or none."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from cohort.lab.images import ensure_images
from tests.labs import docker, eventually, free_ports

TOKEN = "of-the-owner"
BASE = "/user/ada/"


@cache
def image() -> str:
    """The workspace image of this checkout, built if need be, the same for the whole run."""
    return ensure_images(print, only=("workspace",)).workspace


def python(code: str, *options: str) -> str:
    """Run Python in the image; what it printed."""
    return docker("run", "--rm", "--network", "none", *options, image(), "python", "-c", code)


class YesHub(ThreadingHTTPServer):
    """A hub that knows one person, ada, and lets her in; remembers what it was told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.told: list[tuple[str, dict]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hub/api"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        scopes = ["access:servers!user=ada", "read:users:name!user=ada"]
        user = {"kind": "user", "name": "ada", "admin": False, "groups": [], "scopes": scopes,
                "user_info": {"name": "Ada Wong", "display_name": "Ada Wong"}}  # fmt: skip
        body = json.dumps(user if self.path.endswith("/user") else {"version": "6.1.1"}).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.told.append((self.path, json.loads(told or "{}")))
        self.do_GET()

    def log_message(self, *args) -> None:
        """Say nothing."""


class Server:
    """A running workspace container and its address."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        headers = {"Authorization": f"token {TOKEN}"}
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}{BASE}", headers=headers, timeout=60
        )

    def log(self) -> str:
        """All it has said."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True)
        return done.stdout + done.stderr

    def answers(self) -> bool:
        """True once it answers; fails with its log if it has ended."""
        try:
            return self.http.get("api").status_code == 200
        except httpx.TransportError:
            running = docker("inspect", "--format", "{{.State.Running}}", self.name)
            assert running == "true", self.log()
            return False

    def page_config(self) -> dict:
        """What JupyterLab's page is told."""
        text = self.http.get("lab").text
        start = text.index(">", text.index('id="jupyter-config-data"')) + 1
        return json.loads(text[start : text.index("</script>", start)])


@contextmanager
def server(
    command: list[str], env: dict[str, str] | None = None, *options: str
) -> Iterator[Server]:
    """A container of the image that runs a command and listens on a port of its own."""
    port = free_ports(1)
    command = [part.format(port=port, base=BASE, token=TOKEN) for part in command]
    flags = [x for k, v in (env or {}).items() for x in ("--env", f"{k}={v.format(port=port)}")]
    name = docker("run", "--detach", "--init", "--network", "host", "--label", "cohort.kind=test",
                  *flags, *options, image(), *command)  # fmt: skip
    one = Server(name, port)
    try:
        eventually(one.answers, 60, "an answer")
        yield one
    finally:
        one.http.close()
        docker("rm", "--force", name)


def spawned(hub: YesHub, **env: str) -> dict[str, str]:
    """The environment that a spawner gives, and what a test adds."""
    scopes = json.dumps(["access:servers!user=ada"]).replace("{", "{{").replace("}", "}}")
    return {
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:{port}" + BASE,
        "JUPYTERHUB_SERVICE_PREFIX": BASE,
        "JUPYTERHUB_API_TOKEN": TOKEN,
        "JUPYTERHUB_API_URL": hub.url,
        "JUPYTERHUB_ACTIVITY_URL": f"{hub.url}/users/ada/activity",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
        "JUPYTERHUB_USER": "ada",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{BASE}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "COHORT_KIND": "desk",
        "COHORT_IDLE_SECONDS": "3600",
        **env,
    }
