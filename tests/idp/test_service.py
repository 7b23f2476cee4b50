"""The provider as a service: its pages, cookies, log, files, image and settings."""

import os
import re
import stat
import tomllib

import pytest

from cohort.errors import CohortError
from cohort.lab.idp import ensure_idp_files, render_idp_config
from cohort.lab.run import run
from cohort.settings import Settings
from tests.idp.provider import PROFILES, SECRETS, Provider, free_port, settings_for


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
        with secure.browser() as browser:
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
