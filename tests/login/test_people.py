"""A changed people.csv in a running lab: who came, who moved, who left, who is back."""

import asyncio
import json

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.labs import PEOPLE, docker, eventually
from tests.visitors import Visitor

ADA = "ada,Ada Wong,ada@lab.example,apollo,participant"
CHLOE = "chloe,Chloe Lam,chloe@lab.example,borealis,participant"


@pytest.fixture
def roster(fresh):
    """Replaces lines of people.csv and runs ``make people``; everybody is back afterwards."""

    def change(*pairs: tuple[str, str], check: bool = True):
        text = PEOPLE
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        fresh.people.write_text(text, encoding="utf-8")
        return fresh.run("people", check=check)

    yield change
    change()


@pytest.fixture
def visitor(fresh):
    """A factory of visitors who have logged in."""
    made: list[Visitor] = []

    def make(login: str) -> Visitor:
        made.append(Visitor(fresh.url, login))
        made[-1].log_in(fresh.password(login))
        return made[-1]

    yield make
    for one in made:
        one.close()


def opens(visitor: Visitor, account: str) -> bool:
    """True if a server shows JupyterLab to a visitor who follows wherever it leads."""
    return "jupyter-config-data" in visitor.http.get(f"{visitor.url}/user/{account}/lab").text


def may(visitor: Visitor, account: str) -> int:
    """Status of a server's API for a visitor who has opened it before."""
    path = f"{visitor.url}/user/{account}/api/contents"
    return visitor.http.get(path, follow_redirects=False).status_code


def is_in(visitor: Visitor) -> bool:
    """True if the hub knows the visitor."""
    return visitor.http.get(f"{visitor.url}/hub/home").url.path == "/hub/home"


class Terminal:
    """A visitor's terminal in a server: a websocket that stays open."""

    def __init__(self, visitor: Visitor, account: str) -> None:
        base = f"{visitor.url}/user/{account}"
        visitor.http.get(f"{base}/lab")
        own = {c.name: c.value for c in visitor.http.cookies.jar if f"{base}/".endswith(c.path)}
        headers = {"X-XSRFToken": own["_xsrf"]}
        made = visitor.http.post(f"{base}/api/terminals", headers=headers, json={})
        assert made.status_code == 200, made.text
        url = f"{base}/terminals/websocket/{made.json()['name']}".replace("http", "ws", 1)
        request = visitor.http.build_request("GET", f"{base}/terminals/websocket/1")
        self._request = HTTPRequest(url, headers={"Cookie": request.headers["cookie"]})

    async def __aenter__(self):
        """Connect and see that the shell answers."""
        self._socket, self._gone = await websocket_connect(self._request), False
        self._socket.write_message(json.dumps(["stdin", "echo $((40 + 2))\r"]))
        while "42" not in await self._socket.read_message():
            pass
        return self

    async def __aexit__(self, *_) -> None:
        self._socket.close()
        if not self._gone:
            await self.closed(within=10)

    async def closed(self, within: float) -> int:
        """Close code, once the server has closed it."""
        async with asyncio.timeout(within):
            while await self._socket.read_message() is not None:
                pass
        self._gone = True
        return self._socket.close_code

    async def answers(self) -> bool:
        """True if the shell still does what it is told."""
        self._socket.write_message(json.dumps(["stdin", "echo $((60 + 6))\r"]))
        async with asyncio.timeout(10):
            while message := await self._socket.read_message():
                if "66" in message:
                    return True
        return False


def test_a_new_person_in_a_new_team_works_at_once(fresh, roster, visitor):
    started = "{{.State.StartedAt}}"
    services = [fresh.service(name) for name in ("hub", "proxy", "idp")]
    before = docker("inspect", "--format", started, *services)
    said = roster((ADA, f"{ADA}\nzoe,Zoe Tam,zoe@lab.example,cygnus,participant")).stdout
    assert f"zoe  {fresh.password('zoe')}" in said
    zoe = visitor("zoe")
    assert "Team cygnus" in zoe.http.get(f"{fresh.url}/hub/home").text
    zoe.start("team-cygnus", "team-cpu")
    assert opens(zoe, "team-cygnus")
    assert docker("inspect", "--format", started, *services) == before


def test_who_moves_loses_the_old_team_and_gains_the_new(fresh, roster, visitor):
    ada, ben = visitor("ada"), visitor("ben")
    ada.start("team-apollo", "team-cpu")
    adas, bens = Terminal(ada, "team-apollo"), Terminal(ben, "team-apollo")

    async def move() -> int:
        async with adas, bens:
            await asyncio.to_thread(roster, (ADA, ADA.replace("apollo", "borealis")))
            code = await adas.closed(within=10)
            assert await bens.answers()
            return code

    assert asyncio.run(move()) == 4403
    eventually(lambda: may(ada, "team-apollo") == 403, 5, "refused over HTTP")
    assert may(ben, "team-apollo") == 200
    home = ada.http.get(f"{fresh.url}/hub/home").text
    assert "Team borealis" in home
    assert "Team apollo" not in home
    ada.start("team-borealis", "team-cpu")
    assert may(ada, "team-borealis") == 200
    assert opens(ben, "team-apollo")
    assert not opens(ben, "team-borealis")


def test_who_left_is_out_at_once_and_back_as_before(fresh, roster, visitor):
    chloe, dev = visitor("chloe"), visitor("dev")
    chloe.start("team-borealis", "team-cpu")
    chloe.start("chloe", "desk")
    fresh.sh("chloe", "echo mine > ~/notes.txt")
    made = chloe.http.post(
        f"{fresh.url}/hub/api/users/chloe/tokens",
        headers={"X-XSRFToken": chloe.xsrf}, json={"note": "for a script"},
    )  # fmt: skip
    token = made.json()["token"]
    assert fresh.api("GET", "/user", token=token).json()["name"] == "chloe"
    terminal = Terminal(chloe, "team-borealis")

    async def leave() -> int:
        async with terminal:
            said = (await asyncio.to_thread(roster, (CHLOE + "\n", ""))).stdout
            assert "Locked out: chloe" in said
            return await terminal.closed(within=10)

    assert asyncio.run(leave()) == 4403
    # No word of `eventually` here: all of this is so when the command is done.
    assert not is_in(chloe)
    assert fresh.api("GET", "/user", token=token).status_code == 403
    assert fresh.api("GET", "/users/chloe").status_code == 404
    assert not docker("ps", "-aq", "--filter", f"name={fresh.container('chloe')}$")
    assert may(chloe, "team-borealis") != 200
    assert (fresh.data / "people" / "chloe" / "notes.txt").read_text() == "mine\n"
    refused = Visitor(fresh.url, "chloe")
    page = refused.http.get(f"{fresh.url}/hub/oauth_login")
    assert page.status_code == 200
    for _ in range(2):
        page = refused._answer_form(page, {"login": "chloe", "password": fresh.password("chloe")})
    assert "/services/idp/" in page.url.path
    assert not is_in(refused)
    refused.close()
    # Who is refused is asked to log in anew, which is no error of the hub's.
    assert "_token_authenticated" not in fresh.hub_log()
    # The others, and the team's workspace, noticed nothing.
    assert opens(dev, "team-borealis")
    assert "Came back: chloe" in roster().stdout
    back = visitor("chloe")
    back.start("chloe", "desk")
    assert fresh.sh("chloe", "cat ~/notes.txt") == "mine"
    assert fresh.api("GET", "/user", token=token).status_code == 403


BAD = (
    (f"{ADA}\nzed,Zed,zed@lab.example,,participant\n", "line 3, column team: a participant"),
    (f"{ADA}\nzed,Zed,zed@lab.example,apollo,boss\n", "line 3, column role: expected one of"),
    (f"{ADA}\n{ADA}\n", "line 3, column login: ada is also in line 2"),
    (f"{ADA}\nteam-x,X,x@lab.example,apollo,participant\n", "line 3, column login: names that"),
    ("", "lists nobody"),
)


def test_a_bad_file_is_one_sentence_and_changes_nothing(fresh, roster):
    for wrong, sentence in BAD:
        done = roster((PEOPLE, f"login,name,email,team,role\n{wrong}"), check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("cohort: people.csv")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
    # The right file brings nothing back in, so nobody was locked out and nobody was made.
    assert "people.csv holds nothing new." in roster().stdout
