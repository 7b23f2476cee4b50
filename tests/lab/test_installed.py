"""The services' copy of cohort.toml names files in the data folder alone, and follows them."""

import stat

import pytest

from cohort.errors import CohortError
from cohort.lab.installed import install_settings, settings_hash, settings_in_force
from cohort.settings_file import load_settings

TEXT = """
[lab]
data = "data"
picture = "lab.svg"
[address]
url = "https://lab.example.org"
[tls]
certificate = "certs/lab.crt"
key = "private/lab.key"   # two folders, as distributions have it
[login]
provider = "github"
client_id = "lab"
client_secret_file = "secret"
[[profiles]]
name = "desk"
title = "Desk"
kind = "desk"
[[profiles]]
name = "team"
title = "Team"
kind = "team"
"""
FILES = ("lab.svg", "certs/lab.crt", "private/lab.key", "secret")


SECRETS = {"idp_secret_key": "a secret", "proxy_token": "another"}


@pytest.fixture
def install(tmp_path):
    """Installs ``TEXT`` with its four files, each of which holds its own name; gives the hash."""
    for name in (*FILES, "data/hub/x", "data/secrets/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "cohort.toml").write_text(TEXT)

    def install() -> str:
        source = tmp_path / "cohort.toml"
        settings = load_settings(source)
        install_settings(source, settings)
        return settings_hash(settings, SECRETS)

    return install


def test_files_are_copied_to_where_containers_see_them(install, tmp_path):
    install()
    copy = settings_in_force(tmp_path / "data")
    paths = (copy.lab.picture, copy.tls.certificate, copy.tls.key, copy.login.client_secret_file)
    for path, name in zip(paths, FILES, strict=True):
        assert path.is_relative_to(tmp_path / "data")
        assert path.read_text() == name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", (*FILES, "cohort.toml"))
def test_only_a_change_counts_as_one(install, tmp_path, name):
    first = install()
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")}
    assert install() == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")} == written
    with (tmp_path / name).open("a") as file:
        file.write("# renewed\n")
    renewed = install()
    assert renewed != first
    assert install() == renewed


def test_a_secret_that_is_made_anew_is_a_change_and_none_shows(install, tmp_path):
    first = install()
    settings = load_settings(tmp_path / "cohort.toml")
    assert settings_hash(settings, {**SECRETS, "proxy_token": "a third"}) != first
    assert settings_hash(settings, dict(reversed(SECRETS.items()))) == first
    assert len(first) == 16
    assert int(first, 16)


def test_settings_in_force_are_none_before_the_first_start_and_when_unreadable(install, tmp_path):
    assert settings_in_force(tmp_path / "data") is None
    install()
    assert settings_in_force(tmp_path / "data").address.url == "https://lab.example.org"
    (tmp_path / "data/hub/cohort.toml").write_text("[lab]\nnaem = 1\n")
    assert settings_in_force(tmp_path / "data") is None


def test_a_file_that_cannot_be_read_changes_nothing(install, tmp_path):
    (tmp_path / "lab.svg").unlink()
    with pytest.raises(CohortError, match=r"Cannot read lab\.picture .*lab\.svg: No such file"):
        install()
    assert not (tmp_path / "data/hub/cohort.toml").exists()
