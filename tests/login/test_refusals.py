"""Who must not come in does not, and is told what to do; who may is asked for nothing else."""

import json
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cohort.lab.roster import client_of
from cohort.people import groups_of, load_people
from cohort.secret_files import read_secrets
from cohort.settings_file import load_settings
from tests.labs import docker, eventually
from tests.visitors import Visitor

STALE = "already used or has grown old"


@pytest.fixture
def visitor(lab):
    """A factory of visitors that fail at any request to another host."""
    made: list[Visitor] = []

    def only_here(request: httpx.Request) -> None:
        assert str(request.url).startswith(lab.url + "/"), f"sent elsewhere: {request.url}"

    def make(login: str) -> Visitor:
        made.append(Visitor(lab.url, login, event_hooks={"request": [only_here]}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def is_in(visitor: Visitor) -> bool:
    """True if the visitor has a session at the hub."""
    return visitor.http.get(f"{visitor.url}/hub/home").url.path == "/hub/home"


def up_to_callback(visitor: Visitor, password: str) -> str:
    """Log in at the provider and stop before the hub hears of it; the callback's address."""
    seen: list[str] = []

    def stop_there(request: httpx.Request) -> None:
        if request.url.path == "/hub/oauth_callback":
            seen.append(str(request.url))
            raise InterruptedError

    hooks = visitor.http.event_hooks["request"]
    visitor.http.event_hooks["request"] = [*hooks, stop_there]
    with pytest.raises(InterruptedError):
        visitor.log_in(password)
    visitor.http.event_hooks["request"] = hooks
    return seen[0]


@pytest.fixture
def strangers(lab):
    """Accounts that no people.csv allows, made with the provider's own tool; login: password."""
    settings = load_settings(lab.settings)
    people = [
        {"login": p.login, "name": p.name, "email": p.email, "groups": groups_of(p)}
        for p in load_people(lab.people)
    ]
    odd = {"team-apollo": ["team:apollo"], "course-x": ["role:operator"], "nobody": ["friends"]}
    people += [
        {"login": login, "name": login, "email": f"{login}@lab.example", "groups": groups}
        for login, groups in odd.items()
    ]
    wanted = {"people": people, "client": client_of(settings, read_secrets(lab.data))}
    line = ["docker", "exec", "-i", lab.service("idp"), "python", "-m", "idp_sync"]
    done = subprocess.run(line, input=json.dumps(wanted), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)["new"]
    lab.run("people")


def test_who_has_no_team_or_a_name_of_the_labs_own_is_told_so(lab, visitor, strangers):
    ada = visitor("ada")
    ada.log_in(lab.password("ada"))
    for login, sentence in (
        ("nobody", "no team and no role in this lab yet"),
        ("team-apollo", "names that begin with team- or course- belong"),
        ("course-x", "names that begin with team- or course- belong"),
    ):
        one = visitor(login)
        page = one.log_in(strangers[login])
        assert page.status_code == 403
        assert sentence in page.text
        assert "operator" in page.text
        assert not is_in(one), login
    # Taking these accounts away at the provider leaves the team's own account at the hub.
    lab.run("people")
    assert lab.api("GET", "/users/team-apollo").status_code == 200
    assert lab.api("GET", "/users/nobody").status_code == 404
    assert is_in(ada)


def test_while_the_provider_is_down_people_inside_work_on(lab, visitor):
    ada, ben = visitor("ada"), visitor("ben")
    ada.log_in(lab.password("ada"))
    docker("stop", lab.service("idp"))
    try:
        page = ben.http.get(f"{lab.url}/hub/oauth_login")
        assert page.status_code == 503
        assert "The log-in service does not answer. Try again in a minute" in page.text
        assert "Traceback" not in page.text
        # The hub has asked again about ada and got no answer: she stays all the same.
        eventually(
            lambda: is_in(ada) and "provider is down" in lab.hub_log(), 20, "the hub asks again"
        )
        assert is_in(ada)
    finally:
        docker("start", lab.service("idp"))
    eventually(
        lambda: ben.http.get(f"{lab.url}/hub/oauth_login").status_code == 200,
        60,
        "provider is back",
    )
    assert ben.log_in(lab.password("ben")).url.path == "/hub/home"


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, STALE),
        ("?code=c", 400, STALE),
        ("?state=STATE", 400, STALE),
        ("?code=c&state=wrong", 400, STALE),
        ("?code=c&state=eyJzdGF0ZV9pZCI6ICJ4In0=", 400, STALE),
        ("?code=never-issued&state=STATE", 400, STALE),
        ("?error=access_denied&error_description=<b>x</b>&state=STATE", 403, "did not let you in"),
        ("?error=server_error&code=c&state=STATE", 403, "did not let you in"),
    ],
)
def test_a_bad_answer_of_the_provider_gives_a_page_and_no_session(
    lab, visitor, query, status, sentence
):
    one = visitor("ada")
    at_provider = one.http.get(f"{lab.url}/hub/oauth_login").history[0].headers["location"]
    state = parse_qs(urlsplit(at_provider).query)["state"][0]
    page = one.http.get(f"{lab.url}/hub/oauth_callback{query.replace('STATE', state)}")
    assert page.status_code == status
    assert sentence in page.text
    assert "Go to the lab" in page.text
    assert "<b>x</b>" not in page.text
    assert not is_in(one)


def test_an_answer_of_the_provider_works_once_and_for_its_own_browser_only(lab, visitor):
    ada, other, thief = visitor("ada"), visitor("ada"), visitor("ada")
    callback = up_to_callback(ada, lab.password("ada"))
    # A browser that never asked, and one that asked for itself.
    assert other.http.get(callback).status_code == 400
    other.http.get(f"{lab.url}/hub/oauth_login")
    refused = other.http.get(callback)
    assert refused.status_code == 400
    assert STALE in refused.text
    assert not is_in(other)
    thief.http.cookies.update(ada.http.cookies)
    assert ada.http.get(callback).url.path == "/hub/home"
    for again in (ada, thief):
        replayed = again.http.get(callback)
        assert replayed.status_code == 400
        assert STALE in replayed.text
    assert not is_in(thief)
    assert is_in(ada)


def test_nobody_is_asked_for_consent(fresh, visitor):
    ada, ben = visitor("ada"), visitor("ben")
    ada.log_in(fresh.password("ada"))
    ada.start("team-apollo", "team-cpu")
    seen: list[httpx.Response] = []
    ben.http.event_hooks["response"] = [seen.append]
    ben.log_in(fresh.password("ben"))
    opened = ben.http.get(f"{fresh.url}/user/team-apollo/lab")
    assert opened.status_code == 200
    assert "jupyter-config-data" in opened.text
    asked = {"/services/idp/oauth/authorize", "/hub/api/oauth2/authorize"}
    assert asked <= {r.url.path for r in seen}
    pages = [r.url.path for r in seen if not r.is_redirect]
    assert pages == ["/services/idp/login", "/services/idp/auth/password", "/hub/home",
                     "/user/team-apollo/lab"]  # fmt: skip


def test_log_out_ends_the_session_at_the_provider_too(lab, visitor):
    ada = visitor("ada")
    ada.log_in(lab.password("ada"))
    assert is_in(ada)
    page = ada.http.get(f"{lab.url}/hub/logout")
    assert page.url.path == "/hub/login"
    assert any("/oauth/end_session" in h.url.path for h in page.history)
    assert not is_in(ada)
    # Without a session there the provider asks who is coming.
    assert 'name="login"' in ada.http.get(f"{lab.url}/hub/oauth_login").text


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example/x", "https://evil.example/x", "/\\evil.example/x", "/%2F/evil.example/x",
     "%2F%2Fevil.example", "javascript:alert(1)"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(lab, visitor, elsewhere):
    """`visitor` fails at the first request to another host; a redirect there would be one."""
    ada = visitor("ada")
    ada.log_in(lab.password("ada"), next=elsewhere)
    assert is_in(ada)
    for path in ("login", "logout", "oauth_login"):
        ada.http.get(f"{lab.url}/hub/{path}", params={"next": elsewhere})
