"""What counts as use, who is here, and what closes, in a real lab with a real page open."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.labs import Lab, eventually
from tests.visitors import Visitor

# JupyterLab asks for kernels, sessions, terminals and the open folder every 10 s, the lab's own
# extension for the status every 30 s: in this time each has come by.
QUIET = 40


def drive(scenario) -> None:
    """Run a coroutine function to its end, beside the loop that Playwright has in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, scenario()).result()


def token_of(lab: Lab, login: str, account: str) -> str:
    """A token of a person's for an account's server, as their browser would have."""
    if lab.api("GET", f"/users/{login}").status_code == 404:
        visitor = Visitor(lab.url, login)
        visitor.log_in(lab.password(login))
        visitor.close()
    answer = lab.api(
        "POST", f"/users/{login}/tokens", json={"scopes": [f"access:servers!user={account}"]}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def start(lab: Lab, account: str, profile: str) -> None:
    """Start a server through the hub's API and wait for it."""
    lab.api("POST", f"/users/{account}/server", json={"profile": profile})
    eventually(lambda: lab.server(account).get("ready"), 60, f"{account} ready")


class Server:
    """A server as one person reaches it."""

    def __init__(self, lab: Lab, account: str, login: str) -> None:
        self.lab, self.account, self.token = lab, account, token_of(lab, login, account)
        self.headers = {"Authorization": f"token {self.token}"}

    def ask(self, method: str, path: str, **kwargs) -> httpx.Response:
        """One request."""
        url = f"{self.lab.url}/user/{self.account}/{path}"
        return httpx.request(method, url, headers=self.headers, timeout=30, **kwargs)

    def status(self) -> dict:
        """What the page is told."""
        answer = self.ask("GET", "cohort/status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def who(self) -> list[str]:
        """Logins of those with a page open."""
        return [person["login"] for person in self.status()["who"]]

    def seconds_at_hub(self) -> float:
        """Seconds since the hub last heard of use: what the culler goes by."""
        said = self.lab.server(self.account)["last_activity"].replace("Z", "+00:00")
        return (datetime.now(UTC) - datetime.fromisoformat(said)).total_seconds()

    @asynccontextmanager
    async def socket(self, path: str):
        """An open websocket, closed at the end whoever began with that."""
        url = f"{self.lab.url}/user/{self.account}/{path}".replace("http", "ws", 1)
        socket = await websocket_connect(HTTPRequest(url, headers=self.headers))
        stream = socket.protocol.stream
        try:
            yield socket
        finally:
            socket.close()
            stream.close()


def run_until(person, code: str, look) -> None:
    """Type code into the first cell and run it until ``look`` is true.

    JupyterLab, the stock one too, loses what is run in the first second of a kernel.
    """
    cell = person.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell .cm-content").first
    cell.click()
    person.page.keyboard.press("Control+a")
    person.page.keyboard.insert_text(code)
    for _ in range(5):
        person.page.keyboard.press("Control+Enter")
        try:
            eventually(look, 5)
            return
        except AssertionError:
            cell.click()
    raise AssertionError(f"never ran: {code}")


@pytest.fixture
def desk(fresh) -> Server:
    """Ada's desk, which warns after 15 s and is stopped after 30 s without use."""
    start(fresh, "ada", "desk")
    return Server(fresh, "ada", "ada")


def test_an_open_page_by_itself_is_no_use_but_a_busy_kernel_is(fresh, person):
    ada = person("ada")
    ada.log_in()
    ada.start("ada", "desk")
    ada.new_notebook()
    output = ada.page.locator(".jp-OutputArea-output").filter(has_text="42")
    run_until(ada, "print(6 * 7)", output.count)
    desk = Server(fresh, "ada", "ada")
    begin = time.monotonic()
    eventually(lambda: desk.status()["idle_seconds"] > QUIET, QUIET + 25, "idle with an open page")
    assert time.monotonic() - begin > QUIET - 15
    assert desk.seconds_at_hub() > QUIET - 15
    assert desk.status()["who"] == [{"login": "ada", "name": "Ada Wong"}]
    assert desk.status()["busy"] is False
    # An hour's training that prints nothing is use for as long as it goes on.
    begin = time.monotonic()
    run_until(ada, "import time; time.sleep(30)", lambda: desk.status()["busy"])
    while time.monotonic() - begin < 20:
        status = desk.status()
        assert (status["busy"], status["idle_seconds"] < 1) == (True, True)
    assert desk.seconds_at_hub() < 15
    eventually(lambda: not desk.status()["busy"], 40, "no more busy")


def test_a_shared_document_that_is_open_is_no_use_and_typing_in_it_is(fresh, person):
    ada = person("ada")
    ada.log_in()
    ada.start("team-apollo", "team-cpu")
    ada.new_notebook()
    team = Server(fresh, "team-apollo", "ada")
    eventually(lambda: team.status()["idle_seconds"] > QUIET, QUIET + 25, "idle and open")
    ada.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell .cm-content").first.click()
    ada.page.keyboard.type("written together")
    eventually(lambda: team.status()["idle_seconds"] < 5, 10, "typing is use")
    assert team.status()["busy"] is False


def test_keep_is_use_and_the_hub_hears_of_it_at_once(desk):
    eventually(lambda: desk.seconds_at_hub() > 3, 30, "some idle seconds")
    assert desk.status()["idle_seconds"] > 3
    assert desk.ask("POST", "cohort/keep").status_code == 204
    assert desk.status()["idle_seconds"] < 2
    assert desk.seconds_at_hub() < 3


def test_asking_is_no_use_and_saving_is(desk):
    eventually(lambda: desk.status()["idle_seconds"] > 3, 30, "asking and still idle")
    desk.ask("GET", "api/contents")
    desk.ask("GET", "api/kernels")
    assert desk.status()["idle_seconds"] > 3
    saved = desk.ask(
        "PUT", "api/contents/a.txt", json={"type": "file", "format": "text", "content": ""}
    )
    assert saved.status_code == 201
    assert desk.status()["idle_seconds"] < 2


def test_strangers_are_not_answered(desk):
    url = f"{desk.lab.url}/user/ada/cohort"
    assert httpx.get(f"{url}/status").status_code == 403
    assert httpx.post(f"{url}/keep").status_code == 403
    other = {"Authorization": f"token {token_of(desk.lab, 'ben', 'ben')}"}
    assert httpx.get(f"{url}/status", headers=other).status_code == 403


def test_a_job_in_a_terminal_is_use_and_a_waiting_shell_is_not(desk):
    async def scenario() -> None:
        name = desk.ask("POST", "api/terminals", json={}).json()["name"]
        async with desk.socket(f"terminals/websocket/{name}") as socket:
            await socket.read_message()
            assert desk.status()["busy"] is False
            await socket.write_message(json.dumps(["stdin", "while :; do :; done\r"]))
            await asyncio.to_thread(eventually, lambda: desk.status()["busy"], 30, "busy")
            await socket.write_message(json.dumps(["stdin", "\x03"]))
            await asyncio.to_thread(eventually, lambda: not desk.status()["busy"], 30, "idle")

    drive(scenario)


def test_people_come_and_go_here_and_on_the_home_page(fresh):
    start(fresh, "team-apollo", "team-cpu")
    ada, ben = (Server(fresh, "team-apollo", login) for login in ("ada", "ben"))
    visitor = Visitor(fresh.url, "ada")
    visitor.log_in(fresh.password("ada"))

    def on_the_card() -> bool:
        return "Ada Wong, Ben Chan" in visitor.http.get(f"{fresh.url}/hub/home").text

    async def scenario() -> None:
        path = "api/events/subscribe"
        async with ben.socket(path):
            async with ada.socket(path), ben.socket(path):
                assert ada.who() == ["ada", "ben"]
                names = [one["name"] for one in ada.status()["who"]]
                assert names == ["Ada Wong", "Ben Chan"]
                await asyncio.to_thread(eventually, on_the_card, 10, "on the home page")
            await asyncio.to_thread(eventually, lambda: ben.who() == ["ben"], 10, "ada gone")
        await asyncio.to_thread(eventually, lambda: ben.who() == [], 10, "all gone")

    drive(scenario)
    visitor.close()


def test_open_sockets_of_a_person_who_left_the_team_are_closed(fresh):
    start(fresh, "team-apollo", "team-cpu")
    ada, ben = (Server(fresh, "team-apollo", login) for login in ("ada", "ben"))
    people = fresh.people.read_text(encoding="utf-8")

    async def scenario() -> None:
        path = "api/events/subscribe"
        async with ben.socket(path) as theirs, ada.socket(path):
            line = next(x for x in people.splitlines() if x.startswith("ben,"))
            fresh.people.write_text(people.replace(line, line.replace("apollo", "borealis")))
            await asyncio.to_thread(fresh.run, "people")
            assert await asyncio.wait_for(theirs.read_message(), 40) is None
            assert theirs.close_code == 4403
            assert "no longer have access" in theirs.close_reason
            assert ben.ask("GET", "cohort/status").status_code == 403
            assert ada.who() == ["ada"]

    try:
        drive(scenario)
    finally:
        fresh.people.write_text(people, encoding="utf-8")
        fresh.run("people")


def test_a_token_that_was_taken_back_closes_its_sockets(desk):
    async def scenario() -> None:
        async with desk.socket("api/events/subscribe") as socket:
            for token in desk.lab.api("GET", "/users/ada/tokens").json()["api_tokens"]:
                if "access:servers!user=ada" in token["scopes"] and token["kind"] == "api_token":
                    desk.lab.api("DELETE", f"/users/ada/tokens/{token['id']}")
            assert await asyncio.wait_for(socket.read_message(), 40) is None
            assert socket.close_code == 4403

    drive(scenario)
