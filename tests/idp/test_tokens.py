"""What a token still opens, once its owner has moved, left or come back."""

import sqlite3
from contextlib import closing

from tests.idp.browsers import message_on
from tests.idp.provider import BEN, OLGA, PEOPLE, person


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
    with idp.browser() as other:
        assert "locked" in message_on(other.log_in("ada", idp.passwords["ada"]))
    # The address is free for somebody else meanwhile.
    zoe = person("zoe", "apollo", email="ada@lab.example")
    idp.sync((BEN, OLGA, zoe))
    with idp.browser() as other:
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
