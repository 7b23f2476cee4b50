"""What a browser sends by itself changes nothing: only our own pages know the word to say."""

from __future__ import annotations

import re

import pytest

from tests.experiments.services import API, PREFIX, archive, notebook, refused
from tests.visitors import Visitor

HEADER = "X-XSRFToken"


@pytest.fixture
def people(lab):
    """Ada and Ben, logged in to the service as browsers are."""
    made = [Visitor(lab.url, login) for login in ("ada", "ben")]
    for one in made:
        one.log_in(lab.password(one.login))
    yield made
    for one in made:
        one.close()


def word(visitor: Visitor) -> str:
    """What the service's pages give to their scripts."""
    page = visitor.http.get(f"{visitor.url}{PREFIX}/")
    return re.search(r'<meta name="xsrf" content="([^"]+)"', page.text)[1]


def test_what_a_browser_sends_by_itself_changes_nothing(lab, people):
    ada, ben = people
    known, others = word(ada), word(ben)
    assert known != others
    api = f"{lab.url}{API}"
    folder = {"archive": ("a.tar.gz", archive({"work.ipynb": notebook()}))}

    def upload(**headers: str):
        return ada.http.post(
            f"{api}/snapshots", data={"owner": "ada"}, files=folder, headers=headers
        )

    for headers in ({}, {HEADER: ""}, {HEADER: others}, {HEADER: "undefined"}, {HEADER: "é"}):
        encoded = {name: value.encode() for name, value in headers.items()}
        refused(upload(**encoded), 403, "reload")
    # Nor with the word where a form of another page could put it.
    refused(ada.http.post(f"{api}/snapshots?_xsrf={known}", files=folder,
                          data={"owner": "ada", "_xsrf": known}), 403, "reload")  # fmt: skip
    handed_in = upload(**{HEADER: known})
    assert handed_in.status_code == 201, handed_in.text

    where = {"notebook": "work.ipynb", "snapshot": handed_in.json()["hash"]}
    asked = {"owner": "ada", "run": {**where, "not_before": "2900-01-01T00:00:00Z"}}
    before = ada.http.get(f"{api}/runs").json()["runs"]
    refused(ada.http.post(f"{api}/runs", json=asked), 403, "reload")
    assert ada.http.get(f"{api}/runs").json()["runs"] == before
    run = ada.http.post(f"{api}/runs", json=asked, headers={HEADER: known}).json()["run"]["id"]

    for method, path in (("POST", "cancel"), ("POST", "retry"), ("PUT", "published"),
                         ("DELETE", "published")):  # fmt: skip
        for headers in ({}, {HEADER: others}):
            answer = ada.http.request(method, f"{api}/runs/{run}/{path}", headers=headers)
            refused(answer, 403, "reload")
    assert ada.http.get(f"{api}/runs/{run}").json()["state"] == "waiting"
    stopped = ada.http.post(f"{api}/runs/{run}/cancel", headers={HEADER: known})
    assert stopped.json()["state"] == "cancelled"
    refused(ben.http.get(f"{api}/runs/{run}"), 404, "run_unknown")
