"""What is no notebook, no archive, no number: refused in words, and nothing of it is kept."""

from __future__ import annotations

import copy
import gzip
import io
import json
import socket
import tarfile

import httpx
import pytest

from tests.experiments.services import (
    API,
    HEADER,
    archive,
    hand_in,
    notebook,
    refused,
    request_for,
    service_in,
)

MB = 1_000_000


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def ada(service):
    with service.to("ada") as client:
        yield client


@pytest.fixture(scope="module")
def good(service):
    """A submission that nothing is wrong with; its folder is handed in once."""
    with service.to("ada") as client:
        return request_for(client)


@pytest.fixture
def asked(good):
    """The same, to be spoilt."""
    return copy.deepcopy(good)


@pytest.fixture
def unchanged(service, good):
    """After the test everything must be as it was before it."""
    before = service.everything()
    yield
    assert service.everything() == before
    assert list(service.context.snapshots.blobs.incoming.iterdir()) == []


def entry(name: str, **facts) -> bytes:
    """An archive of one entry that is no plain file or has no plain name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(b"") if info.isreg() else None)
    return stream.getvalue()


def upload(client: httpx.Client, content) -> httpx.Response:
    return client.post(
        "/snapshots", data={"owner": "team-apollo"}, files={"archive": ("a.tar.gz", content)}
    )


class Zeros(io.RawIOBase):
    """A tar.gz that unpacks to more than anything may, made while it is read."""

    def __init__(self, bytes_: int) -> None:
        self.left, self.out = bytes_, io.BytesIO()
        self.zip = gzip.GzipFile(fileobj=self.out, mode="wb", compresslevel=1)
        info = tarfile.TarInfo("work.ipynb")
        info.size = bytes_
        self.zip.write(info.tobuf())
        self.at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while self.out.tell() - self.at < len(buffer) and self.left:
            piece = min(self.left, MB)
            self.zip.write(bytes(piece))
            self.left -= piece
            if not self.left:
                self.zip.close()
        data = self.out.getvalue()[self.at : self.at + len(buffer)]
        self.at += len(data)
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        archive({"work.ipynb": notebook()})[:-40],
        entry("../work.ipynb"),
        entry("a/../../work.ipynb"),
        entry("/etc/passwd"),
        entry("work.ipynb", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("work.ipynb", type=tarfile.LNKTYPE, linkname="other"),
        entry("work.ipynb", type=tarfile.CHRTYPE),
        entry("work.ipynb", type=tarfile.FIFOTYPE),
        entry("a\x1b.ipynb"),
    ],
    ids=["empty", "text", "cut", "up", "up-later", "absolute", "link", "hard", "device", "pipe",
         "control"],
)  # fmt: skip
def test_an_archive_that_is_none_or_leads_out_is_refused(ada, content):
    answer = upload(ada, content)
    assert answer.json()["error"]["code"] in ("snapshot_refused", "snapshot_empty")
    assert answer.status_code == 422


@pytest.mark.usefixtures("unchanged")
def test_a_folder_over_the_cap_is_refused(ada):
    refused(upload(ada, Zeros(201 * MB)), 413, "snapshot_too_large")
    many = {f"{n}.txt": b"" for n in range(5001)} | {"work.ipynb": notebook()}
    refused(upload(ada, archive(many)), 413, "snapshot_too_large")


@pytest.mark.usefixtures("unchanged")
def test_a_request_that_says_it_is_huge_is_refused_unread(service):
    for path, size in (("snapshots", 10_000 * MB), ("runs", 5 * MB)):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
            head = (
                f"POST {API}/{path} HTTP/1.1\r\nHost: x\r\n{HEADER}: ada\r\n"
                f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
            )
            sock.sendall(head.encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 413")
        assert "request_too_large" in answer


@pytest.mark.usefixtures("unchanged")
def test_a_request_that_does_not_say_how_long_it_is_is_counted(ada):
    def body():
        yield b'{"owner": "'
        for _ in range(5):
            yield b"x" * MB
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    refused(ada.post("/runs", content=body(), headers=headers), 413, "request_too_large")


def test_a_patch_of_a_megabyte_comes_along(ada):
    git = json.dumps({"commit": "c0ffee", "branch": "main", "patch": "-\n\x1b" * 333_000})
    assert hand_in(ada, git=git).status_code == 201


def test_no_notebook_is_refused_before_anything_is_queued(service, ada):
    cells = [{"cell_type": "code", "source": "", "outputs": [], "metadata": {},
              "execution_count": None}]  # fmt: skip
    body = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    cases = {
        b"print(1)": (422, "notebook_invalid"),
        b"[]": (422, "notebook_invalid"),
        b"{}": (422, "notebook_invalid"),
        b"[" * 200_000: (422, "notebook_invalid"),
        json.dumps(body | {"nbformat": 3}).encode(): (422, "notebook_invalid"),
        json.dumps(body | {"cells": [1]}).encode(): (422, "notebook_invalid"),
        json.dumps(body | {"cells": cells * 10_000}).encode(): (413, "notebook_too_large"),
        b" " * 20_000_001: (413, "notebook_too_large"),
    }
    for content, (status, code) in cases.items():
        snapshot = hand_in(ada, files={"work.ipynb": content}).json()["hash"]
        before = service.everything()
        run = {"notebook": "work.ipynb", "snapshot": snapshot}
        refused(ada.post("/runs", json={"owner": "team-apollo", "run": run}), status, code)
        where = f"/snapshots/{snapshot}/parameters"
        params = {"owner": "team-apollo", "notebook": "work.ipynb"}
        refused(ada.get(where, params=params), status, code)
        assert service.everything() == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("parameters", "code", "names"),
    [
        ('{"__class__": 1}', "parameter_invalid", "__class__"),
        ('{"_hidden": 1}', "parameter_name", "_hidden"),
        ('{"lr": NaN}', "parameter_invalid", "lr"),
        ('{"lr": Infinity}', "parameter_invalid", "lr"),
        ('{"lr": -1e999}', "parameter_invalid", "lr"),
        ('{"lr": 1e999}', "parameter_invalid", "lr"),
        ('{"lr": "fast"}', "parameter_type", "lr"),
        ('{"rate": 0.1}', "parameter_unknown", "rate"),
        ('{"import os; os": 1}', "parameter_invalid", "import os; os"),
        ('{"lr": "\\ud800"}', "parameter_invalid", "lr"),
        ('{"lr": ' + "[" * 20 + "]" * 20 + "}", "parameter_invalid", "lr"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_its_name(ada, asked, parameters, code, names):
    body = json.dumps(asked).replace('"memory"', f'"parameters": {parameters}, "memory"')
    answer = ada.post("/runs", content=body, headers={"Content-Type": "application/json"})
    error = refused(answer, 422, code)
    assert error["parameter"] == names
    assert names in error["message"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"[" * 100_000, b'{"owner": "\xff"}', b"\0",
     b'{"owner": NaN, "run": NaN}', b'{"owner": "team-apollo", "run": {}, "again": "perhaps"}'],
    ids=range(10),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/runs", "/sweeps", "/schedules", "/schedules/preview"])
def test_a_body_that_is_none_is_refused(ada, path, body):
    answer = ada.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    refused(answer, answer.status_code, "request_invalid")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notebook", "../work.ipynb"), ("notebook", "work.py"), ("notebook", "/work.ipynb"),
        ("snapshot", "../../etc"), ("cpus", 0), ("cpus", "NaN"), ("memory", "2 bananas"),
        ("memory", "1K"), ("gpus", -1), ("time_limit_s", 1), ("kernel", "a/../b"), ("image", "a b"),
        ("tags", ["a\nb"]), ("tags", ["x"] * 21), ("title", "x" * 201), ("idempotency_key", "a:b"),
        ("not_before", "yesterday"), ("max_attempts", 99), ("notify", {"webhook": "file:///etc"}),
        ("notify", {"email": "a@b.c\nBcc: d@e.f"}), ("unheard_of", 1), ("secrets", {"k": 1}),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_refused_by_its_name(ada, asked, field, value):
    asked["run"][field] = value
    error = refused(ada.post("/runs", json=asked), 422, "request_invalid")
    assert field in error["field"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("cpus", 500, "never_fits"), ("memory", "100000G", "never_fits"),
        ("gpus", 64, "never_fits"), ("image", "other", "image_unknown"),
        ("network", True, "network_not_allowed"),
    ],
)  # fmt: skip
def test_what_could_never_run_here_is_refused(ada, asked, field, value, code):
    asked["run"][field] = value
    status = 403 if field == "network" else 422
    assert refused(ada.post("/runs", json=asked), status, code)["field"] == field


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("cron", "zone", "code"),
    [
        ("every night", "UTC", "cron_invalid"), ("99 2 * * *", "UTC", "cron_invalid"),
        ("* * * * * *", "UTC", "cron_invalid"), ("0 0 31 2 *", "UTC", "cron_invalid"),
        ("@reboot", "UTC", "cron_invalid"), ("0 2 * * *", "Moon/Sea", "timezone_unknown"),
        ("0 2 * * *", "../../etc/passwd", "timezone_unknown"),
    ],
)  # fmt: skip
def test_a_time_that_never_comes_is_refused(ada, asked, cron, zone, code):
    wanted = {"cron": cron, "timezone": zone}
    body = {"owner": "team-apollo", "schedule": {"run": asked["run"], **wanted}}
    refused(ada.post("/schedules", json=body), 422, code)
    refused(ada.post("/schedules/preview", json=wanted), 422, code)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "spec",
    [
        {}, {"kind": "genetic"}, {"kind": "grid", "axes": {}},
        {"kind": "grid", "axes": {"rate": [1]}},
        {"kind": "grid", "axes": {"lr": ["fast"]}}, {"kind": "list", "members": [{"__class__": 1}]},
        {"kind": "grid", "axes": {"lr": "0:1:0.0000001"}}, {"kind": "random", "axes": {"lr": [1]}},
    ],
)  # fmt: skip
def test_a_sweep_with_one_wrong_member_is_refused_whole(ada, asked, spec):
    sweep = {"run": asked["run"], "spec": spec}
    answer = ada.post("/sweeps", json={"owner": "team-apollo", "sweep": sweep})
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"error"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("git", ["nonsense", "[]", "1", '{"commit": {}}', '{"unknown": "x"}'])
def test_facts_of_git_that_are_none_are_refused(ada, git):
    refused(hand_in(ada, git=git), 422, "request_invalid")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("search", [
    {"after": "nonsense"}, {"limit": 0}, {"limit": 1000}, {"state": "asleep"}, {"text": "x" * 401},
    {"text": "a\0b"},
])  # fmt: skip
def test_a_search_that_cannot_be_is_refused(ada, search):
    answer = ada.get("/runs", params=search)
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"error"}
