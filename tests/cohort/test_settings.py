"""``cohort.toml``: what is read, what is refused, and where the complaint points."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from cohort.errors import SettingsError
from cohort.secret_files import NAMES, ensure_secrets, read_secrets
from cohort.settings import Address, Settings, parse_size
from cohort.settings_file import find_line, load_settings

ROOT = Path(__file__).resolve().parents[2]
PROFILES = """
[[profiles]]
name = "desk"
title = "Desk"
kind = "desk"

[[profiles]]
name = "team"
title = "Team"
kind = "team"
"""
COURSE = """
[[courses]]
id = "ml"
title = "Machine learning"
instructors = ["ines", "ada"]
takers = ["apollo"]

[[profiles]]
name = "course"
title = "Course"
kind = "course"
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that writes a cohort.toml and loads it."""
    monkeypatch.delenv("COHORT_DATA", raising=False)

    def write_and_load(text: str) -> Settings:
        (tmp_path / "cohort.toml").write_text(text, encoding="utf-8")
        return load_settings(tmp_path / "cohort.toml")

    return write_and_load


def test_the_shipped_file_is_valid_and_needs_no_change(monkeypatch):
    monkeypatch.delenv("COHORT_DATA", raising=False)
    settings = load_settings(ROOT / "cohort.toml")
    assert settings.address.url == "http://127.0.0.1:8000"
    assert settings.data == Path("/srv/cohort")
    assert [p.name for p in settings.profiles_for("desk", "participant")] == ["desk"]
    assert [p.name for p in settings.profiles_for("desk", "operator")] == ["desk", "desk-large"]


def test_settings_cannot_be_changed_once_read(load):
    settings = load(PROFILES)
    with pytest.raises(ValidationError):
        settings.lab.name = "Another"


@pytest.mark.parametrize(
    ("text", "size"),
    [("256M", 256 * 2**20), ("1.5G", 1610612736), ("8 gb", 8 * 2**30), ("1T", 2**40)],
)
def test_sizes_are_powers_of_1024(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["4", "G", "-1G", "4GiB", "4G extra", ""])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("url", "listen", "port", "secure", "local"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, False, True),
        ("http://localhost:9000/", "127.0.0.1", 9000, False, True),
        ("http://lab.example.org", "0.0.0.0", 80, False, False),
        ("https://lab.example.org", "0.0.0.0", 443, True, False),
    ],
)
def test_an_address_says_where_the_proxy_listens(url, listen, port, secure, local):
    address = Address(url=url)
    assert (address.listen, address.port) == (listen, port)
    assert (address.secure, address.local) == (secure, local)
    assert not address.url.endswith("/")


def test_relative_paths_are_taken_from_the_files_own_folder(load, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "lab.svg").touch()
    settings = load('[lab]\ndata = "data"\npicture = "lab.svg"\n' + PROFILES)
    assert settings.data == tmp_path / "data"
    assert settings.lab.picture == tmp_path / "lab.svg"


def test_a_course_says_who_teaches_and_who_takes_it(load):
    (course,) = load(PROFILES + COURSE).courses
    assert course.taught_by("ines", "instructor")
    assert not course.taught_by("ivan", "instructor")
    assert not course.taught_by("ada", "participant")  # whoever is named needs the role as well
    assert course.taken_by(["apollo", "borealis"])
    assert not course.taken_by(["borealis"])
    (course,) = load(PROFILES + re.sub(r"(instructors|takers).*", "", COURSE)).courses
    assert course.taught_by("ivan", "instructor")
    assert course.taken_by(["borealis"])
    assert not course.taken_by([])


def test_the_environment_names_the_data_folder_of_a_copy(load, monkeypatch):
    monkeypatch.setenv("COHORT_DATA", "/elsewhere")
    for text in ('[lab]\ndata = "/srv/other"\n' + PROFILES, PROFILES):
        assert load(text).data == Path("/elsewhere")
    assert load(PROFILES).database_url == "sqlite:////elsewhere/cohort.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('lab = "x"\n' + PROFILES, ("line 1", "lab", "dictionary")),
        ('[login]\nprovider = "oidc"\n' + PROFILES, ("login", "client_id", "issuer")),
        ('[login]\nprovider = "entra"\nclient_id = "x"\nclient_secret_file = "y"\n' + PROFILES,
         ("login", "tenant")),
        ('[login.groups]\n"labs/red" = "team:Red Team"\n' + PROFILES,
         ("line 1", "login.groups", "labs/red", "team:<name>")),
        ('[address]\nurl = "https://lab.example.org"\n' + PROFILES, ("address.url", "[tls]")),
        ('[tls]\ncertificate = "lab.crt"\n' + PROFILES, ("line 1", "tls", "certificate and key")),
        ('[gpus]\ndevices = ["nvidia.com/gpu=0", "nvidia.com/gpu=0"]\n' + PROFILES,
         ("line 2", "gpus.devices", "twice")),
        ('[network]\nallow = ["10.0.0.1/8"]\n' + PROFILES,
         ("line 2", "network.allow", "host bits")),
        (PROFILES + '[[profiles]]\nname = "desk"\ntitle = "Again"\nkind = "desk"\n',
         ("two profiles have the same name",)),
        (PROFILES + '[[profiles]]\nname = "gpu"\ntitle = "GPU"\nkind = "desk"\ngpus = 1\n',
         ("line 11", "profiles.3", "a desk has no GPU")),
        (PROFILES + '[[profiles]]\nname = "c"\ntitle = "C"\nkind = "course"\ngpus = 1\n',
         ("line 11", "profiles.3", "a course has no GPU")),
        (PROFILES + COURSE.partition("[[profiles]]")[0], ('at least one of kind "course"',)),
        (PROFILES + COURSE + COURSE.partition("[[profiles]]")[0],
         ("two courses have the same id",)),
        (PROFILES + "[[courses]]\nid = \"c\"\n", ("line 11", "courses.1.title", "missing")),
        ("", ("profiles", "missing")),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_line_the_key_and_what_was_expected(load, text, words):
    with pytest.raises(SettingsError) as e:
        load(text)
    sentence = str(e.value)
    assert sentence.startswith("cohort.toml")
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert [word for word in words if word not in sentence] == [], sentence


TRICKY = """\
# memory = "of a remark"
[lab]
name = "One"  # [[profiles]] in a remark
welcome = "a line with [idle] and name = 2 in it"

  [ address ]
url="http://127.0.0.1:8000"

[[profiles]]
name = "desk"
memory = "4G"

[[profiles]]
  name = "team"
  "memory" = "8G"
roles = [
  "participant",
  "nobody",
]

[login.groups]
"labs/red" = "team:red"

[idle]
warn_minutes = 1
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("lab", "name"), 3),
        (("lab", "project"), 2),
        (("address", "url"), 7),
        (("profiles", 0, "memory"), 11),
        (("profiles", 1, "memory"), 15),
        (("profiles", 1, "title"), 13),
        (("profiles", 1, "roles", 1), 16),
        (("login", "groups", "labs/red"), 22),
        (("idle", "warn_minutes"), 25),
        (("gpus", "devices"), None),
        ((), None),
    ],
)
def test_lines_are_found_in_a_tricky_file(loc, line):
    tomllib.loads(TRICKY)
    assert find_line(TRICKY, loc) == line


def test_lines_of_a_long_text_are_not_taken_for_keys():
    text = (
        '[lab]\nwelcome = """\nname = "inside"\n[idle]\n"""\nname = 3\n\n[idle]\nwarn_minutes = 0\n'
    )
    tomllib.loads(text)
    assert find_line(text, ("lab", "name")) == 6
    assert find_line(text, ("idle", "warn_minutes")) == 9


def test_dotted_keys_and_inline_tables_point_at_their_line():
    text = "lab.name = 3\nidle = {warn_minutes = 0}\n"
    tomllib.loads(text)
    assert find_line(text, ("lab", "name")) == 1
    assert find_line(text, ("idle", "warn_minutes")) == 2


def test_secrets_are_made_once_for_the_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        first = ensure_secrets(tmp_path)
    finally:
        os.umask(before)
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(f.name for f in folder.iterdir()) == sorted(NAMES)
    assert {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == {0o600}
    assert len(set(first.values())) == len(NAMES)
    assert all(len(bytes.fromhex(value)) == 32 for value in first.values())
    times = {f.name: f.stat().st_mtime_ns for f in folder.iterdir()}
    assert ensure_secrets(tmp_path) == read_secrets(tmp_path) == first
    assert {f.name: f.stat().st_mtime_ns for f in folder.iterdir()} == times


def test_a_secret_that_is_lost_is_the_only_one_made_anew(tmp_path):
    first = ensure_secrets(tmp_path)
    (tmp_path / "secrets" / "proxy_token").unlink()
    with pytest.raises(FileNotFoundError):
        read_secrets(tmp_path)
    again = ensure_secrets(tmp_path)
    assert {name for name in NAMES if again[name] != first[name]} == {"proxy_token"}
