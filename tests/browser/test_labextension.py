"""The lab's JupyterLab extension in the workspace image, fed answers that take minutes to earn.

JupyterLab, the image and the browser are real; only GET cohort/status and POST cohort/keep are
answered by the test. That a real lab gives such answers is for the tests of idle servers.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from cohort.lab.images import image_names
from tests.lab_files import ROOT

TEAMS_PAGE = "images/workspace/etc/cohort/team/labconfig/page_config.json"
TOKEN = "labextension"
GIB = 2**30
GPU = {
    "name": "nvidia.com/gpu=0",
    "label": "GPU 0",
    "memory_used": int(3.2 * GIB),
    "memory_total": 80 * GIB,
    "utilisation": 0.45,
}
CALM = {
    "kind": "team",
    "team": "apollo",
    "busy": False,
    "idle_seconds": 100.0,
    "stop_after_seconds": 3600.0,
    "warn_seconds": 600.0,
    "memory": {"used": int(1.2 * GIB), "limit": 4 * GIB, "kills": 0},
    "gpus": [GPU],
    "who": [{"login": "ada", "name": "Ada Wong"}, {"login": "ben", "name": "Ben Chan"}],
}


class Answers:
    """What the server says to the page; ``say`` also makes the page look at once."""

    def __init__(self, page: Page) -> None:
        self.page, self.status, self.code, self.kept = page, dict(CALM), 200, []
        page.route("**/cohort/status*", self._answer)
        page.route("**/cohort/keep*", self._keep)

    def say(self, code: int = 200, **status) -> None:
        self.code, self.status = code, {**CALM, **status}
        with self.page.expect_response("**/cohort/status*"):
            self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def _answer(self, route: Route) -> None:
        route.fulfill(status=self.code, json=self.status)

    def _keep(self, route: Route) -> None:
        self.kept.append(route.request)
        self.status = dict(CALM)
        route.fulfill(status=204)


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory) -> Iterator[str]:
    """A bare JupyterLab in the workspace image, with the hub's prefix in its page."""
    config = tmp_path_factory.mktemp("config")
    config.chmod(0o755)
    page_config = config / "labconfig" / "page_config.json"
    page_config.parent.mkdir()
    # As in a team's workspace; Notebook Jobs would ask the lab's service, and there is none here.
    team = json.loads((ROOT / TEAMS_PAGE).read_text())["disabledExtensions"]
    off = {**team, "@jupyterlab/scheduler": True}
    hub = {"hubPrefix": "/hub/", "hubUser": "ada", "disabledExtensions": off}
    page_config.write_text(json.dumps(hub))
    port = free_port()
    container = docker(
        "run", "--detach", "--network", "host", "--label", "cohort.kind=test",
        "--volume", f"{config}:/config:ro", "--env", "JUPYTER_CONFIG_PATH=/config",
        image_names()[1].workspace, "jupyter", "lab", "--no-browser", "--ip=127.0.0.1",
        f"--port={port}", "--port-retries=0", f"--IdentityProvider.token={TOKEN}",
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, container)
        yield url
    finally:
        docker("rm", "--force", container)


@pytest.fixture
def page(jupyterlab, browser: Browser) -> Iterator[Page]:
    """A page with the extension loaded, which must end with a clean console."""
    context = browser.new_context()
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.answers = Answers(page)
    page.goto(f"{jupyterlab}/lab?token={TOKEN}")
    expect(page.get_by_text("apollo: Ada Wong, Ben Chan")).to_be_visible(timeout=30_000)
    yield page
    context.close()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def docker(*line: str) -> str:
    """Return what docker prints."""
    done = subprocess.run(["docker", *line], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def wait_for(url: str, container: str) -> None:
    """Return when JupyterLab answers; show its log if it does not within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/api", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    subprocess.run(["docker", "logs", container], check=True)  # pytest shows it with the failure
    raise AssertionError("JupyterLab did not answer within a minute")


def test_status_bar_shows_gpu_and_people_in_a_team_and_nothing_on_a_desk(page: Page) -> None:
    gpu = page.get_by_text("GPU 0: 3.2/80 GiB, 45%", exact=True)
    expect(gpu).to_be_visible()
    expect(gpu).to_have_attribute("title", "GPU 0 (nvidia.com/gpu=0): 3.2/80 GiB, 45%")
    page.answers.say(kind="desk", team="", gpus=[])
    expect(gpu).to_be_hidden()
    expect(page.get_by_text("apollo:")).to_be_hidden()
    assert page.errors == []


def test_gpu_that_tells_nothing_is_still_named(page: Page) -> None:
    silent = {**GPU, "memory_used": None, "memory_total": None, "utilisation": None}
    page.answers.say(gpus=[silent])
    expect(page.get_by_text("GPU 0", exact=True)).to_be_visible()


def test_one_warning_counts_down_and_the_button_keeps_the_server(page: Page) -> None:
    toasts = page.locator(".Toastify__toast", has_text="because nothing is running in it.")
    page.answers.say(idle_seconds=3600 - 470)
    expect(toasts).to_have_text("This server stops in 8 minutes because nothing is running in it."
                                "Keep it running")  # fmt: skip
    page.answers.say(idle_seconds=3600 - 50)
    expect(toasts).to_contain_text("in 1 minute because")
    toasts.get_by_role("button", name="Keep it running").click()
    expect(toasts).to_have_count(0)
    assert [request.method for request in page.answers.kept] == ["POST"]
    assert "x-xsrftoken" in page.answers.kept[0].headers
    assert page.errors == []


def test_warning_goes_when_work_resumes_and_never_comes_while_busy(page: Page) -> None:
    toasts = page.locator(".Toastify__toast", has_text="because nothing is running in it.")
    page.answers.say(idle_seconds=3590)
    expect(toasts).to_have_count(1)
    page.answers.say(idle_seconds=3595, busy=True)
    expect(toasts).to_have_count(0)
    page.answers.say(idle_seconds=3595, stop_after_seconds=None)
    expect(toasts).to_have_count(0)


@pytest.mark.parametrize(
    ("idle", "sentence"),
    [
        (3590.0, "This server was stopped because it was idle. Your files are safe."),
        (10.0, "This server was stopped. Your files are safe."),
    ],
)
def test_one_dialog_says_why_the_server_is_gone(page: Page, idle: float, sentence: str) -> None:
    page.answers.say(idle_seconds=idle)
    page.answers.say(code=424)
    expect(page.locator(".jp-Dialog")).to_have_count(1)
    expect(page.locator(".jp-Dialog")).to_contain_text(sentence)
    page.route("**/hub/home", lambda route: route.fulfill(body="home"))
    page.get_by_role("button", name="Back to the lab").click()
    page.wait_for_url("**/hub/home")


def test_page_from_before_a_restart_asks_for_a_reload(page: Page) -> None:
    page.answers.say(code=424)
    page.answers.say()
    expect(page.locator(".jp-Dialog")).to_have_count(1)
    expect(page.locator(".jp-Dialog")).to_contain_text("this server was started again")
    page.get_by_role("button", name="Reload").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(page.get_by_text("apollo: Ada Wong, Ben Chan")).to_be_visible(timeout=30_000)


def test_person_whose_access_was_taken_away_is_told_so(page: Page) -> None:
    page.route("**/lab", lambda route: route.fulfill(status=403))
    page.answers.say(code=403)
    expect(page.locator(".jp-Dialog")).to_have_count(1)
    expect(page.locator(".jp-Dialog")).to_contain_text("You no longer have access")


def test_memory_is_shown_and_a_kernel_ended_for_it_is_explained(page: Page) -> None:
    expect(page.get_by_text("Memory 1.2/4.0 GiB", exact=True)).to_be_visible()
    toasts = page.locator(".Toastify__toast", has_text="Out of memory")
    page.answers.say(memory={**CALM["memory"], "kills": 1})
    expect(toasts).to_have_count(1)
    expect(toasts).to_contain_text("Out of memory (4.0 GiB): a kernel or program was ended.")
    page.answers.say(memory={**CALM["memory"], "kills": 1})
    expect(toasts).to_have_count(1)
    assert page.errors == []
