"""What the attack tests share: probes that run inside containers, tokens, a watch on GPUs."""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from tests.labs import Lab, docker, eventually
from tests.visitors import Visitor

# Prints which of the addresses in argv ("ip:port") accept a connection within a second.
KNOCK = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def knock(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return address
    except OSError:
        return None
with ThreadPoolExecutor(32) as pool:
    print(*filter(None, pool.map(knock, sys.argv[1:])))
"""


def visit(lab: Lab, login: str) -> Visitor:
    """A person, logged in over plain HTTP."""
    visitor = Visitor(lab.url, login)
    visitor.log_in(lab.password(login))
    return visitor


def own_token(visitor: Visitor) -> str:
    """An API token that a person makes for themselves; it may do all that they may."""
    visitor.http.get(f"{visitor.url}/hub/home")
    answer = visitor.http.post(
        f"{visitor.url}/hub/api/users/{visitor.login}/tokens",
        headers={"X-XSRFToken": visitor.xsrf, "Referer": f"{visitor.url}/hub/token"}, json={},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def knock(lab: Lab, account: str, addresses: Sequence[str]) -> set[str]:
    """The addresses that answer to a server's container."""
    found = docker("exec", lab.container(account), "python", "-c", KNOCK, *addresses)
    return set(found.split())


def ask(lab: Lab, account: str, script: str) -> dict | list:
    """Run Python inside a server's container, as its user, and read the JSON it prints."""
    return json.loads(docker("exec", lab.container(account), "python", "-c", script))


def press_start(visitor: Visitor, account: str, profile: str) -> httpx.Response:
    """Press Start and return the page on which it ends: JupyterLab, or the reason why not."""
    visitor.http.get(f"{visitor.url}/hub/home")
    page = visitor.http.post(
        f"{visitor.url}/hub/spawn/{account}",
        params={"_xsrf": visitor.xsrf}, data={"profile": profile},
    )  # fmt: skip

    def settled() -> httpx.Response | None:
        answer = page
        if page.url.path.startswith("/hub/spawn-pending/"):
            answer = visitor.http.get(f"{visitor.url}/hub/spawn-pending/{account}")
        done = 'id="message"' in answer.text or "jupyter-config-data" in answer.text
        return answer if done else None

    return eventually(settled, what=f"{account} started or refused")


def message_of(page: httpx.Response) -> str:
    """The sentence on a page that refuses."""
    found = re.search(r'<p id="message"[^>]*>(.*?)</p>', page.text, re.S)
    assert found, page.text
    return html.unescape(found[1]).strip()


def containers_of(lab: Lab) -> list[dict]:
    """``docker inspect`` of every container of the lab, in whatever state."""
    ids = docker("ps", "-aq", "--filter", f"label=cohort.project={lab.project}").split()
    # One that goes while it is looked at prints an error beside the others' descriptions.
    done = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "[]")


def devices_held(lab: Lab) -> list[str]:
    """GPUs that containers of the lab have, with repeats if two have the same."""
    return [
        device
        for container in containers_of(lab)
        for request in container["HostConfig"]["DeviceRequests"] or []
        for device in request["DeviceIDs"]
    ]


@contextmanager
def watch_devices(lab: Lab) -> Iterator[None]:
    """Look at all containers again and again; fails if two ever had one device."""
    done, twice, looks = threading.Event(), [], []

    def look() -> None:
        while not done.is_set():
            held = devices_held(lab)
            looks.append(len(held))
            if len(held) != len(set(held)):
                twice.append(held)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert max(looks, default=0) > 0, "the watch saw no device at all"
    assert not twice, f"one device in two containers: {twice}"
