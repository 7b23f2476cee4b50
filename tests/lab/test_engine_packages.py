"""Which packages an engine is, from what distributions really say; and apt's view of our pin."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from cohort.errors import EngineError
from cohort.lab.apt import Source, parse_sources, read_os_release
from cohort.lab.engine_packages import newer_pin, newer_source, plan_for

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
