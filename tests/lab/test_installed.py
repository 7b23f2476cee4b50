"""The services' copy of cohort.toml names files in the data folder alone, and follows them."""

import stat

import pytest

from cohort.errors import CohortError
from cohort.lab.installed import install_settings
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


@pytest.fixture
def install(tmp_path):
    """Installs ``TEXT`` with its four files, each of which holds its own name."""
    for name in (*FILES, "data/hub/x", "data/secrets/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "cohort.toml").write_text(TEXT)

    def install() -> bool:
        source = tmp_path / "cohort.toml"
        return install_settings(source, load_settings(source))

    return install


def test_files_are_copied_to_where_containers_see_them(install, tmp_path):
    assert install()
    copy = load_settings(tmp_path / "data/hub/cohort.toml")
    paths = (copy.lab.picture, copy.tls.certificate, copy.tls.key, copy.login.client_secret_file)
    for path, name in zip(paths, FILES, strict=True):
        assert path.is_relative_to(tmp_path / "data")
        assert path.read_text() == name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", FILES)
def test_only_a_change_counts_as_one(install, tmp_path, name):
    install()
    assert not install()
    (tmp_path / name).write_text("renewed")
    assert install()
    assert not install()


def test_a_file_that_cannot_be_read_changes_nothing(install, tmp_path):
    (tmp_path / "lab.svg").unlink()
    with pytest.raises(CohortError, match=r"Cannot read lab\.picture .*lab\.svg: No such file"):
        install()
    assert not (tmp_path / "data/hub/cohort.toml").exists()
