"""The stream of a run's events: taken up where it broke, nothing twice, nothing lost."""

from __future__ import annotations

import json
import shutil
import socket

import pytest

from experiments.client.events import read_events
from experiments.report.collect import collect
from experiments.service.api.events import PIECE, STREAMS
from experiments.states import State
from tests.experiments.services import API, HEADER, Service, refused, service_in, submit
from tests.labs import eventually


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def ada(service):
    with service.to("ada") as client:
        yield client


class Log:
    """The event log of a running run, written as its runner writes it."""

    def __init__(self, service: Service, run: str, attempt: int = 1) -> None:
        self.service, self.run, self.attempt = service, run, attempt
        self.result = service.context.folders.of(run, attempt) / "result"
        self.result.mkdir(parents=True)
        self.path = self.result / "events.jsonl"
        self.path.touch()
        self.written = 0

    def write(self, count: int, size: int = 10) -> None:
        """Some outputs, numbered on."""
        with self.path.open("a") as file:
            for number in range(self.written, self.written + count):
                output = {"output_type": "stream", "name": "stdout", "text": "x" * size}
                event = {"t": 1.0, "kind": "output", "cell": number, "output": output}
                file.write(json.dumps(event) + "\n")
        self.written += count

    def end(self) -> None:
        """As the supervisor does: kept first, then the end, then the live folder is removed."""
        kept = self.service.context.folders.kept(self.run)
        collect(self.result, kept, b"", attempt=self.attempt)
        self.service.move(self.run, State.SUCCEEDED)
        shutil.rmtree(self.result.parent)


@pytest.fixture
def log(service, ada):
    run = submit(ada)["id"]
    service.move(run, State.STARTING, State.RUNNING)
    return Log(service, run)


def follow(client, run: str, last: str | None = None, until: int | None = None):
    """Numbers of the outputs that a stream gives, the last id, and the names of all events."""
    headers = {"Last-Event-ID": last} if last else {}
    seen, names = [], []
    with client.stream("GET", f"/runs/{run}/events", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        for event in read_events(stream.iter_bytes()):
            names.append(event.name)
            last = event.id
            if event.name == "output":
                seen.append(event.data["cell"])
            if len(seen) == until:
                break
    return seen, last, names


def test_a_stream_is_taken_up_where_it_broke_and_goes_on_in_what_is_kept(log, ada):
    log.write(5)
    first, last, names = follow(ada, log.run, until=3)
    assert (first, names[0]) == ([0, 1, 2], "state")
    log.write(2)
    with log.path.open("a") as file:
        file.write('{"t": 1.0, "kind": "output", "ce')  # the runner is not done with it
    second, last, _ = follow(ada, log.run, last, until=4)
    assert second == [3, 4, 5, 6]
    with log.path.open("a") as file:
        file.write('ll": 7, "output": {}}\n')
    log.written = 8
    log.write(2)
    log.end()
    third, last, names = follow(ada, log.run, last)
    assert third == [7, 8, 9]
    assert names[-1] == "end"
    assert follow(ada, log.run, last)[0] == []
    assert follow(ada, log.run)[0] == list(range(10))


def test_the_change_to_what_is_kept_is_not_seen_by_who_follows(log, ada):
    log.write(3)
    seen = []
    with ada.stream("GET", f"/runs/{log.run}/events") as stream:
        for event in read_events(stream.iter_bytes()):
            if event.name == "output":
                seen.append(event.data["cell"])
                if len(seen) == 3:
                    log.write(3)
                    log.end()
    assert (seen, event.name, event.data["state"]) == ([0, 1, 2, 3, 4, 5], "end", "succeeded")


def test_a_log_of_many_pieces_is_whole(log, ada):
    log.write(60, PIECE // 16)
    log.end()
    assert follow(ada, log.run)[0] == list(range(60))


def test_what_is_no_event_is_passed_over(log, ada):
    log.write(1)
    lines = [b"nonsense", b"[]", b'"output"', b'{"kind": "hack"}', b"\r", b"\xff\xfe", b"",
             b"[" * 100_000, b'{"kind": "output", "cell": ' + b"9" * 5000 + b"}",
             b"y" * 3 * PIECE]  # fmt: skip
    with log.path.open("ab") as file:
        file.write(b"\n".join(lines) + b"\n")
    log.write(1)
    log.end()
    assert follow(ada, log.run)[0] == [0, 1]


def test_what_a_browser_cannot_read_is_not_sent(log, ada):
    with log.path.open("a") as file:
        file.write('{"kind": "output", "cell": 0, "output": {"x": NaN, "y": -Infinity}}\n')
    log.end()
    assert '{"x": "NaN", "y": "-Infinity"}' in ada.get(f"/runs/{log.run}/events").text


def test_a_link_in_the_place_of_the_log_is_not_followed(log, ada, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text('{"kind": "output", "cell": 666}\n')
    log.path.unlink()
    log.path.symlink_to(elsewhere)
    log.end()
    assert follow(ada, log.run)[0] == []


def test_another_attempt_is_followed_from_its_beginning(service, log, ada):
    log.write(5)
    _, last, _ = follow(ada, log.run, until=5)
    service.move(log.run, State.WAITING, State.STARTING, State.RUNNING)
    again = Log(service, log.run, attempt=2)
    again.write(4)
    again.end()
    seen, _, _ = follow(ada, log.run, last)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("last", ["9" * 20, "-5", "1-99999999999999", "1-x", "0", "1-" + "9" * 18])
def test_a_place_that_is_none_is_survived(log, ada, last):
    log.write(2)
    log.end()
    assert follow(ada, log.run, last)[2][-1] == "end"


def test_whoever_goes_away_makes_room_for_another(service, ada, log):
    def open_one() -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", service.port), timeout=10)
        line = f"GET {API}/runs/{log.run}/events HTTP/1.1\r\nHost: x\r\n{HEADER}: ada\r\n\r\n"
        sock.sendall(line.encode())
        assert b" 200 " in sock.recv(1000)
        return sock

    opened = [open_one() for _ in range(STREAMS)]
    refused(ada.get(f"/runs/{log.run}/events"), 429, "too_many_streams")
    with service.to("ken") as ken:
        assert follow_state(ken, log.run) == "running", "others have streams of their own"
    opened.pop().close()
    eventually(lambda: follow_state(ada, log.run) == "running", 10)
    for sock in opened:
        sock.close()


def follow_state(client, run: str) -> str | None:
    """The state that a stream begins with; None if it is refused."""
    with client.stream("GET", f"/runs/{run}/events") as stream:
        if stream.status_code != 200:
            return None
        return next(iter(read_events(stream.iter_bytes()))).data["state"]
