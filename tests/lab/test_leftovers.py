"""What a killed test run left behind goes with the next; what a living one has stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from cohort.settings import Settings
from cohort.settings_file import load_settings
from hub_config import firewall
from tests.labs import Lab, docker, remove_leftovers
from tests.leftovers import iptables, owner_file, remove_lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="firewall rules need root")


@pytest.fixture
def half_a_lab(tmp_path) -> Iterator:
    """A factory of labs' networks and firewall rules, owned by a process."""
    made: list[str] = []

    def make(name: str, owner: int) -> Settings:
        (tmp_path / name).mkdir()
        lab = Lab(tmp_path / name)
        made.append(lab.project)
        owner_file(lab.project).write_text(str(owner))
        docker("network", "create", "--subnet", lab.subnet, lab.project)
        settings = load_settings(lab.settings)
        firewall.apply(settings, firewall.iptables())
        return settings

    yield make
    for project in made:
        remove_lab(project)


def rules_of(settings: Settings) -> list[str]:
    """Every line of the firewall that names one of a lab's chains."""
    listed = iptables(firewall.iptables(), "-S").splitlines()
    return [line for line in listed if any(c in line for c in firewall.chains(settings))]


def test_only_what_nobody_owns_any_more_is_removed(half_a_lab):
    with subprocess.Popen(["true"]) as ended:
        pass
    killed, living = half_a_lab("killed", ended.pid), half_a_lab("living", os.getpid())
    before = rules_of(living)
    assert len(before) > 10
    assert len(rules_of(killed)) == len(before)
    remove_leftovers()
    assert rules_of(killed) == []
    assert rules_of(living) == before
    networks = docker("network", "ls", "--format", "{{.Name}}").split()
    assert [s.lab.project in networks for s in (killed, living)] == [False, True]
    assert not owner_file(killed.lab.project).exists()
