"""Log-in by a company's own provider, found by its discovery document alone."""

import secrets

import httpx
import pytest

from cohort.lab.images import image_names
from tests.labs import ROOT, SETTINGS, Lab, brought_up, docker, eventually, free_ports
from tests.visitors import Visitor

LOGIN = """
provider = "oidc"
title = "Startup account"
issuer = "{issuer}"
client_id = "the-lab"
client_secret_file = "company-secret"
username_claim = "email"
recheck_seconds = 2

[login.groups]
"startup-apollo" = "team:apollo"
"staff" = "role:instructor"
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A lab that trusts another provider; ``secret`` is everybody's password there."""
    folder, port = tmp_path_factory.mktemp("company"), free_ports(1)
    issuer, old = f"http://localhost:{port}", 'provider = "bundled"\nrecheck_seconds = 2\n'
    assert old in SETTINGS
    lab = Lab(folder, settings=SETTINGS.replace(old, LOGIN.replace("{issuer}", issuer)))
    lab.secret = secrets.token_hex(16)
    (folder / "company-secret").write_text(lab.secret + "\n")
    with brought_up(lab):
        docker(
            "run", "--detach", "--name", lab.service("company"),
            "--label", f"cohort.project={lab.project}",
            "--network", "host", "--user", "1000:1000",
            "--volume", f"{ROOT}/tests/login/company.py:/company.py:ro",
            "--env", f"PORT={port}", "--env", f"LAB={lab.url}", "--env", f"SECRET={lab.secret}",
            image_names()[1].idp, "python", "/company.py",
        )  # fmt: skip
        eventually(lambda: answers(f"{issuer}/.well-known/openid-configuration"), 60)
        yield lab


def answers(url: str) -> bool:
    """True if an address gives a page."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def visitor(company):
    """A factory of visitors."""
    made: list[Visitor] = []

    def make(login: str) -> Visitor:
        made.append(Visitor(company.url, login))
        return made[-1]

    yield make
    for one in made:
        one.close()


def roles(company, account: str) -> list[str]:
    """Names of the hub roles that an account has."""
    return sorted(company.api("GET", f"/users/{account}").json()["roles"])


def test_teams_and_roles_follow_the_companys_groups(company, visitor):
    assert "idp" not in docker(
        "ps", "--filter", f"label=com.docker.compose.project={company.project}"
    )
    kim, sam = visitor("k.tan"), visitor("s.lee")
    assert "Startup account" in kim.http.get(f"{company.url}/hub/login").text
    home = kim.log_in(company.secret)
    assert home.url.path == "/hub/home"
    # The group's other meaning is the lab's own matter; football means nothing here.
    assert "Team apollo" in home.text
    assert "football" not in home.text
    assert roles(company, "kim@startup.example") == ["lab-participant", "team-apollo", "user"]
    assert company.api("GET", "/users/team-apollo").status_code == 200
    assert "Team" not in sam.log_in(company.secret).text
    assert roles(company, "sam@startup.example") == [
        "course-ai-foundations", "lab-instructor", "user",
    ]  # fmt: skip


def test_others_of_the_company_are_told_why_not(company, visitor):
    for login, sentence in (("r.ng", "no team and no role"), ("t.apollo", "begin with team-")):
        one = visitor(login)
        page = one.log_in(company.secret)
        assert page.status_code == 403
        assert sentence in page.text
        assert one.http.get(f"{company.url}/hub/home").url.path == "/hub/login"


def test_a_desk_for_somebody_called_by_an_address(company, visitor):
    kim = visitor("k.tan")
    kim.log_in(company.secret)
    kim.start("kim@startup.example", "desk")
    assert (company.data / "people" / "kim@startup.example").is_dir()


def test_log_out_ends_the_companys_session_too(company, visitor):
    kim = visitor("k.tan")
    kim.log_in(company.secret)
    page = kim.http.get(f"{company.url}/hub/logout")
    assert page.url.path == "/hub/login"
    assert any(h.url.path == "/oauth/end_session" for h in page.history)
    assert kim.http.get(f"{company.url}/hub/home").url.path == "/hub/login"
    assert 'name="login"' in kim.http.get(f"{company.url}/hub/oauth_login").text


def test_make_people_says_that_the_company_decides(company):
    done = company.run("people", check=False)
    assert done.returncode == 1
    assert "People come from the provider that [login] names" in done.stderr


def test_a_company_provider_that_is_down_gives_a_sentence(company, visitor):
    docker("stop", "--time", "2", company.service("company"))
    page = visitor("k.tan").http.get(f"{company.url}/hub/oauth_login")
    assert page.status_code == 503
    assert "The log-in service does not answer. Try again in a minute" in page.text
