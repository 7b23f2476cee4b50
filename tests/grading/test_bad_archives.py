"""What must not come in: refused in words, and nothing of it is kept."""

from __future__ import annotations

import gzip
import io
import json
import socket
import tarfile

import pytest

from tests.grading.services import (
    API,
    COURSE,
    HEADER,
    archive,
    hand_in,
    notebook,
    refused,
    release,
)

MB = 1_000_000
PS1 = f"{COURSE}/assignments/ps1"
SUBMISSIONS = f"{PS1}/submissions"


@pytest.fixture(scope="module")
def out(service):
    with service.to("ines") as ines:
        release(ines)
    with service.to("ada") as ada:
        service.made = hand_in(ada).json()
    return service


@pytest.fixture
def unchanged(out):
    """After the test everything must be as it was before it."""
    before = out.everything()
    yield
    assert out.everything() == before
    assert list(out.context.contents.blobs.incoming.iterdir()) == []


def with_entry(name: str, **facts) -> bytes:
    """An archive of a good notebook and one entry that is no plain file or has no plain name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        content = notebook()
        info = tarfile.TarInfo("work.ipynb")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo(name)
        for key, value in facts.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(b"") if info.isreg() else None)
    return stream.getvalue()


def bomb() -> bytes:
    """200 MB of zeros in 200 kB."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for number in range(5):
            info = tarfile.TarInfo(f"zeros{number}")
            info.size = 40 * MB
            tar.addfile(info, io.BytesIO(bytes(40 * MB)))
    return stream.getvalue()


def many() -> bytes:
    """50,000 empty files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for number in range(50_000):
            tar.addfile(tarfile.TarInfo(f"f{number}"))
    return stream.getvalue()


BAD = {
    "a symbolic link": (with_entry("a", type=tarfile.SYMTYPE, linkname="/etc/passwd"), 422),
    "a hard link": (with_entry("a", type=tarfile.LNKTYPE, linkname="work.ipynb"), 422),
    "a device": (with_entry("a", type=tarfile.CHRTYPE, devmajor=1, devminor=5), 422),
    "a pipe": (with_entry("a", type=tarfile.FIFOTYPE), 422),
    "dots": (with_entry("../../course/gradebook.db"), 422),
    "an absolute name": (with_entry("/etc/cron.d/job"), 422),
    "a control character": (with_entry("a\nb"), 422),
    "twice": (with_entry("work.ipynb"), 422),
    "200 MB": (bomb(), 413),
    "50,000 files": (many(), 413),
    "cut off": (archive({"work.ipynb": notebook()})[:-20], 422),
    "no archive": (b"PK is what I am not", 422),
    "nothing": (b"", 422),
    "gzip of noise": (gzip.compress(b"noise" * 1000), 422),
}


@pytest.mark.parametrize("what", BAD)
def test_an_archive_that_is_refused_leaves_nothing(out, unchanged, what):
    content, status = BAD[what]
    code = "archive_too_large" if status == 413 else "archive_refused"
    with out.to("ada") as ada, out.to("ines") as ines:
        refused(ada.post(SUBMISSIONS, content=content), status, code)
        refused(ines.post(f"{PS1}/release", content=content), status, code)
        where = f"{SUBMISSIONS}/{out.made['id']}/feedback"
        refused(ines.post(where, content=content), status, code)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"nbformat": 3}', b"[" * 100_000, b"\xff\xfe",
     json.dumps({"nbformat": 4, "metadata": {}, "cells": [1]}).encode(),
     json.dumps({"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code"}]}).encode(),
     json.dumps({"nbformat": 4, "metadata": {}, "cells": {}}).encode()],
)  # fmt: skip
def test_a_notebook_that_is_none_is_refused(out, unchanged, content):
    with out.to("ada") as ada, out.to("ines") as ines:
        error = refused(hand_in(ada, files={"work.ipynb": content}), 422, "notebook_invalid")
        assert "work.ipynb" in error["message"]
        halves = archive({"release/a.ipynb": notebook(), "source/a.ipynb": content})
        refused(ines.post(f"{PS1}/release", content=halves), 422, "notebook_invalid")


def test_a_notebook_that_is_too_large_is_refused(out, unchanged):
    with out.to("ada") as ada:
        large = notebook("#" * (20 * MB))
        refused(hand_in(ada, files={"work.ipynb": large}), 413, "notebook_too_large")


def test_without_a_notebook_nothing_is_taken(out, unchanged):
    with out.to("ada") as ada, out.to("ines") as ines:
        files = {"readme.txt": b"sorry", "deep/work.ipynb": notebook()}
        refused(hand_in(ada, files=files), 422, "no_notebook")
        for halves in (
            {"release/a.txt": b"", "source/a.ipynb": notebook()},
            {"release/a.ipynb": notebook(), "source/b.ipynb": notebook()},
            {"release/a.ipynb": notebook(), "source/a.ipynb": notebook(), "gradebook.db": b""},
            {"release/a.ipynb": notebook(), "source/a.ipynb": notebook(), "source": b""},
        ):
            answer = ines.post(f"{PS1}/release", content=archive(halves))
            assert answer.json()["error"]["code"] in ("release_refused", "archive_refused")


def test_more_than_a_request_may_have_is_refused_before_it_is_taken_in(out, unchanged):
    with out.to("ada") as ada, out.to("ines") as ines:

        def pieces():
            for _ in range(130):
                yield bytes(MB)

        refused(ada.post(SUBMISSIONS, content=pieces()), 413, "request_too_large")
        refused(ines.put(f"{COURSE}/marks", content=bytes(9 * MB)), 413, "request_too_large")
        named = ines.put(f"{COURSE}/assignments/release", content=bytes(9 * MB))
        refused(named, 413, "request_too_large")
    with socket.create_connection(("127.0.0.1", out.port), timeout=10) as raw:
        raw.sendall(
            f"POST {API}{SUBMISSIONS} HTTP/1.1\r\nHost: x\r\n{HEADER}: ada\r\n"
            f"Content-Length: {10**12}\r\n\r\n".encode()
        )
        assert b" 413 " in raw.recv(100)


def test_an_upload_that_breaks_off_leaves_nothing(out, unchanged):
    body = archive({"work.ipynb": notebook()})
    with socket.create_connection(("127.0.0.1", out.port), timeout=10) as raw:
        raw.sendall(
            f"POST {API}{SUBMISSIONS} HTTP/1.1\r\nHost: x\r\n{HEADER}: ada\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body[: len(body) // 2]
        )
    with out.to("ada") as ada:  # answered by the same event loop, after it saw the end
        assert ada.get("/courses").is_success


@pytest.mark.parametrize("name", ["..", ".hidden", "a+b", "a%2Fb", "x" * 62, "-a"])
def test_a_name_that_is_no_assignments_is_refused(out, unchanged, name):
    with out.to("ines") as ines:
        answer = ines.put(f"{COURSE}/assignments/{name}", json={"grace_minutes": 1})
        assert answer.status_code in (404, 405, 422), answer.text
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "k:1"])
def test_a_key_that_is_none_is_refused(out, unchanged, key):
    with out.to("ada") as ada:
        headers = {"Idempotency-Key": key}
        answer = ada.post(SUBMISSIONS, content=archive({"a.ipynb": notebook()}), headers=headers)
        refused(answer, 422, "request_invalid")


def test_a_nul_is_no_part_of_any_name_or_text(either):
    """PostgreSQL stores none, so each is refused before it is asked."""
    nul = "a%00b"
    with either.to("ines") as ines, either.to("ada") as ada:
        release(ines, due="2031-01-01T00:00")
        made = hand_in(ada).json()
        before = either.everything()
        for path in (
            f"{SUBMISSIONS}/{nul}/files", f"{SUBMISSIONS}/{nul}/feedback",
            f"{SUBMISSIONS}?owner={nul}", f"{COURSE}/assignments?owner={nul}",
            f"{COURSE}/autograde/{nul}", f"{COURSE}/assignments/{nul}/release",
            f"/courses/{nul}/marks", f"{COURSE}/marks?owner={nul}&assignment={nul}",
        ):  # fmt: skip
            assert ines.get(path).status_code in (404, 422), path
        later = {"due": "2032-01-01T00:00", "reason": "ill\0"}
        given = {"assignment": "ps1", "owner": "ada", "submission": made["id"], "score": 1,
                 "max_score": 2}  # fmt: skip
        cell = {"name": "t", "score": 1, "max_score": 1, "comment": "\0"}
        for answer in (
            ines.put(f"{PS1}/extensions/ada", json=later),
            ines.put(f"{PS1}/extensions/{nul}", json={**later, "reason": "ill"}),
            ines.put(f"{COURSE}/marks", json=[{**given, "submission": "sub\0"}]),
            ines.put(f"{COURSE}/marks", json=[{**given, "owner": "ada\0"}]),
            ines.put(f"{COURSE}/marks", json=[{**given, "cells": [cell]}]),
            ines.post(f"{PS1}/autograde", json={"submissions": ["\0"]}),
            ada.post(f"{SUBMISSIONS}?owner={nul}", content=archive({"a.ipynb": notebook()})),
        ):
            refused(answer, 422, "request_invalid")
        assert either.everything() == before
