"""Persons with a browser each: log in, open JupyterLab, write and run cells."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.labs import Lab

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # the notebook that is in front
SLOW = 60_000  # ms; two cores are shared by the lab, its containers and the browsers


class Person:
    """Somebody with a browser of their own (a fresh context: own cookies)."""

    def __init__(self, lab: Lab, context: BrowserContext, login: str) -> None:
        self.lab, self.context, self.login = lab, context, login
        self.page: Page = context.new_page()
        self.page.set_default_timeout(SLOW)

    def log_in(self, password: str | None = None) -> Page:
        """Go from the front page through the provider to the home page."""
        page = self.page
        page.goto(self.lab.url + "/")
        page.locator("#login-button").click()
        self.give_password(password or self.lab.password(self.login))
        page.wait_for_url("**/hub/home")
        return page

    def give_password(self, password: str) -> None:
        """Answer the provider's questions: login, then password."""
        page = self.page
        page.locator("input[name=login]").fill(self.login)
        if not page.locator("input[name=password]").is_visible():
            page.locator("button[type=submit]").first.click()
        page.locator("input[name=password]").fill(password)
        page.locator("button[type=submit]").first.click()

    def card(self, account: str):
        """The home page's card of an account."""
        return self.page.locator(f"#card-{account}")

    def start(self, account: str, profile: str | None = None) -> Page:
        """Start a server from its card and wait for JupyterLab."""
        page = self.page
        page.goto(self.lab.url + "/hub/home")
        if profile:
            self.card(account).locator("select[name=profile]").select_option(profile)
        self.card(account).get_by_role("button", name="Start").click()
        self.wait_for_lab()
        # What an earlier test left open would come back, and ask for a kernel.
        page.goto(f"{self.lab.url}/user/{account}/lab?reset")
        return self.wait_for_lab()

    def open(self, account: str) -> Page:
        """Open a running server from its card."""
        self.page.goto(self.lab.url + "/hub/home")
        self.card(account).get_by_role("link", name="Open").click()
        return self.wait_for_lab()

    def wait_for_lab(self) -> Page:
        """Wait until JupyterLab is there and usable."""
        self.page.wait_for_url(re.compile(r".*/user/[^/]+/(lab|doc).*"))
        expect(self.page.locator("#jp-main-dock-panel")).to_be_visible(timeout=SLOW)
        expect(self.page.locator(".jp-LabShell")).to_be_visible(timeout=SLOW)
        return self.page

    def new_notebook(self) -> None:
        """Open a new Python notebook from the launcher, ready to run."""
        self.page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
        expect(self.page.locator(".jp-NotebookPanel")).to_be_visible(timeout=SLOW)
        self.kernel_idle()

    def kernel_idle(self) -> None:
        """Wait until the shown notebook's kernel is idle."""
        idle = f"{PANEL} .jp-Notebook-ExecutionIndicator[data-status=idle]"
        expect(self.page.locator(idle)).to_be_visible(timeout=SLOW)

    def run_cell(self, code: str, expected: str) -> None:
        """Type code into the last cell, run it and see its output.

        JupyterLab, stock too, often loses a cell that is run right after its kernel started
        (4 of 5 tries); a person presses the keys again.
        """
        cell = self.page.locator(f"{PANEL} .jp-Cell .cm-content").last
        cell.click()
        self.page.keyboard.insert_text(code)
        output = self.page.locator(".jp-OutputArea-output").filter(has_text=expected).last
        for _ in range(5):
            cell.click()
            self.page.keyboard.press("Control+Enter")
            try:
                expect(output).to_be_visible(timeout=SLOW / 6)
                return
            except AssertionError:
                continue
        expect(output).to_be_visible(timeout=SLOW)

    def fetch(self, path: str, method: str = "GET", body: str | None = None) -> tuple[int, str]:
        """Fetch an address of the lab as this person's browser does, with its cookies."""
        answer = self.context.request.fetch(
            self.lab.url + path, method=method, data=body, max_redirects=10
        )
        return answer.status, answer.text()
