"""The service is killed at random moments: what was acknowledged is there, whole, once."""

from __future__ import annotations

import hashlib
import random
import threading

import httpx
import pytest

from tests.grading.services import (
    CAMPAIGN,
    COURSE,
    Process,
    archive,
    client,
    hand_in,
    notebook,
    release,
    unpacked,
)

SENDERS = ("ada", "ben", "ken", "team-apollo")
EACH = 125 if CAMPAIGN else 10  # hand-ins of each of them, at least
KILLS = 25 if CAMPAIGN else 4


@pytest.fixture(params=["sqlite", "postgresql"])
def process(request, tmp_path):
    """The service in a process of its own, on each database."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else ""
    process = Process(tmp_path, url)
    process.start()
    yield process
    process.kill()


def files_of(login: str, number: int) -> dict[str, bytes]:
    """What somebody hands in as their work of a number: no two are the same."""
    noise = random.Random(f"{login}{number}").randbytes(20_000)
    return {"work.ipynb": notebook(f"answer = {number}"), "noise.bin": noise}


class Sender(threading.Thread):
    """Hands in again and again, with each key until it is acknowledged, until the last kill."""

    def __init__(self, url: str, login: str, up: threading.Event, over: threading.Event) -> None:
        super().__init__(name=login, daemon=True)
        self.url, self.login, self.up, self.over = url, login, up, over
        self.acknowledged: dict[int, dict] = {}
        self.broken = 0
        self.wrong: list[str] = []

    @property
    def assignment(self) -> str:
        return "project" if self.login.startswith("team-") else "ps1"

    def run(self) -> None:
        number = 0
        with client(self.url, self.login) as http:
            while not self.wrong and (number < EACH or not self.over.is_set()):
                self._send(http, number)
                number = len(self.acknowledged)

    def _send(self, http: httpx.Client, number: int) -> None:
        self.up.wait(60)
        files = files_of(self.login, number)
        try:
            answer = hand_in(http, self.assignment, files, key=f"k{number}")
        except httpx.TransportError:
            self.broken += 1
            return
        if answer.status_code == 201:
            self.acknowledged[number] = answer.json()
        else:
            self.wrong.append(answer.text)


def test_what_was_acknowledged_is_there_whole_and_once(process, tmp_path):
    with client(process.url, "ines") as ines:
        release(ines)
        release(ines, "project", kind="team")
    dice, up, over = random.Random(20261124), threading.Event(), threading.Event()
    senders = [Sender(process.url, who, up, over) for who in SENDERS]
    up.set()
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        over.wait(dice.uniform(0.02, 0.5))
        process.kill()
        up.clear()
        process.start()
        up.set()
    over.set()
    for sender in senders:
        sender.join()
        assert sender.wrong == []
    assert sum(sender.broken for sender in senders), "no kill met a hand-in"
    with client(process.url, "ines") as ines:
        for sender in senders:
            check(ines, sender)
    assert not list((tmp_path / "data" / "exchange" / "blobs" / "incoming").iterdir())


def check(ines: httpx.Client, sender: Sender) -> None:
    """Everything that one sender was told is stored is, and nothing else is."""
    where = f"{COURSE}/assignments/{sender.assignment}/submissions"
    stored = {one["id"]: one for one in ines.get(where, params={"owner": sender.login}).json()}
    told = {one["id"]: one for one in sender.acknowledged.values()}
    assert stored.keys() == told.keys()
    assert all(stored[name].items() >= one.items() for name, one in told.items())
    assert sorted(one["number"] for one in told.values()) == list(range(1, len(told) + 1))
    for number, one in sender.acknowledged.items():
        files = unpacked(ines.get(f"{where}/{one['id']}/files").content)
        assert files == files_of(sender.login, number)


def test_the_same_files_have_the_same_hash_whoever_hands_them_in(process):
    with client(process.url, "ines") as ines:
        release(ines)
    with client(process.url, "ada") as ada, client(process.url, "ben") as ben:
        one, other = hand_in(ada).json(), hand_in(ben).json()
        assert one["sha256"] == other["sha256"]
        assert one["receipt"] != other["receipt"]
        again = hand_in(ada, files={"work.ipynb": notebook("other")}).json()
        assert again["sha256"] != one["sha256"]
        order = [("work.ipynb", notebook("answer = 41")), ("b", b"1")]
        both = [hand_in(ada, files=dict(o)).json()["sha256"] for o in (order, order[::-1])]
        assert both[0] == both[1] != hashlib.sha256(archive(dict(order))).hexdigest()
