"""The host's own apt configuration, in each way that Debian and Ubuntu write it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cohort.errors import CohortError
from cohort.lab.apt import (
    Source,
    find_mirror,
    host_sources,
    install,
    parse_sources,
    read_os_release,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
Types: deb
# a remark
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}
"""
DOCKER = """\
Types: deb
URIs: https://download.example/linux/debian
Suites: bookworm
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc
"""
RUNNER = """\
Types: deb
URIs: https://packages.example/runner/debian
Suites: bookworm
Components: main
Signed-By: /etc/apt/keyrings/runner.asc
"""
NOBLE = """\
Types: deb
URIs: http://archive.example/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def write(etc: Path, name: str, text: str) -> None:
    (etc / name).write_text(text, encoding="utf-8")


def mirror(etc: Path, codename: str = "bookworm") -> tuple[Source | None, Source | None]:
    return find_mirror(host_sources(etc), codename)


def test_deb822(etc):
    write(etc, "sources.list.d/debian.sources", DEB822)
    assert mirror(etc) == (
        Source(
            "http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main",), KEYRING
        ),
        Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",), KEYRING),
    )


def test_one_line_sources_of_an_older_installation(etc):
    write(
        etc,
        "sources.list",
        "# deb http://old.example/debian bookworm main\n"
        "deb-src http://mirror.example/debian/ bookworm main\n"
        "deb http://mirror.example/debian/ bookworm main contrib # ours\n"
        f"deb [arch=amd64 signed-by={KEYRING}] http://mirror.example/sec bookworm-security main\n",
    )
    assert mirror(etc) == (
        Source("http://mirror.example/debian/", ("bookworm",), ("main", "contrib")),
        Source("http://mirror.example/sec", ("bookworm-security",), ("main",), KEYRING),
    )


def test_third_parties_are_not_taken_for_a_mirror(etc):
    write(etc, "sources.list.d/a-docker.sources", DOCKER)
    write(etc, "sources.list.d/a-runner.sources", RUNNER)
    assert mirror(etc) == (None, None)
    write(etc, "sources.list.d/debian.sources", DEB822)
    assert mirror(etc)[0].uri == "http://mirror.example/debian"


def test_a_company_mirror_at_a_path_and_with_a_key_of_its_own(etc):
    line = "deb [signed-by=/etc/apt/keyrings/us.asc] https://nexus.example/repository/apt"
    write(etc, "sources.list", f"{line} bookworm main\n{line} bookworm-updates main\n")
    assert mirror(etc)[0].uri == "https://nexus.example/repository/apt"


def test_a_key_written_into_the_source_is_kept():
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
    text = DEB822.replace(f" {KEYRING}", key)
    assert {s.key.strip() for s in parse_sources(text, deb822=True)} == {key.strip()}


def test_ubuntu_disabled_empty_and_our_own_sources_are_no_debian_mirror(etc):
    first = DEB822.split("\n\n", maxsplit=1)[0]
    write(etc, "sources.list.d/ubuntu.sources", NOBLE)
    write(etc, "sources.list.d/off.sources", "Enabled: no\n" + first)
    write(etc, "sources.list.d/debian.sources.bak", DEB822)
    write(etc, "sources.list.d/cohort-trixie.sources", first.replace("bookworm", "trixie"))
    write(etc, "sources.list", "")
    assert mirror(etc) == mirror(etc, "trixie") == (None, None)


def test_os_release_quotes_and_remarks():
    text = "# made by hand\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nNAME='x'\n\n"
    assert read_os_release(text) == {
        "ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12", "NAME": "x"
    }  # fmt: skip


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")
def test_a_package_that_does_not_exist_is_one_sentence(monkeypatch, tmp_path):
    # Without its configured archives, apt asks no mirror: this tests the sentence alone.
    config = tmp_path / "apt.conf"
    config.write_text('Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n'
                      f'Dir::State::lists "{tmp_path}";\n')  # fmt: skip
    monkeypatch.setenv("APT_CONFIG", str(config))
    with pytest.raises(CohortError, match="Installing no-such-package-here failed: E: Unable") as e:
        install(["no-such-package-here"])
    assert "\n" not in str(e.value)


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")
def test_this_machine_as_apt_itself_reads_it():
    line = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    for source in host_sources():
        assert source.uri.rstrip("/") in {uri.rstrip("/") for uri in said}
