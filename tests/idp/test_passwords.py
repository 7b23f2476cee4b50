"""Who may change which password, and what people can do beside that: nothing."""

import re
import time

import httpx
import pytest

from cohort.lab.roster import reset_password
from tests.idp.browsers import message_on
from tests.labs import eventually


def comes_in(browser) -> bool:
    """True if the provider sends this browser to the hub without asking for a password."""
    answer = browser.follow(browser.get(browser.authorize_url("x" * 43)))
    return answer.is_redirect and "code=" in answer.headers["location"]


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
    # The wrong guess slows the next log-in down; a reset forgets it, and ends the session.
    reset = reset_password("ben", idp.run)
    page = browser.log_in("ben", reset)
    done = browser.send_form(page, current_password=reset, **new)
    assert "updated" in message_on(done)
    idp.passwords["ben"] = new["password1"]
    assert browser.userinfo(idp.tokens("ben")).status_code == 200


def test_a_new_password_ends_what_was_open_with_the_old_one(idp, browser):
    tokens = browser.get_tokens("ben", idp.passwords["ben"])
    assert comes_in(browser)
    idp.passwords["ben"] = reset_password("ben", idp.run)
    assert not comes_in(browser)
    assert browser.userinfo(tokens).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert browser.token(**refresh).status_code == 400
    assert idp.tokens("ben")


def test_whoever_sets_their_own_password_stays_logged_in_there_alone(idp, browser):
    page = browser.log_in("ben", idp.passwords["ben"])
    with idp.browser() as other:
        other.log_in("ben", idp.passwords["ben"])
        begin = time.time()
        assert comes_in(other)
        # The provider writes down in which second a password was set.
        eventually(lambda: int(time.time()) > int(begin))
        new = {"password1": "three red words", "password2": "three red words"}
        old = {"current_password": idp.passwords["ben"], "action": "edit-password"}
        assert "updated" in message_on(browser.send_form(page, **old, **new))
        idp.passwords["ben"] = new["password1"]
        assert comes_in(browser)
        assert not comes_in(other)


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
    browser.log_in("olga", idp.passwords["olga"])
    page = browser.get("profile/ada/auth/password")
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
