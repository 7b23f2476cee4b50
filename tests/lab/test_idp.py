"""The bundled provider: the real image in a real container, spoken to as browser and hub do."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import sqlite3
import stat
import subprocess
import threading
import time
import tomllib
from contextlib import closing
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cohort.errors import CohortError
from cohort.lab.idp import ensure_idp_files, render_idp_config
from cohort.lab.images import ensure_images
from cohort.lab.roster import bring_in_people, keep_first_logins, reset_password, sync_roster
from cohort.lab.run import run
from cohort.people import Person
from cohort.settings import Settings

SECRETS = {"idp_secret_key": secrets.token_hex(32), "idp_client_secret": secrets.token_hex(32)}
PROFILES = (
    {"name": "desk", "title": "Desk", "kind": "desk"},
    {"name": "team", "title": "Team", "kind": "team"},
)


def settings_for(data, url="http://127.0.0.1:8000", **lab) -> Settings:
    lab = {"name": 'Harbour "AI" Lab', "data": data, "project": "testlab"} | lab
    return Settings.model_validate({"lab": lab, "address": {"url": url}, "profiles": PROFILES})


def person(login, *teams, role="participant", name=None, email=None) -> Person:
    name, email = name or login.title(), email or f"{login}@lab.example"
    return Person(login=login, name=name, email=email, teams=teams, role=role)


ADA = person("ada", "apollo", name="Ada O'Brien & Wong")
BEN = person("ben", "apollo", "borealis")
OLGA = person("olga", role="operator")
PEOPLE = (ADA, BEN, OLGA)


class Browser(httpx.Client):
    """A person's browser: keeps cookies, follows redirects only when told to."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url + "/services/idp/", timeout=30)
        self.url, self.secret = url, SECRETS["idp_client_secret"]

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Go on until a page comes, or until the hub's turn has come."""
        while answer.is_redirect:
            target = httpx.URL(answer.request.url).join(answer.headers["location"])
            if not target.path.startswith("/services/idp/"):
                return answer
            answer = self.get(target)
        return answer

    def send_form(self, page: httpx.Response, **fields: str) -> httpx.Response:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
        return self.follow(self.post(page.url, data={"csrf_token": token, **fields}))

    def log_in(self, login: str, password: str, at: str = "") -> httpx.Response:
        page = self.send_form(self.follow(self.get(at or "login")), login=login)
        return self.send_form(page, password=password)

    def authorize_url(self, challenge: str, **more: str) -> str:
        query = {
            "client_id": "hub",
            "response_type": "code",
            "scope": "openid profile email groups",
            "redirect_uri": f"{self.url}/hub/oauth_callback",
            "state": "s1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | more
        return str(httpx.URL(f"{self.url}/services/idp/oauth/authorize", params=query))

    def get_tokens(self, login: str, password: str) -> dict:
        """The whole code flow with PKCE; returns the token endpoint's answer."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        answer = self.log_in(login, password, self.authorize_url(challenge))
        assert answer.is_redirect, message_on(answer)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["state"] == ["s1"]
        answer = self.token(
            grant_type="authorization_code",
            code=query["code"][0],
            redirect_uri=f"{self.url}/hub/oauth_callback",
            code_verifier=verifier,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def token(self, **fields: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/services/idp/oauth/token", data=fields, auth=("hub", self.secret)
        )

    def userinfo(self, tokens: dict) -> httpx.Response:
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        return httpx.get(f"{self.url}/services/idp/oauth/userinfo", headers=header)


def message_on(page: httpx.Response) -> str:
    return " ".join(unescape(m) for m in re.findall(r'class="note[^>]*>([^<]+)<', page.text))


class Provider:
    """The provider's container and the lab's side of it."""

    def __init__(self, image: str, data, port: int) -> None:
        self.image, self.data, self.port = image, data, port
        self.url = f"http://127.0.0.1:{port}"
        self.settings = settings_for(data, self.url)
        self.name = f"test-idp-{secrets.token_hex(4)}"
        self.passwords: dict[str, str] = {}
        self.holds: tuple[Person, ...] = ()

    def line(self, *options: str) -> list[str]:
        idp = self.data / "idp"
        return [
            "docker",
            "run",
            "--rm",
            "--network",
            "host",
            "--user",
            "1000:1000",
            "--init",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "-v",
            f"{idp}:{idp}",
            "-e",
            f"COHORT_DATA={self.data}",
            "-e",
            f"COHORT_IDP_PORT={self.port}",
            *options,
            self.image,
        ]

    def run_apart(self, command: list[str], stdin: str) -> str:
        """As if no server had ever run: a container of its own."""
        return run([*self.line("-i"), *command], stdin=stdin)

    def run(self, command: list[str], stdin: str) -> str:
        return run(["docker", "exec", "-i", self.name, *command], stdin=stdin)

    def sync(self, people=PEOPLE, how=None):
        changes = sync_roster(people, how or self.run, self.settings, SECRETS)
        self.passwords |= changes.new
        self.holds = people
        return changes

    def start(self) -> None:
        run(self.line("--detach", "--name", self.name))
        deadline = time.monotonic() + 60
        check = ["docker", "exec", self.name, "python", "-m", "idp_health"]
        while subprocess.run(check, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def log(self) -> str:
        done = subprocess.run(
            ["docker", "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def tokens(self, login: str) -> dict:
        with Browser(self.url) as browser:
            return browser.get_tokens(login, self.passwords[login])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def image() -> str:
    if not shutil.which("docker"):
        pytest.fail("these tests need a Docker engine: `make test` sets one up")
    return ensure_images(print, only=("idp",)).idp


@pytest.fixture(scope="session")
def provider(image, tmp_path_factory):
    data = tmp_path_factory.mktemp("lab")
    provider = Provider(image, data, free_port())
    ensure_idp_files(provider.settings, SECRETS)
    # The first sync comes before any server: it makes key, tables and accounts.
    first = provider.sync(how=provider.run_apart)
    assert sorted(first.new) == ["ada", "ben", "olga"] and not first.changed and not first.left
    try:
        provider.start()
        yield provider
    finally:
        run(["docker", "rm", "--force", provider.name])


@pytest.fixture
def idp(provider):
    """The provider with everybody in it, whatever the test before did."""
    if provider.holds != PEOPLE:
        provider.sync()
    yield provider
    assert "Traceback" not in provider.log(), provider.log()


@pytest.fixture
def browser(idp):
    with Browser(idp.url) as browser:
        yield browser


def test_discovery_names_the_public_address_whatever_the_host_header(browser):
    answer = browser.get(".well-known/openid-configuration", headers={"Host": "evil.example"})
    found = answer.json()
    base = f"{browser.url}/services/idp/oauth"
    assert found["authorization_endpoint"] == f"{base}/authorize"
    assert found["token_endpoint"] == f"{base}/token"
    assert found["userinfo_endpoint"] == f"{base}/userinfo"
    assert found["end_session_endpoint"] == f"{base}/end_session"


def test_log_in_gives_who_where_and_what_without_a_consent_page(idp, browser):
    tokens = browser.get_tokens("ada", idp.passwords["ada"])
    assert tokens["token_type"] == "Bearer" and tokens["id_token"] and tokens["refresh_token"]
    assert tokens["expires_in"] == 7 * 24 * 3600
    claims = browser.userinfo(tokens).json()
    assert claims["sub"] == claims["preferred_username"] == "ada"
    assert claims["name"] == "Ada O'Brien & Wong"
    assert claims["email"] == "ada@lab.example"
    assert sorted(claims["groups"]) == ["role:participant", "team:apollo"]


def test_login_may_be_an_address_and_is_not_case_sensitive(idp):
    for typed in ("ada@lab.example", " ADA "):
        with Browser(idp.url) as browser:
            tokens = browser.get_tokens(typed, idp.passwords["ada"])
            assert browser.userinfo(tokens).json()["sub"] == "ada"


@pytest.mark.parametrize("typed", ["%", "a%", "___@lab.example", "nobody", "'\"<>", "x" * 5000])
def test_odd_logins_are_refused_like_wrong_ones(browser, typed):
    assert message_on(browser.log_in(typed, "whatever")).startswith("Login failed")


def test_a_client_that_is_not_the_hub_gets_nothing(idp, browser):
    elsewhere = browser.authorize_url("x" * 43, redirect_uri="http://evil.example/")
    answer = browser.log_in("ada", idp.passwords["ada"], elsewhere)
    assert answer.status_code == 400
    browser.secret = "wrong"
    assert browser.token(grant_type="authorization_code", code="x").status_code == 401
    browser.secret = SECRETS["idp_client_secret"]
    tried = browser.token(grant_type="password", username="ada", password=idp.passwords["ada"])
    assert tried.status_code == 400 and tried.json()["error"] == "unauthorized_client"


def test_refresh_gives_a_new_token_and_takes_the_old_one(idp, browser):
    old = idp.tokens("ada")
    answer = browser.token(grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert answer.status_code == 200
    assert browser.userinfo(answer.json()).json()["sub"] == "ada"
    assert browser.userinfo(old).status_code == 401
    again = browser.token(grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert again.status_code == 400 and again.json()["error"] == "invalid_grant"


def test_a_change_of_team_shows_in_a_token_given_before(idp, browser):
    tokens = idp.tokens("ada")
    moved = person("ada", "borealis", name="Ada Moved", email="new@lab.example", role="mentor")
    assert idp.sync((moved, BEN, OLGA)).changed == ("ada",)
    claims = browser.userinfo(tokens).json()
    assert sorted(claims["groups"]) == ["role:mentor", "team:borealis"]
    assert (claims["name"], claims["email"]) == ("Ada Moved", "new@lab.example")


def test_who_left_is_out_at_once_and_back_with_the_same_password(idp, browser):
    tokens = browser.get_tokens("ada", idp.passwords["ada"])
    assert idp.sync((BEN, OLGA)).left == ("ada",)
    assert browser.userinfo(tokens).status_code == 401
    refreshed = browser.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refreshed.status_code == 400
    # Neither the session in this browser nor the password opens anything.
    page = browser.follow(browser.get(browser.authorize_url("x" * 43)))
    assert 'name="login"' in page.text
    with Browser(idp.url) as other:
        assert "locked" in message_on(other.log_in("ada", idp.passwords["ada"]))
    # The address is free for somebody else meanwhile.
    zoe = person("zoe", "apollo", email="ada@lab.example")
    idp.sync((BEN, OLGA, zoe))
    with Browser(idp.url) as other:
        zoes = other.get_tokens("ada@lab.example", idp.passwords["zoe"])
        assert other.userinfo(zoes).json()["sub"] == "zoe"
    back = idp.sync(PEOPLE)
    assert (back.returned, back.left, back.new) == (("ada",), ("zoe",), {})
    assert browser.userinfo(tokens).status_code == 401
    assert browser.userinfo(idp.tokens("ada")).json()["groups"]


def test_a_token_slipped_in_while_an_account_is_locked_is_dead(idp, browser):
    """Even if the account is locked by other means than the sync, which deletes tokens."""
    tokens = idp.tokens("ben")
    with closing(sqlite3.connect(idp.data / "idp" / "idp.sqlite")) as database, database:
        database.execute(
            "UPDATE user SET lock_date = '2020-01-01 00:00:00' WHERE user_name = 'ben'"
        )
    idp.holds = ()
    assert browser.userinfo(tokens).status_code == 401


def test_log_out_asks_nothing_and_comes_back_to_the_lab(idp, browser):
    tokens = browser.get_tokens("ada", idp.passwords["ada"])
    assert (
        browser.get(browser.authorize_url("x" * 43))
        .headers["location"]
        .startswith(f"{idp.url}/hub/oauth_callback?code=")
    )
    query = {
        "id_token_hint": tokens["id_token"],
        "client_id": "hub",
        "post_logout_redirect_uri": f"{idp.url}/hub/login",
    }
    answer = browser.get("oauth/end_session", params=query)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{idp.url}/hub/login")
    page = browser.follow(browser.get(browser.authorize_url("x" * 43)))
    assert 'name="login"' in page.text
    # With nobody logged in any more it still leads back.
    assert browser.get("oauth/end_session", params=query).headers["location"].endswith("/hub/login")


def test_log_out_leads_only_to_the_lab_and_asks_without_a_hint(idp, browser):
    tokens = browser.get_tokens("ada", idp.passwords["ada"])
    assert "Log out of" in browser.get("oauth/end_session").text
    answer = browser.get(
        "oauth/end_session",
        params={
            "id_token_hint": tokens["id_token"],
            "client_id": "hub",
            "post_logout_redirect_uri": "http://evil.example/",
        },
    )
    assert "evil.example" not in answer.headers.get("location", "")


def test_a_password_is_changed_only_by_who_knows_the_present_one(idp, browser):
    page = browser.log_in("ben", idp.passwords["ben"])
    assert "Change your password" in page.text
    new = {
        "password1": "three blue words",
        "password2": "three blue words",
        "action": "edit-password",
    }
    refused = browser.send_form(page, current_password="guess", **new)
    assert "not your present password" in message_on(refused)
    # The wrong guess slows the next log-in down; a reset forgets it.
    reset = reset_password("ben", idp.run)
    done = browser.send_form(page, current_password=reset, **new)
    assert "updated" in message_on(done)
    idp.passwords["ben"] = new["password1"]
    assert browser.userinfo(idp.tokens("ben")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "register",
        "join",
        "invite",
        "profile",
        "reset",
        "groups/",
        "groups/add",
        "users",
        "admin/client/",
        "admin/mail",
        "consent/",
        "impersonate/ben",
        "login/ben",
        "logout/ben",
        "profile/ada/settings",
        "profile/ben/auth/password",
        "profile/ada/auth/fido2",
    ],
)
def test_people_cannot_do_more_than_log_in_and_change_their_password(idp, browser, path):
    browser.log_in("ada", idp.passwords["ada"])
    assert browser.get(path).status_code in (403, 404)
    token = re.search(
        r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("profile/ada/auth/password").text
    )[1]
    for action in ("delete-execute", "lock-execute", "edit-settings", "edit-password"):
        form = {
            "csrf_token": token,
            "action": action,
            "groups": "role:operator",
            "current_password": idp.passwords["ada"],
            "user_name": "root",
            "password1": "a new password",
            "password2": "a new password",
        }
        assert browser.post(path, data=form).status_code in (400, 403, 404, 405)
    groups = browser.userinfo(idp.tokens("ada")).json()["groups"]
    assert sorted(groups) == ["role:participant", "team:apollo"]
    assert httpx.post(f"{idp.url}/services/idp/oauth/register", json={}).status_code == 404


def test_operators_set_a_new_password_with_their_own(idp, browser):
    browser.log_in("olga", idp.passwords["olga"])
    assert "Ada O&#39;Brien" in browser.get("users").text
    page = browser.get("profile/ada/auth/password")
    new = {
        "password1": "olga chose this",
        "password2": "olga chose this",
        "action": "edit-password",
    }
    assert "not your present" in message_on(browser.send_form(page, current_password="x", **new))
    idp.passwords["olga"] = reset_password("olga", idp.run)
    done = browser.send_form(page, current_password=idp.passwords["olga"], **new)
    assert "updated" in message_on(done)
    idp.passwords["ada"] = new["password1"]
    assert idp.tokens("ada")
    for path in ("impersonate/ada", "profile/ada/settings", "groups/", "admin/client/", "invite"):
        assert browser.get(path).status_code == 404


def test_guessing_is_slowed_down_and_a_reset_helps(idp, browser):
    for _ in range(4):
        browser.log_in("ben", "wrong")
    slowed = browser.log_in("ben", idp.passwords["ben"])
    assert "wait" in message_on(slowed).lower()
    idp.passwords["ben"] = reset_password("ben", idp.run)
    assert idp.tokens("ben")


def test_cookies_go_to_the_provider_alone(idp, browser):
    browser.log_in("ada", idp.passwords["ada"])
    cookies = {c.name: c for c in browser.cookies.jar}
    assert set(cookies) == {"testlab-idp"}
    cookie = cookies["testlab-idp"]
    assert cookie.path == "/services/idp" and cookie.has_nonstandard_attr("HttpOnly")
    assert browser.get(f"{idp.url}/user/ben/").request.headers.get("cookie") is None


def test_pages_bring_their_style_and_no_script(browser):
    page = browser.get("login")
    assert "Harbour &#34;AI&#34; Lab" in page.text and "<script" not in page.text
    style = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)[1]
    answer = browser.get(browser.url + style)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")
    same = browser.get(browser.url + style, headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304
    assert browser.get(browser.url + "/elsewhere").status_code == 404


def test_a_second_sync_changes_nothing(idp):
    assert not idp.sync()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w["people"].clear(),
        lambda w: w["people"][0].pop("email"),
        lambda w: w["people"][0].update(admin=True),
        lambda w: w["people"].append(w["people"][0]),
        lambda w: w["client"].update(secret="short"),
        lambda w: w.pop("client"),
    ],
)
def test_bad_input_changes_nothing_and_says_what(idp, spoil):
    def spoiled(command, stdin):
        wanted = json.loads(stdin)
        wanted["people"] = [p for p in wanted["people"] if p["login"] != "ben"]
        spoil(wanted)
        return idp.run(command, json.dumps(wanted))

    with pytest.raises(CohortError, match="nothing was changed") as caught:
        idp.sync(how=spoiled)
    assert SECRETS["idp_client_secret"] not in str(caught.value)
    assert not idp.sync()


def test_an_empty_roster_locks_nobody_out(idp):
    with pytest.raises(CohortError, match="lock everybody out"):
        idp.sync(())
    with pytest.raises(CohortError, match="no open account nobody"):
        reset_password("nobody", idp.run)


def test_people_log_in_while_many_are_brought_in(idp):
    many = tuple(person(f"p{i}", "apollo") for i in range(12))
    done: list = []
    sync = threading.Thread(target=lambda: done.append(idp.sync((*PEOPLE, *many))))
    sync.start()
    while sync.is_alive():
        assert idp.tokens("ada")
    sync.join()
    assert len(done[0].new) in (0, 12) and idp.tokens("p7")


def test_first_passwords_are_reported_and_kept_once(idp, tmp_path):
    (tmp_path / "idp").mkdir()
    lines: list[str] = []
    settings = settings_for(tmp_path, idp.url)
    quinn = person(f"quinn{secrets.token_hex(2)}", "apollo")
    everybody = (*PEOPLE, quinn)

    def execute(service, line, stdin):
        return idp.run(line, stdin)

    changes = bring_in_people(settings, SECRETS, everybody, execute, lines.append)
    password = changes.new[quinn.login]
    assert f"First log-in: {quinn.login}  {password}" in lines
    path = keep_first_logins(tmp_path, {"rae": "x"})
    assert path.read_text() == f"login,password\n{quinn.login},{password}\nrae,x\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert password not in repr(changes)


def test_first_passwords_are_not_written_through_a_link(tmp_path):
    (tmp_path / "idp").mkdir()
    (tmp_path / "idp" / "first-logins.csv").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        keep_first_logins(tmp_path, {"ada": "x"})
    assert not (tmp_path / "victim").exists()


def test_the_log_is_clean_and_holds_no_secret(idp, browser):
    tokens = browser.get_tokens("ada", idp.passwords["ada"])
    browser.get("oauth/end_session", params={"id_token_hint": tokens["id_token"]})
    log = idp.log()
    assert "Successful authentication for ada" in log
    for secret in (
        *SECRETS.values(),
        *idp.passwords.values(),
        *(tokens[k] for k in ("access_token", "refresh_token", "id_token")),
    ):
        assert secret not in log
    assert not re.search(r"WARNING|ERROR|CRITICAL", log), log


def test_behind_https_links_and_cookies_are_secure(image, tmp_path):
    secure = Provider(image, tmp_path, free_port())
    secure.settings = Settings.model_validate(
        {
            "lab": {"data": tmp_path, "project": "testlab"},
            "profiles": PROFILES,
            "address": {"url": "https://lab.example.org", "bind": "127.0.0.1"},
        }
    )
    ensure_idp_files(secure.settings, SECRETS)
    try:
        secure.start()
        with Browser(secure.url) as browser:
            found = browser.get(".well-known/openid-configuration").json()
            page = browser.get("login")
    finally:
        run(["docker", "rm", "--force", secure.name])
    base = "https://lab.example.org/services/idp/oauth"
    assert found["issuer"] == "https://lab.example.org"
    assert found["token_endpoint"] == f"{base}/token"
    assert "; Secure;" in page.headers["set-cookie"]
    assert "strict-transport-security" not in page.headers


def test_the_image_runs_as_nobody_in_particular(image):
    line = ["docker", "run", "--rm", "--network", "none"]
    assert run([*line, image, "id", "-u"]).strip() == "1000"
    set_id = "find / -xdev -type f -perm /6000"
    assert run([*line, "--user", "0", image, "sh", "-c", set_id]) == ""
    with pytest.raises(CohortError, match="Permission denied"):
        run([*line, image, "touch", "/opt/idp/app/x"])


def test_state_is_readable_by_the_provider_alone(idp):
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (idp.data / "idp").iterdir()}
    assert {"canaille.toml", "idp.sqlite", "signing-key.json"} <= modes.keys()
    assert all(mode & 0o077 == 0 for mode in modes.values()), modes


def test_settings_are_written_only_when_they_change(tmp_path):
    settings = settings_for(tmp_path)
    assert ensure_idp_files(settings, SECRETS)
    path = tmp_path / "idp" / "canaille.toml"
    before = path.stat()
    assert stat.S_IMODE(before.st_mode) == 0o600
    assert before.st_uid == (1000 if os.geteuid() == 0 else os.geteuid())
    assert not ensure_idp_files(settings, SECRETS) and path.stat().st_ino == before.st_ino
    assert ensure_idp_files(settings_for(tmp_path, "http://127.0.0.1:9000"), SECRETS)


def test_settings_follow_the_lab_s_address(tmp_path):
    plain = tomllib.loads(render_idp_config(settings_for(tmp_path), SECRETS))
    assert plain["SERVER_NAME"] == "127.0.0.1:8000" and plain["SESSION_COOKIE_SECURE"] is False
    secure = Settings.model_validate(
        {
            "lab": {"data": tmp_path, "name": 'A "\\ lab'},
            "profiles": PROFILES,
            "address": {"url": "https://lab.example.org", "bind": "127.0.0.1"},
        }
    )
    toml = tomllib.loads(render_idp_config(secure, SECRETS))
    assert toml["SERVER_NAME"] == "lab.example.org" and toml["PREFERRED_URL_SCHEME"] == "https"
    assert toml["SESSION_COOKIE_SECURE"] is True and toml["CANAILLE"]["NAME"] == 'A "\\ lab'
