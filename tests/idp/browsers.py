"""A person's browser at the provider, and the hub as its client."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx


class Browser(httpx.Client):
    """A person's browser: keeps cookies, follows redirects only when told to."""

    def __init__(self, url: str, secret: str) -> None:
        super().__init__(base_url=url + "/services/idp/", timeout=30)
        self.url, self.secret = url, secret

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Go on until a page comes, or until the hub's turn has come."""
        while answer.is_redirect:
            target = httpx.URL(answer.request.url).join(answer.headers["location"])
            if not target.path.startswith("/services/idp/"):
                return answer
            answer = self.get(target)
        return answer

    def send_form(self, page: httpx.Response, **fields: str) -> httpx.Response:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
        return self.follow(self.post(page.url, data={"csrf_token": token, **fields}))

    def log_in(self, login: str, password: str, at: str = "") -> httpx.Response:
        page = self.send_form(self.follow(self.get(at or "login")), login=login)
        return self.send_form(page, password=password)

    def authorize_url(self, challenge: str, **more: str) -> str:
        query = {
            "client_id": "hub",
            "response_type": "code",
            "scope": "openid profile email groups",
            "redirect_uri": f"{self.url}/hub/oauth_callback",
            "state": "s1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | more
        return str(httpx.URL(f"{self.url}/services/idp/oauth/authorize", params=query))

    def get_tokens(self, login: str, password: str) -> dict:
        """The whole code flow with PKCE; returns the token endpoint's answer."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        answer = self.log_in(login, password, self.authorize_url(challenge))
        assert answer.is_redirect, message_on(answer)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["state"] == ["s1"]
        answer = self.token(
            grant_type="authorization_code",
            code=query["code"][0],
            redirect_uri=f"{self.url}/hub/oauth_callback",
            code_verifier=verifier,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def token(self, **fields: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/services/idp/oauth/token", data=fields, auth=("hub", self.secret)
        )

    def userinfo(self, tokens: dict) -> httpx.Response:
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        return httpx.get(f"{self.url}/services/idp/oauth/userinfo", headers=header)


def message_on(page: httpx.Response) -> str:
    return " ".join(unescape(m) for m in re.findall(r'class="note[^>]*>([^<]+)<', page.text))
