"""The host's own apt configuration, in each way that Debian and Ubuntu write it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cohort.errors import CohortError
from cohort.lab.apt import Entry, debian_entries, debian_sources, install, read_os_release

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


def test_deb822(etc):
    write(etc, "sources.list.d/debian.sources", DEB822)
    assert debian_entries(etc) == [
        Entry("http://mirror.example/debian", "bookworm", KEYRING),
        Entry("http://mirror.example/debian", "bookworm-updates", KEYRING),
        Entry("http://mirror.example/debian-security", "bookworm-security", KEYRING),
    ]


def test_one_line_sources_of_an_older_installation(etc):
    write(
        etc,
        "sources.list",
        "# deb cdrom:[Debian] bookworm main\n"
        "deb http://mirror.example/debian/ bookworm main contrib # ours\n"
        "deb-src http://mirror.example/debian/ bookworm main\n"
        f"deb [arch=amd64 signed-by={KEYRING}] http://mirror.example/sec bookworm-security main\n",
    )
    entries = debian_entries(etc)
    assert Entry("http://mirror.example/debian/", "bookworm") in entries
    assert Entry("http://mirror.example/sec", "bookworm-security", KEYRING) in entries
    assert len(entries) == 2


def test_sources_of_another_suite_come_from_the_same_mirrors(etc):
    write(etc, "sources.list.d/debian.sources", DEB822)
    assert debian_sources("trixie", etc) == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_third_parties_are_not_taken_for_a_mirror(etc):
    write(etc, "sources.list.d/a-docker.sources", DOCKER)
    write(etc, "sources.list.d/a-runner.sources", RUNNER)
    write(etc, "sources.list.d/debian.sources", DEB822)
    assert debian_entries(etc)[0].uri == "http://mirror.example/debian"
    assert all("download.example" not in e.uri for e in debian_entries(etc))


def test_a_company_mirror_at_a_path_of_its_own(etc):
    write(etc, "sources.list", "deb https://nexus.example/repository/apt-proxy bookworm main\n")
    assert debian_entries(etc) == [Entry("https://nexus.example/repository/apt-proxy", "bookworm")]


def test_a_cloud_image_that_names_a_file_of_mirrors(etc):
    mirrors = etc / "mirrors.list"
    mirrors.write_text("# made by the cloud\nhttps://cloud.example/debian priority:1\n")
    write(etc, "sources.list", f"deb mirror+file://{mirrors} bookworm main\n")
    assert debian_entries(etc) == [Entry("https://cloud.example/debian", "bookworm")]


def test_ubuntu_disabled_and_empty_configurations_have_no_debian(etc):
    write(etc, "sources.list.d/ubuntu.sources", NOBLE)
    write(etc, "sources.list.d/off.sources", "Enabled: no\n" + DEB822.split("\n\n", maxsplit=1)[0])
    write(etc, "sources.list", "")
    assert debian_entries(etc) == []
    assert debian_sources("bookworm", etc) == []


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


def test_this_machine_as_apt_itself_reads_it():
    """Every mirror we find is one that apt names too."""
    line = ["apt-get", "indextargets", "--format", "$(SITE)"]
    if not shutil.which("apt-get"):
        pytest.skip("needs apt")
    sites = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    for entry in debian_entries():
        assert any(entry.uri.startswith(site) or site in entry.uri for site in sites)
