"""One lab for the whole session, a browser for each person, and no leftovers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from cohort.cdi import write_simulated
from tests import labs
from tests.people_in_browsers import Person

pytest_plugins = ["tests.postgres"]

# Without these Chromium looks for its maker's servers at every start.
QUIET = ("background-networking", "component-update", "sync", "quic", "gpu")
CHROMIUM = ["--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in QUIET)]
EVIDENCE = Path(__file__).parent / "evidence"


@pytest.fixture(scope="session")
def simulated_gpus() -> Iterator[list[str]]:
    """Two simulated CDI devices that the engine knows."""
    path = Path("/etc/cdi/cohort-simulated.json")
    write_simulated(path, 2)
    yield ["sim.cohort/gpu=0", "sim.cohort/gpu=1"]
    # Another test run on this machine may still need them.
    owners = [Path("/proc") / p.read_text() for p in Path("/tmp").glob(f"{labs.PREFIX}*.pid")]
    if not any(owner.exists() for owner in owners):
        path.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def lab(tmp_path_factory, simulated_gpus) -> Iterator[labs.Lab]:
    """A lab with the demonstration cohort and two simulated GPUs, up for the session."""
    labs.remove_leftovers()
    lab = labs.Lab(tmp_path_factory.mktemp("lab"), gpus=simulated_gpus)
    with labs.owned(lab):
        lab.first_up = lab.up()
        yield lab
    left = [
        labs.docker(kind, "ls", *(["-a"] if kind == "container" else []), "-q",
                    "--filter", f"label=cohort.project={lab.project}")
        for kind in ("container", "network")
    ]  # fmt: skip
    assert left == ["", ""], f"left behind: {left}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless.

    For one module at a time: while it is there, Playwright has an event loop running in this
    thread, in which no other test could start its own.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def person(lab, browser, request):
    """A factory: ``person("ada")`` has a browser context of her own, not yet logged in."""
    people: list[Person] = []

    def make(login: str, **context) -> Person:
        one = Person(lab, browser.new_context(**context), login)
        people.append(one)
        return one

    yield make
    failed = getattr(request.node, "failed", False)
    for one in people:
        if failed:
            EVIDENCE.mkdir(exist_ok=True)
            for number, page in enumerate(one.context.pages):
                name = f"{request.node.name}-{one.login}-{number}.png".replace("/", "_")
                page.screenshot(path=EVIDENCE / name)
        one.context.close()


@pytest.fixture
def fresh(lab) -> Iterator[labs.Lab]:
    """The session's lab with no server running and nothing in any home, before and after."""
    lab.empty_homes()
    yield lab
    lab.empty_homes()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep what is needed to understand a failure: logs and states, printed with the report."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
        if lab is not None:
            report.sections.append(("the lab", lab.evidence()))


def pytest_terminal_summary(terminalreporter):
    """Print where screenshots of failures are."""
    if EVIDENCE.exists() and any(EVIDENCE.iterdir()):
        terminalreporter.write_line(f"screenshots: {json.dumps(sorted(os.listdir(EVIDENCE)))}")
