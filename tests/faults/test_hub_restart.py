"""The hub is killed while people work: no kernel is lost, no claim is wrong."""

import json
import os
import random
import time

import httpx

from tests.attacks.scenes import visit
from tests.kernels import Kernel
from tests.labs import docker, eventually

KILLS = 20 if os.environ.get("COHORT_CAMPAIGN") else 2


def kill_hub(lab):
    """End the hub's container without warning and wait until the engine noticed."""
    hub = lab.service("hub")
    docker("kill", "--signal", "KILL", hub)
    eventually(lambda: docker("inspect", "--format", "{{.State.Running}}", hub) == "false")


def crash_hub(lab):
    """Kill the hub's process in its container, which the engine then starts again by itself."""
    before = hub_state(lab)["StartedAt"]
    script = "kill -9 $(cat /proc/1/task/1/children)"
    docker("exec", lab.service("hub"), "sh", "-c", script, check=False)
    eventually(lambda: hub_state(lab)["StartedAt"] != before, what="the hub is started again")


def hub_state(lab):
    return json.loads(docker("inspect", "--format", "{{json .State}}", lab.service("hub")))


def hub_is_back(lab):
    """Start the hub, if need be, and wait until it is healthy."""
    docker("start", lab.service("hub"))
    eventually(lambda: hub_state(lab)["Health"]["Status"] == "healthy", 90, "the hub is healthy")


def test_no_kernel_is_lost_when_the_hub_is_killed(fresh):
    fresh.start("team-apollo", "team-gpu")
    container = fresh.inspect("team-apollo")["Id"]
    kernel = Kernel(fresh, "team-apollo")
    kernel.run("kept = 41")
    with kernel.page_open():
        for number in range(KILLS):
            if number > 1:
                time.sleep(random.uniform(0, 2))  # a campaign kills at random moments
            if number % 2:
                crash_hub(fresh)
            else:
                kill_hub(fresh)
            # Through an outage of several times the seconds after which the server asks the hub.
            kernel.run("import time; time.sleep(5)")
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


def test_whoever_comes_back_during_an_outage_is_let_in(fresh):
    fresh.start("ada", "desk")
    kernel = Kernel(fresh, "ada")
    kernel.run("kept = 41")
    # Longer than from one look of the server at who may be in to the next, which nobody sees.
    time.sleep(5)
    kill_hub(fresh)
    assert kernel.run("print(kept + 1)") == "42\n"
    stranger = httpx.get(f"{fresh.url}/user/ada/api/kernels", headers={"Authorization": "token x"})
    assert stranger.status_code >= 400
    hub_is_back(fresh)


def test_what_died_during_the_outage_is_explained_and_gives_its_gpus_back(fresh):
    fresh.start("team-apollo", "team-gpus")
    kill_hub(fresh)
    docker("kill", "--signal", "KILL", fresh.container("team-apollo"))
    hub_is_back(fresh)
    eventually(lambda: not fresh.server("team-apollo"), 60, "noticed")
    assert "team-apollo ended: It was killed from outside" in fresh.hub_log()
    ada = visit(fresh, "ada")
    assert "It was killed from outside" in ada.http.get(f"{fresh.url}/hub/home").text
    ada.close()
    fresh.start("team-borealis", "team-gpus")


def test_a_start_that_a_kill_cut_off_holds_no_gpu_for_ever(fresh):
    fresh.api("POST", "/users/team-apollo", json={})
    fresh.api("POST", "/users/team-apollo/server", json={"profile": "team-gpus"})
    name = fresh.container("team-apollo")
    eventually(lambda: docker("ps", "-q", "--filter", f"name={name}"), what="its container")
    kill_hub(fresh)
    hub_is_back(fresh)

    # Nobody has to wait until somebody finds out.
    fresh.start("team-borealis", "team-gpus")
    assert docker("ps", "-aq", "--filter", f"name={name}") == ""
    assert not fresh.server("team-apollo")
    ada = visit(fresh, "ada")
    assert "restarted while this was starting" in ada.http.get(f"{fresh.url}/hub/home").text
    ada.close()


def test_routes_come_back_after_the_proxy_was_killed(fresh):
    fresh.start("ada", "desk")
    docker("kill", "--signal", "KILL", fresh.service("proxy"))
    docker("start", fresh.service("proxy"))

    def reachable():
        try:
            return fresh.request("GET", "/user/ada/api/status").status_code == 200
        except httpx.TransportError:
            return False  # it does not listen yet

    eventually(reachable, 60, "the desk behind the proxy")
