"""What is decided about an engine, from what engines and distributions really say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

import pytest

from cohort.errors import EngineError
from cohort.lab.apt import Source, parse_sources, read_os_release
from cohort.lab.engine_setup import (
    Engine,
    ensure_engine,
    fault,
    look,
    merge_daemon,
    newer_pin,
    newer_source,
    plan_for,
    read_info,
    start_daemon,
    wait_for_engine,
)

KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOOKWORM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
"""
TRIXIE = """\
PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
VERSION_CODENAME=trixie
DEBIAN_VERSION_FULL=13.1
ID=debian
"""
FORKY = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian\n'
NOBLE = """\
PRETTY_NAME="Ubuntu 24.04.2 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.2 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
"""
CANNOT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?"


def info(**more) -> str:
    plugins = [{"Name": "buildx", "Version": "0.13.1"}, {"Name": "compose", "Version": "2.26.1"}]
    base = {"ServerVersion": "26.1.5+dfsg1", "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
            "ContainersRunning": 2, "ClientInfo": {"Plugins": plugins}}  # fmt: skip
    return json.dumps({**base, **more})


def test_a_good_engine_has_no_fault():
    engine = read_info(info())
    assert fault(engine) == ""
    assert engine.running == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ServerVersion": "20.10.24+dfsg1", "CDISpecDirs": None}, "20.10.24+dfsg1 is too old"),
        ({"ServerVersion": "24.0.7"}, "upgrade it to 25 or newer"),
        ({"CDISpecDirs": []}, "CDI devices off"),
        ({"ClientInfo": {"Plugins": None}}, "lacks its plug-in buildx and compose"),
        ({"ClientInfo": {"Plugins": [{"Name": "buildx"}]}}, "lacks its plug-in compose"),
        (
            {"ClientInfo": {"Plugins": [{"Name": "buildx"}, {"Name": "compose", "Err": "bad"}]}},
            "lacks its plug-in compose",
        ),
        ({"ServerVersion": "", "ServerErrors": [CANNOT]}, "Cannot connect to the Docker daemon"),
        (
            {"ServerVersion": "", "ServerErrors": ["permission denied while trying to connect"]},
            "usermod -aG docker",
        ),
    ],
)
def test_what_an_engine_lacks_is_one_sentence(more, words):
    text = fault(read_info(info(**more)))
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize("version", ["25.0.0", "26.1.5+dfsg1", "29.1.2"])
def test_versions_that_will_do(version):
    assert fault(read_info(info(ServerVersion=version))) == ""


def test_output_that_is_no_json_is_no_answer():
    assert read_info("json\n").version == ""
    assert "No Docker engine answers" in fault(Engine())


def plan(text: str):
    return plan_for(read_os_release(text))


def test_debian_12_takes_its_engine_from_the_next_suite():
    assert plan(BOOKWORM).suite == "trixie"
    assert {"docker.io", "docker-cli", "docker-buildx", "docker-compose"} < set(
        plan(BOOKWORM).packages
    )


@pytest.mark.parametrize("text", [TRIXIE, FORKY])
def test_newer_debians_install_plainly(text):
    assert plan(text).suite == ""
    assert "docker-cli" in plan(text).packages


@pytest.mark.parametrize("version", ["24.04", "24.10", "26.04"])
def test_ubuntu_has_other_names(version):
    found = plan(NOBLE.replace("24.04", version))
    assert found.suite == ""
    assert found.packages[:3] == ("docker.io", "docker-buildx", "docker-compose-v2")


@pytest.mark.parametrize("text", [BOOKWORM, TRIXIE, NOBLE])
def test_what_an_engine_needs_beside_itself(text):
    assert {"iptables", "ca-certificates"} < set(plan(text).packages)


@pytest.mark.parametrize(
    "text",
    [
        'ID=fedora\nPRETTY_NAME="Fedora Linux 42"\nVERSION_ID=42\n',
        BOOKWORM.replace("12", "11"),
        NOBLE.replace("24.04", "22.04"),
        "",
    ],
)
def test_other_systems_are_told_what_to_install(text):
    with pytest.raises(EngineError, match="install Docker Engine 25 or newer with buildx"):
        plan(text)


def test_the_newer_suite_comes_from_the_machines_own_mirror():
    main = Source("http://mirror.example/debian", ("bookworm",), ("main",), KEY)
    security = Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",))
    text = newer_source(main, security, "trixie")
    assert parse_sources(text, deb822=True) == [
        Source(main.uri, ("trixie",), ("main",), KEY),
        Source(security.uri, ("trixie-security",), ("main",)),
    ]
    assert text.count("Signed-By") == 1


@pytest.mark.skipif(not shutil.which("apt-cache"), reason="needs apt")
def test_apt_reads_the_pin_as_it_is_meant(tmp_path):
    """apt's own arithmetic: the four packages from the newer suite, nothing else."""
    archive = tmp_path / "archive"
    for suite, version in (("bookworm", "1"), ("trixie", "2")):
        folder = archive / "dists" / suite / "main" / "binary-all"
        folder.mkdir(parents=True)
        names = ("docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "runc")
        (folder / "Packages").write_text("\n".join(
            f"Package: {n}\nVersion: {version}\nArchitecture: all\nMaintainer: x\n"
            f"Filename: {n}.deb\nSize: 1\nSHA256: {'0' * 64}\nDescription: x\n" for n in names
        ))  # fmt: skip
        release = archive / "dists" / suite / "Release"
        release.write_text(f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\n"
                           "Architectures: all\nComponents: main\n")  # fmt: skip
    etc = tmp_path / "etc"
    etc.mkdir()
    line = f"deb [trusted=yes arch=all] file:{archive} %s main\n"
    (etc / "list").write_text(line % "bookworm" + line % "trixie")
    (etc / "preferences").write_text(newer_pin("trixie"))
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "status").touch()
    options = {
        "Dir::Etc::sourcelist": etc / "list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": etc / "preferences", "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": tmp_path / "state", "Dir::State::status": tmp_path / "status",
        "Dir::Cache": tmp_path / "cache", "APT::Sandbox::User": "root",
    }  # fmt: skip
    line = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    subprocess.run(["apt-get", *line, "-qq", "update"], check=True, capture_output=True)
    said = subprocess.run(
        ["apt-cache", *line, "policy", "docker.io", "docker-cli", "docker-buildx",
         "docker-compose", "containerd", "runc"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    chosen = [row.split()[1] for row in said.splitlines() if "Candidate:" in row]
    assert chosen == ["2", "2", "2", "2", "1", "1"]


def test_daemon_json_is_merged():
    have = {"log-driver": "local", "features": {"buildkit": True}, "cdi-spec-dirs": ["/opt/cdi"]}
    assert json.loads(merge_daemon(json.dumps(have))) == {
        "log-driver": "local",
        "features": {"buildkit": True, "cdi": True},
        "cdi-spec-dirs": ["/opt/cdi", "/etc/cdi", "/var/run/cdi"],
    }


def test_daemon_json_that_is_right_is_left_as_it_is():
    made = merge_daemon("")
    assert merge_daemon(made) == made
    by_hand = made.replace("\n", "   \n")
    assert merge_daemon(by_hand) == by_hand


@pytest.mark.parametrize("text", ["{,}", "[]", '{"features": 1}', '{"cdi-spec-dirs": 5}'])
def test_daemon_json_that_is_broken_is_named_not_overwritten(text):
    with pytest.raises(EngineError, match=r"/etc/docker/daemon\.json is not what Docker expects"):
        merge_daemon(text)


def test_the_engine_here_is_found_good_and_left_alone():
    """The real engine that the tests run on: nothing is reported, nothing changes, no wait."""
    said: list[str] = []
    ensure_engine(said.append)
    start = time.monotonic()
    ensure_engine(said.append)
    assert time.monotonic() - start < 1
    assert said == []


def test_looking_at_a_socket_that_nobody_serves(tmp_path):
    engine = look(f"unix://{tmp_path}/none.sock")
    assert engine.version == ""
    assert "No Docker engine answers" in fault(engine)


@pytest.mark.skipif(os.geteuid() != 0, reason="dockerd reads its configuration as root")
def test_a_daemon_that_ends_at_once_is_reported_with_its_log(tmp_path):
    """A real dockerd with a configuration it refuses, before it touches anything."""
    log, config = tmp_path / "dockerd.log", tmp_path / "daemon.json"
    config.write_text('{"no-such-option": 1}')
    start_daemon(log, "--config-file", str(config), "--data-root", str(tmp_path / "data"),
                 "--exec-root", str(tmp_path / "exec"), "--pidfile", str(tmp_path / "pid"),
                 "--host", f"unix://{tmp_path}/sock")  # fmt: skip
    with pytest.raises(EngineError) as e:
        wait_for_engine(log, host=f"unix://{tmp_path}/sock", pid_file=tmp_path / "pid", seconds=20)
    assert "ended at its start (" in str(e.value)
    assert f"see {log}" in str(e.value)
    assert "no-such-option" in log.read_text()


def test_a_daemon_that_never_answers_has_an_end(tmp_path):
    log = tmp_path / "dockerd.log"
    with pytest.raises(EngineError, match="did not answer at its start"):
        wait_for_engine(log, host=f"unix://{tmp_path}/sock", pid_file=tmp_path / "pid", seconds=0.3)
