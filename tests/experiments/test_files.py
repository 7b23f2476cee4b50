"""What a notebook made is given out in a sandbox or as a file, and nothing beside it."""

from __future__ import annotations

import http.client
import io
import zipfile

import pytest

from tests.experiments.report_samples import code, notebook, shown, stream
from tests.experiments.services import API, HEADER, refused, service_in, submit

HOSTILE = "<script>fetch('/hub/api/user')</script><img src=x onerror=alert(1)>"
PAGE = f"<!doctype html><title>x</title>{HOSTILE}".encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def run(service):
    """A run with a report, whose notebook and outputs are as hostile as can be."""
    with service.to("ada") as ada:
        run = submit(ada, title=HOSTILE, tags=["<b>"])["id"]
    executed = notebook(
        code("1", shown(text_html=HOSTILE), stream(HOSTILE)),
        code("2", shown(**{"image_svg+xml": f"<svg>{HOSTILE}</svg>"})),
    )
    files = {
        "notebook.ipynb": executed, "events.jsonl": b"", "outputs/page.html": PAGE,
        "outputs/a\"b;c\u4e2d.svg": b"<svg onload=alert(1)>", "outputs/deep/x.js": b"alert(1)",
    }  # fmt: skip
    service.finish(run, files, report=True)
    (service.data / "lab-secret").write_text("lab secret")
    kept = service.context.folders.kept(run)
    (kept / "outputs" / "link").symlink_to(service.data / "lab-secret")
    (kept / "outputs" / "folder").symlink_to(service.data)
    (kept / "outputs" / "circle").symlink_to("circle")
    return run


@pytest.fixture
def ada(service):
    with service.to("ada") as client:
        yield client


def policy(answer) -> list[str]:
    return [part.strip() for part in answer.headers["content-security-policy"].split(";")]


@pytest.mark.parametrize("with_code", ["true", "false"])
def test_a_report_is_a_page_of_an_origin_of_its_own(ada, run, with_code):
    answer = ada.get(f"/runs/{run}/report", params={"code": with_code})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    sandbox = next(part for part in policy(answer) if part.startswith("sandbox"))
    assert "allow-same-origin" not in sandbox
    assert "allow-top-navigation" not in sandbox
    assert {"default-src 'none'", "frame-ancestors 'self'"} <= set(policy(answer))
    assert not any(part.startswith("connect-src") for part in policy(answer))
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/notebook", "/files/outputs/page.html", "/files/outputs/deep/x.js",
             "/files/report.html", "/files/provenance.json", "/files/notebook.ipynb", "/crate.zip"],
)  # fmt: skip
def test_files_are_saved_and_never_shown(ada, run, path):
    answer = ada.get(f"/runs/{run}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] in ("application/octet-stream", "application/zip")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert policy(answer) == ["sandbox"]


def test_logs_are_text_and_nothing_else(ada, run):
    answer = ada.get(f"/runs/{run}/log")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert policy(answer) == ["sandbox"]
    assert answer.text == "said\n"


def test_what_is_listed_can_be_fetched_whatever_its_name(ada, run):
    listed = ada.get(f"/runs/{run}/files").json()["files"]
    names = [file["path"] for file in listed]
    assert 'outputs/a"b;c\u4e2d.svg' in names
    assert "outputs/link" not in names
    for file in listed:
        answer = ada.get(f"/runs/{run}/files/{file['path']}")
        assert len(answer.content) == file["bytes"]
        assert "\n" not in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    [
        "..", "../", "../../cohort.db", "..%2f..%2fcohort.db", "%2e%2e/%2e%2e/cohort.db",
        "outputs/../../../cohort.db", "..%5c..%5ccohort.db", "/etc/passwd", "%2fetc%2fpasswd",
        "//etc/passwd", "..%00", "%00", "notebook.ipynb%00.txt", "outputs", "outputs/", "",
        "outputs/link", "outputs/folder/lab-secret", "outputs/folder/cohort.db", "outputs/circle",
        "a" * 5000, "a/" * 2000, "%ff%fe", ".", "..%c0%af..%c0%afcohort.db",
        "%252e%252e%252fcohort.db",
    ],
)  # fmt: skip
def test_an_address_leads_out_of_no_folder(service, run, path):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.putrequest("GET", f"{API}/runs/{run}/files/{path}", skip_accept_encoding=True)
    connection.putheader(HEADER, "ada")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 404, body[:200]
    assert b'"error"' in body
    assert b"secret" not in body
    assert b"root:" not in body


def test_a_crate_holds_the_runs_files_and_no_others(ada, run):
    data = ada.get(f"/runs/{run}/crate.zip").content
    with zipfile.ZipFile(io.BytesIO(data)) as crate:
        assert crate.testzip() is None
        names = crate.namelist()
        assert "ro-crate-metadata.json" in names
        assert not [n for n in names if n.startswith("/") or ".." in n.split("/")]
        assert not any(b"lab secret" in crate.read(name) for name in names)


def test_before_the_end_and_after_the_removal_there_is_nothing_to_fetch(service, ada):
    run = submit(ada)["id"]
    for path in ("/files", "/notebook", "/report", "/report.pdf", "/crate.zip", "/files/x"):
        refused(ada.get(f"/runs/{run}{path}"), 409, "not_ended")
    assert ada.get(f"/runs/{run}/log").text == ""
    ada.post(f"/runs/{run}/cancel")
    for path in ("/notebook", "/report", "/report.pdf", "/crate.zip", "/provenance"):
        refused(ada.get(f"/runs/{run}{path}"), 404, "file_missing")
    other = submit(ada)["id"]
    service.finish(other, {"notebook.ipynb": b"{}"})
    with service.context.writing() as session:
        row = session.get_one(type(service.run(other)), other)
        row.removed_at = service.context.offer.now()
    for path in ("/files", "/notebook", "/report", "/report.pdf", "/crate.zip"):
        refused(ada.get(f"/runs/{other}{path}"), 410, "files_removed")
