"""A person without a browser: the same requests that the pages make, quick enough to time."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import urljoin

import httpx


class Visitor:
    """An HTTP client with cookies of its own, on a lab of ours or on a stock JupyterHub."""

    def __init__(self, url: str, login: str, **options) -> None:
        self.url, self.login = url, login
        self.http = httpx.Client(follow_redirects=True, timeout=90, **options)

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()

    def log_in(self, password: str, **query: str) -> httpx.Response:
        """Log in through the lab's provider, form by form, as a browser would."""
        page = self.http.get(f"{self.url}/hub/oauth_login", params=query)
        for _ in range(3):
            if str(page.url).startswith(self.url) and "/services/idp/" not in str(page.url):
                return page
            page = self._answer_form(page, {"login": self.login, "password": password})
        return page

    def log_in_stock(self, password: str) -> httpx.Response:
        """Log in to a stock JupyterHub's own form."""
        page = self.http.get(f"{self.url}/hub/login")
        return self._answer_form(page, {"username": self.login, "password": password})

    def _answer_form(self, page: httpx.Response, values: dict[str, str]) -> httpx.Response:
        form = re.search(r"<form[^>]*method=\"post\".*?</form>", page.text, re.S | re.I)
        if not form:
            raise AssertionError(f"no form at {page.url}: {page.text[:500]}")
        action = re.search(r'<form[^>]*action="([^"]*)"', form[0])
        fields = {}
        for tag in re.findall(r"<input[^>]*>", form[0]):
            name = re.search(r'name="([^"]+)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if name:
                fields[name[1]] = value[1] if value else ""
        fields.update({k: v for k, v in values.items() if k in fields})
        target = action[1].replace("&amp;", "&") if action else ""
        # As browsers do; over HTTPS the provider insists on it.
        quiet = page.headers.get("referrer-policy") == "no-referrer"
        headers = {} if quiet else {"Referer": str(page.url)}
        return self.http.post(urljoin(str(page.url), target), data=fields, headers=headers)

    @property
    def xsrf(self) -> str:
        """The hub's XSRF token, which its pages send with every form."""
        for cookie in self.http.cookies.jar:
            if cookie.name == "_xsrf" and cookie.path.startswith("/hub"):
                return cookie.value or ""
        return ""

    def start(self, account: str, profile: str | None = None) -> float:
        """Click Start and wait for an answering JupyterLab; seconds from click to answer."""
        self.http.get(f"{self.url}/hub/home")
        begin = time.monotonic()
        answer = self.http.post(
            f"{self.url}/hub/spawn/{account}",
            params={"_xsrf": self.xsrf}, data={"profile": profile} if profile else {},
        )  # fmt: skip
        if f"/user/{account}" not in answer.url.path:
            self.wait_ready(account)
            answer = self.http.get(f"{self.url}/user/{account}/lab")
        if answer.status_code != 200 or "jupyter-config-data" not in answer.text:
            raise AssertionError(f"{answer.status_code} at {answer.url}: {answer.text[:300]}")
        return time.monotonic() - begin

    def wait_ready(self, account: str) -> None:
        """Follow the hub's progress stream, as the page does, until it says ready or failed.

        A stream that breaks is opened again, which a browser's EventSource does by itself.
        """
        for _ in range(10):
            try:
                if self._follow_progress(account):
                    return
            except httpx.RemoteProtocolError:
                continue
        raise AssertionError(f"{account}: the progress stream ended early, ten times")

    def _follow_progress(self, account: str) -> bool:
        url = f"{self.url}/hub/api/users/{account}/server/progress"
        with self.http.stream("GET", url, params={"_xsrf": self.xsrf}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    if event.get("failed"):
                        raise AssertionError(f"{account}: {event}")
                    if event.get("ready"):
                        return True
        return False

    def stop(self, account: str) -> None:
        """Stop a server and wait until it has gone."""
        url = f"{self.url}/hub/api/users/{account}/server"
        headers = {"X-XSRFToken": self.xsrf}
        self.http.delete(url, headers=headers)
        while self.http.delete(url, headers=headers).status_code == 202:
            time.sleep(0.1)
