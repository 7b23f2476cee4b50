"""A stock JupyterHub beside ours: DockerSpawner as its documentation sets it up, same image."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx

from tests.labs import docker, eventually, free_ports, free_subnet

CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://{gateway}:8081"
c.ConfigurableHTTPProxy.command = "/opt/proxy/node_modules/.bin/configurable-http-proxy"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "stock-password"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = "{image}"
c.DockerSpawner.cmd = ["jupyterhub-singleuser"]
c.DockerSpawner.network_name = "{name}"
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.remove = True
c.DockerSpawner.prefix = "{name}-u"
c.DockerSpawner.extra_create_kwargs = {{"labels": {{"cohort.project": "{name}"}}}}
c.DockerSpawner.default_url = "/lab"
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


class StockHub:
    """A stock hub in a container of our hub image, on a network of its own."""

    def __init__(self, folder: Path, hub_image: str, workspace_image: str) -> None:
        self.name = "cohort-t-stock-" + secrets.token_hex(3)
        self.port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder, self.hub_image = folder, hub_image
        self.subnet = free_subnet()
        gateway = self.subnet.replace(".0/24", ".1")
        (folder / "jupyterhub_config.py").write_text(
            CONFIG.format(port=self.port, api=self.port + 1, gateway=gateway, name=self.name,
                          image=workspace_image)
        )  # fmt: skip

    def up(self) -> None:
        """Start it and wait until it answers."""
        label = ["--label", f"cohort.project={self.name}"]
        gateway = self.subnet.replace(".0/24", ".1")
        docker(
            "network", "create", "--subnet", self.subnet, "--gateway", gateway, *label, self.name
        )
        docker("run", "-d", "--name", self.name, *label, "--network", "host", "--init",
               "-v", "/var/run/docker.sock:/var/run/docker.sock",
               "-v", f"{self.folder}:/stock", "-w", "/stock", self.hub_image,
               "jupyterhub", "-f", "jupyterhub_config.py")  # fmt: skip
        eventually(self._answers, 60, "the stock hub")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/hub/login").status_code == 200
        except httpx.HTTPError:
            return False

    def down(self) -> None:
        """Remove it with all its containers."""
        ids = docker("ps", "-aq", "--filter", f"label=cohort.project={self.name}").split()
        if ids:
            docker("rm", "-f", *ids, check=False)
        docker("network", "rm", self.name, check=False)
