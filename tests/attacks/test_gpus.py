"""GPUs: in the team's container, absent in the desk, never in two containers at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks.scenes import devices_held, message_of, press_start, visit, watch_devices
from tests.labs import docker, eventually

# The engine gives CDI variables to the container's own processes, not to `docker exec`'s.
LOOK = """
ls /dev | grep simgpu
cat /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' | grep ^COHORT_SIM_GPU | sort -u
"""


@pytest.fixture(scope="module")
def teams(lab):
    """A member of each team, logged in: ada of apollo, chloe of borealis."""
    people = {"team-apollo": visit(lab, "ada"), "team-borealis": visit(lab, "chloe")}
    yield people
    for visitor in people.values():
        visitor.close()


def test_each_team_has_a_device_of_its_own_and_a_desk_has_none(fresh, teams):
    teams["team-apollo"].start("team-apollo", "team-gpu")
    teams["team-borealis"].start("team-borealis", "team-gpu")
    teams["team-apollo"].start("ada", "desk")
    seen = {}
    for account in teams:
        (request,) = fresh.inspect(account)["HostConfig"]["DeviceRequests"]
        assert request["Driver"] == "cdi"
        (seen[account],) = request["DeviceIDs"]
        number = seen[account].rpartition("=")[2]
        assert fresh.sh(account, LOOK).split() == [f"simgpu{number}", f"COHORT_SIM_GPU_{number}=1"]
        assert fresh.sh(account, f"echo work > /dev/simgpu{number} && echo done") == "done"
    assert set(seen.values()) == set(fresh.gpus)
    assert not fresh.inspect("ada")["HostConfig"]["DeviceRequests"]
    assert fresh.sh("ada", LOOK, check=False) == ""


def test_a_start_that_finds_gpus_taken_names_the_holder_and_starts_nothing(fresh, teams):
    teams["team-apollo"].start("team-apollo", "team-gpu")
    page = press_start(teams["team-borealis"], "team-borealis", "team-gpus")
    assert page.status_code == 409
    assert re.match(
        r"Only 1 of the lab's 2 GPUs is free and 2 were asked for: "
        r"team apollo has GPU \d \(since \d\d:\d\d\); ask them to stop",
        message_of(page),
    ), message_of(page)
    assert not fresh.server("team-borealis")
    assert len(devices_held(fresh)) == 1
    with watch_devices(fresh):
        teams["team-apollo"].stop("team-apollo")
        teams["team-borealis"].start("team-borealis", "team-gpus")
    assert sorted(devices_held(fresh)) == fresh.gpus


def test_a_killed_containers_gpus_are_free_again(fresh, teams):
    ada = teams["team-apollo"]
    ada.start("team-apollo", "team-gpus")
    with watch_devices(fresh):
        docker("kill", "--signal", "KILL", fresh.container("team-apollo"))
        # Its members' home page notices at once and says why it ended.
        assert "It was killed from outside" in ada.http.get(f"{fresh.url}/hub/home").text
        teams["team-borealis"].start("team-borealis", "team-gpus")
    assert sorted(devices_held(fresh)) == fresh.gpus


def test_of_two_teams_that_race_for_all_gpus_exactly_one_wins(fresh, teams):
    def race(account: str):
        return account, press_start(teams[account], account, "team-gpus")

    for _ in range(3):
        with watch_devices(fresh):
            with ThreadPoolExecutor(2) as pool:
                pages = dict(pool.map(race, teams))
            (loser,) = [account for account, page in pages.items() if page.status_code == 409]
            (winner,) = set(teams) - {loser}
            team = winner.removeprefix("team-")
            assert f"Both GPUs are taken: team {team} has GPU 0 and" in message_of(pages[loser])
            assert sorted(devices_held(fresh)) == fresh.gpus
        assert not fresh.server(loser)
        fresh.stop(winner)
        eventually(lambda: not devices_held(fresh), what="no device held")
