"""Spawn times: ours, stock DockerSpawner's, and a bare ``docker run … jupyter lab``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.results import Figure, ratio
from bench.stock import StockHub
from tests.labs import Lab, docker, eventually
from tests.visitors import Visitor

ROUNDS = 10
BURST = 20
LOOK = 0.02


def bare(image: str, project: str) -> float:
    """Seconds from ``docker run`` to JupyterLab's page, with nothing around it."""
    token, name = secrets.token_hex(8), f"{project}-bare"
    begin = time.monotonic()
    docker("run", "-d", "--name", name, "--label", f"cohort.project={project}",
           "--publish", "127.0.0.1::8888", image, "jupyter", "lab", "--ip=0.0.0.0",
           "--no-browser", f"--IdentityProvider.token={token}")  # fmt: skip
    try:
        port = docker("port", name, "8888").splitlines()[0].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/lab?token={token}"
        while not _answers(url):
            if time.monotonic() - begin > 60:
                raise AssertionError(docker("logs", name))
            time.sleep(LOOK)
        return time.monotonic() - begin
    finally:
        docker("rm", "-f", name)


def _answers(url: str) -> bool:
    try:
        return "jupyter-config-data" in httpx.get(url, follow_redirects=True, timeout=5).text
    except httpx.HTTPError:
        return False


def side_by_side(lab: Lab, stock: StockHub, image: str, say: Callable) -> list[Figure]:
    """Interleave the three, so that whatever else the machine does hits all alike."""
    ours, theirs = Visitor(lab.url, "ada"), Visitor(stock.url, "ada")
    ours.log_in(lab.password("ada"))
    theirs.log_in_stock("stock-password")
    times: dict[str, list[float]] = {"ours": [], "stock": [], "bare": []}
    idle = 0.0
    for number in range(ROUNDS + 1):
        took = {"ours": ours.start("ada")}
        if number == ROUNDS:
            idle = idle_memory(lab.container("ada"))
        ours.stop("ada")
        took["stock"] = theirs.start("ada")
        theirs.stop("ada")
        took["bare"] = bare(image, lab.project)
        # The first round warms the page cache for all three alike.
        if number:
            for name, value in took.items():
                times[name].append(value)
        say("  " + ", ".join(f"{name} {value:.2f} s" for name, value in took.items()))
    return [
        ratio("spawn_vs_stock", times["ours"], times["stock"], "<= 0.5"),
        ratio("spawn_vs_bare", times["ours"], times["bare"], "<= 0.8"),
        Figure("desk_idle_mb", round(idle, 1), "MB", 1, None, "<= 110"),
    ]


def idle_memory(container: str) -> float:
    """MB that an idle server's control group holds, file cache that can be dropped excluded."""
    previous = [-1.0]

    def settled() -> bool:
        used = _memory(container)
        same, previous[0] = abs(used - previous[0]) < 0.2, used
        time.sleep(1)
        return same

    eventually(settled, 60, "memory settles")
    return previous[0]


def _memory(container: str) -> float:
    pid = docker("inspect", "--format", "{{.State.Pid}}", container)
    with open(f"/proc/{pid}/cgroup") as file:
        groups = dict(line.strip().split(":", 2)[1:] for line in file)
    if "memory" in groups:
        folder = f"/sys/fs/cgroup/memory{groups['memory']}"
        usage, inactive = "memory.usage_in_bytes", "total_inactive_file"
    else:
        folder, usage, inactive = f"/sys/fs/cgroup{groups['']}", "memory.current", "inactive_file"
    with open(f"{folder}/memory.stat") as file:
        stat = dict(line.split() for line in file)
    with open(f"{folder}/{usage}") as file:
        return (int(file.read()) - int(stat[inactive])) / 1e6


def burst(visitors: list[Visitor]) -> tuple[float, int]:
    """Everybody clicks at once: seconds until the last is ready, and how many failed."""

    def start(visitor: Visitor) -> bool:
        try:
            visitor.start(visitor.login)
        except (AssertionError, httpx.HTTPError):
            return False
        return True

    begin = time.monotonic()
    with ThreadPoolExecutor(len(visitors)) as pool:
        good = list(pool.map(start, visitors))
    took = time.monotonic() - begin
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda v: v.stop(v.login), visitors))
    return took, good.count(False)


def bursts(lab: Lab, stock: StockHub, say: Callable) -> list[Figure]:
    """Twenty people at once, on ours and on stock."""
    names = [f"p{number:02}" for number in range(BURST)]
    ours = [Visitor(lab.url, name) for name in names]
    theirs = [Visitor(stock.url, name) for name in names]
    for one in ours:
        one.log_in(lab.password(one.login))
    for one in theirs:
        one.log_in_stock("stock-password")
    took, failed = burst(ours)
    say(f"  ours: all ready after {took:.1f} s, {failed} failed")
    took_stock, failed_stock = burst(theirs)
    say(f"  stock: {BURST - failed_stock} ready after {took_stock:.1f} s, {failed_stock} failed")
    return [
        Figure("burst20_failed", failed, "people", BURST, None, "0"),
        Figure("burst20_vs_stock", round(took / took_stock, 3), "ratio", BURST, None, "<= 0.6"),
    ]
