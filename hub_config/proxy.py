"""Runs configurable-http-proxy with the lab's address, certificate and token.

``check`` as an argument asks a running proxy for its health instead.
"""

from __future__ import annotations

import os
import sys
import urllib.request

from cohort.settings import HUB_PORT, Settings
from cohort.settings_file import load_settings

PROGRAM = "/opt/proxy/node_modules/.bin/configurable-http-proxy"


def command(settings: Settings) -> list[str]:
    """The proxy's command line; it holds no secret, the token goes by the environment."""
    address = settings.address
    hub = f"http://{settings.network.gateway}:{HUB_PORT}/hub"
    line = [
        PROGRAM,
        "--ip", address.listen, "--port", str(address.port),
        "--api-ip", "127.0.0.1", "--api-port", str(address.internal("proxy-api")),
        "--default-target", hub.removesuffix("/hub"), "--error-target", f"{hub}/error",
        "--log-level", "warn",
    ]  # fmt: skip
    if settings.tls.certificate:
        line += ["--ssl-cert", str(settings.tls.certificate), "--ssl-key", str(settings.tls.key)]
    return line


def check(settings: Settings) -> None:
    """Raise if the proxy's own health page does not answer."""
    port = settings.address.internal("proxy-api")
    token = (settings.data / "secrets" / "proxy_token").read_text(encoding="ascii").strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/routes", headers={"Authorization": f"token {token}"}
    )
    urllib.request.urlopen(request, timeout=4).close()  # noqa: S310


def main() -> None:
    """Become the proxy, or check it."""
    settings = load_settings(os.environ["COHORT_SETTINGS"])
    if sys.argv[1:] == ["check"]:
        check(settings)
        return
    token = (settings.data / "secrets" / "proxy_token").read_text(encoding="ascii").strip()
    line = command(settings)
    os.execve(line[0], line, {**os.environ, "CONFIGPROXY_AUTH_TOKEN": token})  # noqa: S606


if __name__ == "__main__":
    main()
