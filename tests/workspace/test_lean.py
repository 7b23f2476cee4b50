"""The lean start: what it leaves out is out, what it takes apart is still there, and how it ends.

Run in the workspace image, whose versions are those that it was measured with.
"""

from __future__ import annotations

import json

import pytest

from tests.workspace import servers

START = """
import json, sys
from cohort.workspace import lean
lean.check_versions()
lean.apply()
import cohort.workspace.server, cohort.workspace.lab, cohort.workspace.extension
"""
# Each of these took from 20 to 450 ms of CPU of every start.
LEFT_OUT = {"sqlalchemy", "alembic", "aiohttp", "jsonschema", "requests", "nbconvert", "pydantic",
            "IPython", "ipykernel", "debugpy", "terminado", "jupyterlab.labapp", "nbgrader",
            "jupyter_lsp", "notebook.app", "nbgitpuller", "arrow", "httpx", "babel"}  # fmt: skip


def test_grammar_that_slows_every_process_is_not_in_the_image():
    code = "import importlib.util as u; print(u.find_spec('rfc3987_syntax'), u.find_spec('lark'))"
    assert servers.python(code) == "None None"


def test_heavy_modules_are_not_run_at_the_start():
    found = servers.python(
        START + "print(json.dumps([n for n, m in sys.modules.items()"
        " if type(m).__name__ != 'StandIn']))"
    )
    modules = set(json.loads(found))
    assert LEFT_OUT & modules == set()
    # 644 when this was written; a jump means that something heavy came in by another door.
    assert len(modules) < 720


def test_each_deferred_module_would_else_have_been_imported():
    """One that is imported no more only costs a look: then its line can go."""
    found = servers.python(
        START + "print([n for n in lean.DEFERRED if type(sys.modules.get(n)).__name__ != 'StandIn'"
        " and n not in ('yaml',)])"
    )
    assert found == "[]"


def test_deferred_and_skipped_modules_are_real_when_asked_for():
    code = """
for name in (*lean.DEFERRED, *lean.HUB_ONLY):
    module = __import__("cohort.workspace.deferred", fromlist=["x"]).load(name)
    assert module.__file__ and type(module).__name__ == "module", name
import jupyterhub.orm, sqlalchemy, jupyter_events.logger, jsonschema
assert jupyterhub.orm.User.__table__.name == "users"
assert jupyter_events.logger.ValidationError is jsonschema.ValidationError
print("real")
"""
    assert servers.python(START + code) == "real"


def test_jupyterhub_asks_the_hub_with_nothing_that_our_client_does_not_know():
    code = """
import ast, inspect, jupyterhub.services.auth as auth, jupyterhub.singleuser.extension as ext
from cohort.workspace import hub_http
known = set(inspect.signature(hub_http.fetch).parameters)
passed, used = set(), set()
for module in (auth, ext):
    assert module.fetch is hub_http.fetch
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "fetch":
            passed |= {k.arg for k in node.keywords if k.arg}
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_api_request":
            passed |= {k.arg for k in node.keywords} - {"allow_403"}
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in ("r", "resp"):
            used.add(node.attr)
response = hub_http.Response(type("R", (), dict(code=200, reason="", headers={}, body=b"")))
print(sorted(passed - known), sorted(n for n in used if not hasattr(response, n)))
"""
    # r.code is upstream's own slip, in a branch for a status that no hub gives.
    assert servers.python(START + code) == "[] ['code']"


def test_scopes_are_checked_by_jupyterhubs_own_code():
    code = """
from jupyterhub.services.auth import check_scopes
print(bool(check_scopes({"access:servers!user=team-apollo"}, {"access:servers!user=team-apollo"})),
      bool(check_scopes({"access:servers!user=team-apollo"}, {"access:servers"})),
      bool(check_scopes({"access:servers!user=team-apollo"}, {"access:servers!user=team-b"})))
"""
    assert servers.python(START + code) == "True True False"


@pytest.mark.parametrize("kind", ["desk", "team", "course"])
def test_log_of_a_healthy_server_has_no_warning_from_start_to_stop(kind):
    hub = servers.YesHub()
    env = servers.spawned(hub, COHORT_KIND=kind, COHORT_TEAM="apollo")
    with hub, servers.server(["cohort-workspace"], env) as one:
        assert one.http.get("lab").status_code == 200
        servers.docker("stop", one.name)
        lines = one.log().splitlines()
    assert any("is running at" in line for line in lines)
    # The one that JupyterLab's server prints at critical level when it is told to stop.
    odd = [x for x in lines if not x.startswith("[I ") and "received signal 15" not in x]
    assert [x for x in odd if x.strip() and "http://" not in x] == []


def test_another_version_starts_the_ordinary_server_and_says_so(tmp_path):
    other = tmp_path / "_version.py"
    other.write_text('__version__ = "6.2.0"\nversion_info = (6, 2, 0)\n')
    other.write_text(
        servers.docker("run", "--rm", servers.image(), "cat",
                       "/opt/workspace/lib/python3.11/site-packages/jupyterhub/_version.py")
        + '\n__version__ = "6.2.0"\n'
    )  # fmt: skip
    mount = f"{other}:/opt/workspace/lib/python3.11/site-packages/jupyterhub/_version.py:ro"
    hub = servers.YesHub()
    env = servers.spawned(hub, COHORT_GPUS='["sim.cohort/gpu=0"]')
    with hub, servers.server(["cohort-workspace"], env, "--volume", mount) as one:
        assert "Starting the ordinary JupyterHub server instead" in one.log()
        assert "jupyterhub is 6.2.0, expected 6.1." in one.log()
        assert one.http.get("lab").status_code == 200
        assert one.http.get("cohort/status").json()["gpus"][0]["label"] == "GPU 0"
        assert "jupyter_server_ydoc |" not in one.log()
