"""Log-in to the service: by OAuth in a browser, by a server's token in a program."""

import httpx
import pytest

from tests.visitors import Visitor

PATH = "/services/experiments"


@pytest.fixture
def visitor(lab):
    """A factory of people who have logged in to the lab."""
    made = []

    def make(login):
        one = Visitor(lab.url, login)
        one.log_in(lab.password(login))
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def test_somebody_logged_in_to_the_lab_is_logged_in_here(lab, visitor):
    ada = visitor("ada")
    page = ada.http.get(f"{lab.url}{PATH}/?tab=1")
    assert page.status_code == 200
    assert page.url.path == f"{PATH}/"
    assert page.url.query == b"tab=1"
    assert "Ada Wong" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    me = ada.http.get(f"{lab.url}{PATH}/api/v1/me").json()
    assert me["login"] == "ada"
    assert me["role"] == "participant"
    assert [owner["account"] for owner in me["owners"]] == ["ada", "team-apollo"]


def test_log_out_of_the_lab_is_log_out_here(lab, visitor):
    ada = visitor("ada")
    ada.http.get(f"{lab.url}{PATH}/")
    ada.http.get(f"{lab.url}{PATH}/logout")
    assert ada.http.get(f"{lab.url}{PATH}/").url.path == "/hub/login"


def test_two_log_ins_at_once_both_come_to_their_end(lab, visitor):
    ada = visitor("ada")
    first, second = (
        ada.http.get(f"{lab.url}{PATH}/login", follow_redirects=False).headers["location"]
        for _ in range(2)
    )
    for address in (first, second):
        assert ada.http.get(lab.url + address).url.path == f"{PATH}/"


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?state=y"])
def test_a_wrong_state_is_refused_and_nobody_is_logged_in(lab, visitor, query):
    ada = visitor("ada")
    answer = ada.http.get(f"{lab.url}{PATH}/oauth_callback{query}")
    assert answer.status_code == 400
    assert "already used or has grown old" in answer.text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/hub/home"])
def test_log_in_leads_back_to_the_service_alone(lab, visitor, elsewhere):
    ada = visitor("ada")
    page = ada.http.get(f"{lab.url}{PATH}/login", params={"next": elsewhere})
    assert str(page.url) == f"{lab.url}{PATH}/"


def test_pages_are_for_navigations_alone(lab, visitor):
    ada = visitor("ada")
    ada.http.get(f"{lab.url}{PATH}/")
    for purpose in ("empty", "iframe", "script"):
        answer = ada.http.get(f"{lab.url}{PATH}/", headers={"Sec-Fetch-Dest": purpose})
        assert answer.status_code == 403


def test_a_servers_token_speaks_for_its_account(fresh):
    fresh.start("team-apollo", "team-cpu")
    told = fresh.sh(
        "team-apollo",
        "python -c 'import os, httpx; print(httpx.get("
        'os.environ["COHORT_EXPERIMENTS_URL"] + "/api/v1/me", '
        'headers={"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}).text)\'',
    )
    assert '"login":"team-apollo"' in told
    assert '"role":null' in told


def test_no_token_and_a_wrong_one_are_refused_as_programs_understand(lab):
    url = f"{lab.url}{PATH}/api/v1/me"
    for headers in ({}, {"Authorization": "token nonsense"}, {"Authorization": "basic x"}):
        answer = httpx.get(url, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "login_needed"
    # The tests' own token is good at the hub, and not meant for this service.
    wrong = httpx.get(url, headers={"Authorization": f"token {lab.token}"})
    assert wrong.status_code == 401
