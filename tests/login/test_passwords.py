"""`make password`: a new one for somebody, printed once; what was open with the old one ends."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.labs import PEOPLE, ROOT, Lab, eventually
from tests.visitors import Visitor

GITHUB = """
[login]
provider = "github"
client_id = "lab"
client_secret_file = "secret"
"""


@pytest.fixture
def zed(fresh) -> Iterator[Visitor]:
    """Somebody whose password no other test needs, logged in."""
    login = "z" + secrets.token_hex(3)
    line = f"{login},Zed Yu,{login}@lab.example,apollo,participant\n"
    fresh.people.write_text(PEOPLE + line, encoding="utf-8")
    fresh.run("people")
    visitor = Visitor(fresh.url, login)
    visitor.log_in(fresh.password(login))
    yield visitor
    visitor.close()
    fresh.people.write_text(PEOPLE, encoding="utf-8")
    fresh.run("people")


def is_in(visitor: Visitor) -> bool:
    """True if the hub knows the visitor, or the provider lets them in unasked."""
    return visitor.http.get(f"{visitor.url}/hub/oauth_login").url.path.startswith("/hub/")


def comes_in_with(lab: Lab, login: str, password: str) -> bool:
    """True if somebody who was never here comes in with a password."""
    visitor = Visitor(lab.url, login)
    page = visitor.log_in(password)
    visitor.close()
    return page.url.path == "/hub/home"


def sentence_of(lab: Lab, *more: str) -> str:
    """The one sentence that a refused `password` says."""
    done = lab.run("password", *more, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert re.fullmatch(r"cohort: [^\n]+\.\n", done.stderr), done.stderr
    return done.stderr


def test_a_new_password_is_printed_and_ends_what_was_open(fresh, zed):
    assert is_in(zed)
    old = fresh.password(zed.login)
    line = ["make", "--silent", "password", f"LOGIN={zed.login}", f"SETTINGS={fresh.settings}",
            f"PEOPLE={fresh.people}"]  # fmt: skip
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (new,) = re.findall(rf"^New password of {zed.login}: (\S+)$", said, re.M)
    assert said.count(new) == 1
    assert not is_in(zed)
    assert new not in (fresh.data / "idp" / "first-logins.csv").read_text()
    assert new not in fresh.hub_log()
    assert comes_in_with(fresh, zed.login, new)
    # Neither the hub nor the provider takes the old cookies again after that.
    assert not is_in(zed)
    assert not comes_in_with(fresh, zed.login, old)


def test_a_desk_goes_on_and_is_closed_to_who_knew_the_old_password(fresh, zed):
    login = zed.login
    zed.start(login, "desk")
    desk = fresh.inspect(login)["Id"]
    api = f"{zed.url}/user/{login}/api/contents"
    assert zed.http.get(api).status_code == 200
    said = fresh.run("password", f"--login={login}").stdout
    again = Visitor(fresh.url, login)
    again.log_in(re.search(rf"{login}: (\S+)", said)[1])
    again.http.get(f"{again.url}/user/{login}/lab")
    assert again.http.get(api).status_code == 200
    eventually(lambda: zed.http.get(api, follow_redirects=False).status_code != 200, 15)
    assert fresh.inspect(login)["Id"] == desk
    assert again.http.get(api).status_code == 200
    again.close()


def test_nobody_ends_the_sessions_of_others(fresh, zed):
    ada = Visitor(fresh.url, "ada")
    ada.log_in(fresh.password("ada"))
    zed.http.get(f"{zed.url}/hub/home")
    for login in ("ada", zed.login):
        path = f"{zed.url}/hub/api/users/{login}/sessions"
        answer = zed.http.delete(path, headers={"X-XSRFToken": zed.xsrf})
        assert answer.status_code in (403, 404)
        assert httpx.delete(path).status_code == 403
    assert is_in(ada)
    assert is_in(zed)
    ada.close()


def test_whoever_has_no_account_gets_no_password(fresh):
    for login in ("nobody", "", "--help", "team-apollo"):
        said = sentence_of(fresh, f"--login={login}")
        if login:
            assert f"Setting a password for {login} failed: There is no open account" in said
        else:
            assert "make password LOGIN=ada" in said


def test_a_lab_that_is_down_and_one_with_another_provider(tmp_path):
    lab = Lab(tmp_path)
    assert "The lab is down" in sentence_of(lab, "--login=ada")
    (tmp_path / "secret").write_text("x")
    settings = lab.settings.read_text()
    lab.settings.write_text(settings.replace('[login]\nprovider = "bundled"\n', GITHUB))
    assert "the provider that [login] names" in sentence_of(lab, "--login=ada")
