"""The hub is killed while people work: no kernel is lost, no claim is wrong."""

import os
import random
import time

import httpx

from tests.kernels import Kernel
from tests.labs import docker, eventually

KILLS = 20 if os.environ.get("COHORT_CAMPAIGN") else 1


def kill_hub(lab):
    """End the hub without warning, as a crash does, and wait until the engine noticed."""
    hub = lab.service("hub")
    docker("kill", "--signal", "KILL", hub)
    eventually(lambda: docker("inspect", "--format", "{{.State.Running}}", hub) == "false")


def hub_is_back(lab):
    docker("start", lab.service("hub"))

    def healthy():
        return (
            docker("inspect", "--format", "{{.State.Health.Status}}", lab.service("hub"))
            == "healthy"
        )

    eventually(healthy, 90, "the hub is healthy")


def test_no_kernel_is_lost_when_the_hub_is_killed(fresh):
    fresh.start("team-apollo", "team-gpu")
    container = fresh.inspect("team-apollo")["Id"]
    kernel = Kernel(fresh, "team-apollo")
    kernel.run("kept = 41")
    for number in range(KILLS):
        if number:
            time.sleep(random.uniform(0, 2))  # a campaign kills at random moments
        kill_hub(fresh)
        # During the outage: the server answers through the proxy to those it knows already.
        assert kernel.run("kept += 1; print(kept)") == f"{42 + 2 * number}\n"
        hub_is_back(fresh)
        assert kernel.run("kept += 1; print(kept)") == f"{43 + 2 * number}\n"
    assert fresh.inspect("team-apollo")["Id"] == container
    assert fresh.server("team-apollo")["ready"]
    # The claim outlived the hub: the other team gets the other device.
    fresh.start("team-borealis", "team-gpu")
    devices = [
        fresh.inspect(a)["HostConfig"]["DeviceRequests"][0]["DeviceIDs"]
        for a in ("team-apollo", "team-borealis")
    ]
    assert sorted(devices) == [["sim.cohort/gpu=0"], ["sim.cohort/gpu=1"]]


def test_what_died_during_the_outage_is_explained_and_gives_its_gpus_back(fresh):
    fresh.start("team-apollo", "team-gpus")
    kill_hub(fresh)
    docker("kill", "--signal", "KILL", fresh.container("team-apollo"))
    hub_is_back(fresh)
    eventually(lambda: not fresh.server("team-apollo"), 60, "noticed")
    assert "team-apollo ended: It was killed from outside" in fresh.hub_log()
    fresh.start("team-borealis", "team-gpus")


def test_routes_come_back_after_the_proxy_was_killed(fresh):
    fresh.start("ada", "desk")
    docker("kill", "--signal", "KILL", fresh.service("proxy"))
    docker("start", fresh.service("proxy"))

    def reachable():
        try:
            return fresh.request("GET", "/user/ada/api/status").status_code == 200
        except httpx.TransportError:
            return False  # it does not listen yet

    eventually(reachable, 90, "the desk behind the proxy")
