"""The lean JupyterLab is told what the stock one is told, and everything stock still answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workspace import servers

# What the hub and the older notebook's page add, what is chosen here, and what differs from one
# start to the next.
CHOSEN = {
    "hubUser", "hubServerUser", "hubPrefix", "hubHost", "hubServerName", "shareUrl", "store_id",
    "token", "baseUrl", "quitButton", "disabledExtensions", "extensionManager", "news",
    "buildAvailable", "buildCheck", "notebookStartsKernel", "allow_hidden_files",
    "nbclassic_enabled",
}  # fmt: skip
# Plug-ins of JupyterLab that are on where people learn, teach, and work together.
LEARN = ("@jupyter/nbgrader:assignment-list", "cohort-lab:assignments")
TEACH = (
    "cohort-lab:formgrader", "@jupyter/nbgrader:course-list", "@jupyter/nbgrader:create-assignment",
)  # fmt: skip
TOGETHER = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")


@pytest.fixture(scope="module")
def hub() -> Iterator[servers.YesHub]:
    with servers.YesHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def desk(hub) -> Iterator[servers.Server]:
    with servers.server(["cohort-workspace"], servers.spawned(hub)) as one:
        yield one


def test_page_is_configured_as_stock(hub):
    stock = ["jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port={port}",
             "--ServerApp.base_url={base}", "--IdentityProvider.token={token}"]  # fmt: skip
    team = servers.spawned(hub, COHORT_KIND="team")
    with servers.server(stock) as one, servers.server(["cohort-workspace"], team) as other:
        theirs, ours = one.page_config(), other.page_config()
    names = (theirs.keys() | ours.keys()) - CHOSEN
    differ = {n: (theirs.get(n), ours.get(n)) for n in names if theirs.get(n) != ours.get(n)}
    assert differ == {}


@pytest.mark.parametrize(
    ("kind", "on", "off"),
    [
        ("desk", LEARN, (*TEACH, *TOGETHER, "@jupyter/nbgrader:formgrader")),
        ("team", (*LEARN, *TOGETHER), (*TEACH, "@jupyter/nbgrader:formgrader")),
        ("course", TEACH, (*LEARN, *TOGETHER, "@jupyter/nbgrader:formgrader")),
    ],
)
def test_kind_decides_what_is_on(hub, kind, on, off):
    env = servers.spawned(hub, COHORT_KIND=kind)
    with servers.server(["cohort-workspace"], env) as one:
        disabled = one.page_config()["disabledExtensions"]
        assert set(on) & set(disabled) == set()
        assert set(off) - set(disabled) == set()
        for path in ("formgrader", "formgraders"):
            answer = one.http.get(path, follow_redirects=True)
            assert (answer.status_code == 200) == (kind == "course"), answer.text
        listed = one.http.get("assignments", params={"course_id": "ml"})
        assert (listed.status_code == 200) == (kind != "course"), listed.text
        assert one.http.get("nbgrader_version?version=0.9.6").json() == {"success": True}
        documents = one.http.put("api/collaboration/session/none.ipynb", json={})
        assert (documents.status_code == 404) == (kind != "team") or "none" in documents.text


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("lsp/status", "sessions"),
        ("api/terminals", "[]"),
        ("api/nbconvert", "html"),
        ("api/kernelspecs", "python3"),
        ("api/contents", "directory"),
        ("git-pull?repo=x", "git"),
        ("assignments?course_id=x", "success"),
        ("nbgrader_version?version=0.9.6", "success"),
        ("tree", "jupyter-config-data"),
        ("lab/api/plugins", "lockRules"),
        ("lab/api/settings", "@jupyterlab/notebook-extension:tracker"),
        ("lab/api/translations", "zh_TW"),
        ("lab/api/workspaces", "workspaces"),
        ("lab/api/licenses/", "bundles"),
        ("api/me", '"name": "Ada Wong", "display_name": "Ada Wong", "initials": "AW"'),
        ("metrics", "process_cpu"),
    ],
)
def test_everything_stock_answers(desk, path, holds):
    answer = desk.http.get(path, follow_redirects=True)
    assert (answer.status_code, holds in answer.text) == (200, True), answer.text[:300]


def test_terminal_runs(desk):
    name = desk.http.post("api/terminals", json={}).json()["name"]
    assert [t["name"] for t in desk.http.get("api/terminals").json()] == [name]
    assert desk.http.delete(f"api/terminals/{name}").status_code == 204


def test_notebook_is_saved_checked_and_exported(desk):
    code = "import sys; print('from a cell')"
    cell = {"cell_type": "code", "id": "a", "source": code, "metadata": {}, "outputs": [],
            "execution_count": None}  # fmt: skip
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    saved = desk.http.put("api/contents/one.ipynb", json={"type": "notebook", "content": notebook})
    assert saved.status_code == 201, saved.text
    page = desk.http.get("nbconvert/html/one.ipynb")
    assert "from a cell" in page.text, page.text[:500]
    bad = {"cells": [{"cell_type": "nonsense"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    answer = desk.http.put("api/contents/bad.ipynb", json={"type": "notebook", "content": bad})
    assert "message" in answer.json() or answer.status_code == 400


def test_bad_settings_are_refused_as_ever(desk):
    path = "lab/api/settings/@jupyterlab/notebook-extension:tracker"
    good = desk.http.put(path, json={"raw": '{"kernelShutdown": true} // json5'})
    assert good.status_code == 204, good.text
    bad = desk.http.put(path, json={"raw": '{"kernelShutdown": 7}'})
    assert bad.status_code >= 400


def test_nothing_is_left_in_the_home_by_a_start(hub):
    with servers.server(["cohort-workspace"], servers.spawned(hub)) as one:
        one.http.get("lab")
        found = servers.docker("exec", one.name, "find", "/home/jovyan", "-type", "f",
                               "-newer", "/proc/1/cmdline")  # fmt: skip
    assert found == ""
