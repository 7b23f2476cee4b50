"""What the lab's containers say on an ordinary day: nothing that looks like trouble."""

from __future__ import annotations

import re
import subprocess

from playwright.sync_api import expect

from tests.labs import Lab, brought_up, eventually
from tests.people_in_browsers import Person

TROUBLE = re.compile(
    r"\bWARN(ING)?\b|\bERROR\b|\bCRITICAL\b|\[[WEC] |Traceback|\w+(Warning|Error|Exception)\b", re.I
)
# What is said every day and means nothing here, each with the reason why.
EVERY_DAY = (
    # JupyterHub's word on every websocket: no token can come with one, its origin is checked.
    r"Skipping XSRF check for insecure request GET /user/\S+/(channels|subscribe|room/\S+)$",
    # Of a kernel whose port is on its own container's loopback, which nobody else reaches.
    r"Kernel is running over TCP without encryption",
    # Jupyter Server gives Tornado milliseconds; Tornado takes the interval for both.
    r"The websocket_ping_timeout \(90000\) cannot be longer than the websocket_ping_interval",
    # Of somebody who has logged out: their servers ask whether they may still come in.
    r"JupyterHub log:\d+\] 403 GET /hub/api/user \(@",
    # A page was closed, or its server stopped, while its websockets were open.
    r"\[ConfigProxy\] .*(ECONNRESET|EPIPE|socket hang up)$",
)
# Of a page that went away while its answer was being sent.
GONE = re.compile(
    r"^\[E [^\n]*Uncaught exception [^\n]*\n(?: [^\n]*\n)*?"
    r" +tornado\.iostream\.StreamClosedError[^\n]*\n",
    re.M,
)

# Of a kernel that was stopped before it had read all of its modules.
STOPPED = re.compile(
    r"^Traceback \(most recent call last\):\n(?:  [^\n]*\n)*?  [^\n]*ipykernel_launcher[^\n]*\n"
    r"(?:  [^\n]*\n)*?KeyboardInterrupt\n",
    re.M,
)


def trouble_in(container: str) -> list[str]:
    """Lines of a container's log that look like trouble and are not said every day."""
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    lines = STOPPED.sub("", GONE.sub("", done.stdout + done.stderr)).splitlines()
    found = [
        number for number, line in enumerate(lines)
        if TROUBLE.search(line) and not any(re.search(p, line) for p in EVERY_DAY)
    ]  # fmt: skip
    # With what follows, for a traceback says last what it is about.
    return ["\n".join(lines[number : number + 25]) for number in found]


def test_an_ordinary_day_leaves_clean_logs(tmp_path, browser, simulated_gpus):
    with brought_up(Lab(tmp_path, gpus=simulated_gpus)) as lab:
        ada = Person(lab, browser.new_context(), "ada")
        ada.log_in()
        found = {}
        for account, profile in (("ada", "desk"), ("team-apollo", "team-gpu")):
            ada.start(account, profile)
            ada.new_notebook()
            ada.run_cell("print(6 * 7)", "42")
            ada.page.keyboard.press("Control+s")
            found[account] = trouble_in(lab.container(account))
        ada.page.goto(f"{lab.url}/hub/home")
        ada.card("ada").get_by_role("button", name="Stop").click()
        eventually(lambda: not lab.server("ada"), what="the desk stopped")
        ada.page.locator("#logout").click()
        expect(ada.page.locator("#login-button")).to_be_visible()
        ada.context.close()
        lab.run("people")
        for service in ("hub", "proxy", "idp", "firewall", "experiments", "grading"):
            found[service] = trouble_in(lab.service(service))
    said = "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)
    assert not said, said
