"""Log-in and log-out at the bundled provider, as browser and hub go through them."""

import pytest

from tests.idp.browsers import message_on
from tests.idp.provider import SECRETS


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
        with idp.browser() as browser:
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
