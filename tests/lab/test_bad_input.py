"""What bad input gets from `make up`: one sentence, exit code 1, and nothing is changed.

A real command each time, on a lab that has never been up.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.labs import PEOPLE, ROOT, SETTINGS, Lab, docker

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and other users need root")

# What is replaced in the good file, by what, and the words that the sentence must have;
# {line} is where the replacement begins.
SPOILT = {
    "no TOML": ('[lab]', '[lab', ("not valid TOML", "line {line}")),
    "a key twice": ('name = "Test Lab"', 'name = "a"\nname = "b"',
                    ("not valid TOML", "line {below}")),
    "unknown key": ('name = "Test Lab"', 'naem = "Test Lab"',
                    ("line {line}: lab.naem", "there is no such setting")),
    "unknown section": ("[gpus]", "[gpu]", ("line {line}: gpu", "there is no such setting")),
    "wrong type": ("\ncheck_seconds = 2", '\ncheck_seconds = "often"',
                   ("line {below}: idle.check_seconds", "valid integer", "'often'")),
    "out of range": ("warn_minutes = 0.25", "warn_minutes = 0",
                     ("line {line}: idle.warn_minutes", "greater than 0")),
    "no size": ('memory = "1G"', 'memory = "much"',
                ("line {line}: profiles.1.memory", 'such as "512M"', "'much'")),
    "too small": ('memory = "1G"', 'memory = "64M"', ("line {line}", 'at least "256M"')),
    "no role": ('"instructor", "operator"', '"instructor", "boss"',
                ("line {line}: profiles.3.roles", "'participant'", "'boss'")),
    "no kind": ('kind = "team"\ncpus', 'kind = "shared"\ncpus',
                ("line {line}: profiles.4.kind", "'desk', 'team' or 'course'", "'shared'")),
    "no name": ('name = "team-gpu"', 'name = "Team GPU"',
                ("line {line}: profiles.4.name", "lower-case name", "'Team GPU'")),
    "no range": ('subnet = "{subnet}"', 'subnet = "172.30.0.1"',
                 ("line {line}: network.subnet", "/28 or larger")),
    "public range": ('subnet = "{subnet}"', 'subnet = "8.8.8.0/24"',
                     ("line {line}: network.subnet", "private IPv4 range")),
    "no address": ('url = "http://127.0.0.1:{port}"', 'url = "127.0.0.1"',
                   ("line {line}: address.url", "such as")),
    "no device": ("devices = {gpus}", 'devices = ["0"]',
                  ("line {line}: gpus.devices", "nvidia.com/gpu=0")),
    "no such provider": ('provider = "bundled"', 'provider = "ldap"',
                         ("line {line}: login.provider", "'oidc'", "'ldap'")),
    "half a provider": ('provider = "bundled"', 'provider = "google"',
                        ("line {above}: login", "client_id, client_secret_file")),
    "no certificate": ("[login]", '[tls]\ncertificate = "/no/crt"\nkey = "/no/key"\n\n[login]',
                       ("line {line}: tls", "cannot read /no/crt")),
}  # fmt: skip

SPOILT_PEOPLE = {
    "no such role": ("olga,Olga Yip,olga@lab.example,,operator", "olga,Olga,o@lab.example,,boss",
                     ("line 8, column role", "participant", "'boss'")),
    "a login twice": ("ben,Ben", "ada,Ben", ("line 3, column login", "ada is also in line 2")),
    "a team's name": ("ben,Ben", "team-ben,Ben", ("line 3, column login", "belong to the lab")),
    "no such column": ("login,name,email", "login,name,mail", ("line 1, column mail", "exactly")),
    "too few values": (",apollo,participant\nben", "\nben", ("line 2", "expected 5 values")),
    "nobody": (PEOPLE.partition("\n")[2], "", ("lists nobody",)),
}  # fmt: skip


def up(lab: Lab, *before: str, **env: str) -> str:
    """Run `up`, which must refuse, and return its one sentence."""
    done = subprocess.run(
        [*before, *lab.command("up")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.fullmatch(r"cohort: [^\n]+\.\n", done.stderr), done.stderr
    assert done.stdout == ""
    return done.stderr


def assert_untouched(lab: Lab) -> None:
    """Neither the disk nor the engine has anything of this lab."""
    assert sorted(f.name for f in lab.folder.iterdir()) == ["cohort.toml", "people.csv"]
    mine = ("--filter", f"label=cohort.project={lab.project}")
    assert docker("ps", "-aq", *mine) == docker("network", "ls", "-q", *mine) == ""


@pytest.fixture
def spoilt(tmp_path):
    """A factory of labs that have never been up, with a word of a file replaced."""

    def make(old: str = "", new: str = "", people: tuple[str, str] = ("", "")) -> Lab:
        for text, word in ((SETTINGS, old), (PEOPLE, people[0])):
            assert word in text
        lab = Lab(tmp_path, settings=SETTINGS.replace(old, new, 1))
        lab.people.write_text(PEOPLE.replace(*people, 1), encoding="utf-8")
        return lab

    return make


@pytest.mark.parametrize(("old", "new", "words"), SPOILT.values(), ids=SPOILT)
def test_bad_settings(spoilt, old, new, words):
    lab = spoilt(old, new)
    sentence = up(lab)
    line = SETTINGS[: SETTINGS.index(old)].count("\n") + 1
    words = [word.format(line=line, above=line - 1, below=line + 1) for word in words]
    assert sentence.startswith("cohort: cohort.toml")
    assert [word for word in words if word not in sentence] == [], sentence
    assert_untouched(lab)


@pytest.mark.parametrize(("old", "new", "words"), SPOILT_PEOPLE.values(), ids=SPOILT_PEOPLE)
def test_bad_people(spoilt, old, new, words):
    lab = spoilt(people=(old, new))
    sentence = up(lab)
    assert sentence.startswith("cohort: people.csv")
    assert [word for word in words if word not in sentence] == [], sentence
    assert_untouched(lab)


def test_files_that_are_not_there(spoilt):
    lab = spoilt()
    lab.people.rename(lab.folder / "elsewhere")
    assert f"Cannot read {lab.people}: No such file" in up(lab)
    lab.settings.unlink()
    assert f"Cannot read {lab.settings}: No such file" in up(lab)


def test_a_port_in_use(spoilt):
    lab = spoilt()
    with socket.create_server(("127.0.0.1", lab.port)):
        assert f"Port {lab.port} on 127.0.0.1 is in use by another program" in up(lab)
    assert_untouched(lab)


OCCUPIED = (
    "import os, socket, sys; s = socket.create_server(('0.0.0.0', 8081));"
    "s.set_inheritable(True); os.execv(sys.argv[1], sys.argv[1:])"
)


@root_only
def test_a_program_on_the_hubs_port(spoilt):
    """In a network namespace of its own: other labs of this machine have hubs that listen."""
    lab = spoilt()
    apart = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    sentence = up(lab, *apart, sys.executable, "-c", OCCUPIED)
    assert "Port 8081 is in use by another program, and the lab needs it on 172." in sentence
    assert_untouched(lab)


@root_only
def test_a_full_disk(spoilt):
    lab = spoilt()
    lab.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", lab.data], check=True)
    try:
        assert f"Only 0.0 GB are free for {lab.data}, and 1 GB are needed" in up(lab)
        assert list(lab.data.iterdir()) == []
    finally:
        subprocess.run(["umount", lab.data], check=True)
    lab.data.rmdir()
    assert_untouched(lab)


def test_an_engine_that_does_not_answer(spoilt):
    lab = spoilt()
    sentence = up(lab, DOCKER_HOST="unix:///nonexistent")
    assert "No Docker engine answers" in sentence
    assert "unix:///nonexistent" in sentence
    assert "start it" in sentence
    assert_untouched(lab)


@root_only
def test_a_person_with_no_right_to_use_the_engine():
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    folder = Path(tempfile.mkdtemp(prefix="cohort-t-"))
    try:
        folder.chmod(0o777)
        lab = Lab(folder)
        sentence = up(lab, *nobody, HOME=str(folder))
        assert "You have no right to use Docker: run this as root, or" in sentence
        assert_untouched(lab)
    finally:
        shutil.rmtree(folder)
