"""Log-in to a service with a browser: OAuth with the hub, and a sealed cookie after it.

Invariant: the hub's token never reaches the page, only the service can open the cookie; what a
browser sends by itself changes nothing: a request that does must also carry a word that only
the service's own pages know. Pages are given to navigations alone: scripts of other pages of the
lab, which shares one origin with everybody's notebooks, cannot read that word from them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from urllib.parse import urlencode

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cohort.errors import Refusal
from cohort.service.callers import Caller, Hub

SAFE = {"GET", "HEAD", "OPTIONS"}
STATE_SECONDS = 600
SESSION_SECONDS = 7 * 24 * 3600  # the hub ends its own earlier, and its word counts
STALE = "This log-in link was already used or has grown old. Open the page again."


class LoginNeededError(Refusal):
    """Nobody is logged in; a browser is sent to the hub instead of being shown this."""

    def __init__(self) -> None:
        super().__init__(
            "Log in first: a program sends its server's token, a browser opens the page.",
            code="login_needed",
            status=401,
        )


class Sessions:
    """Browser sessions of one service; ``key`` is a secret of 64 hex digits."""

    def __init__(self, hub: Hub, key: str, *, secure: bool) -> None:
        self.hub, self._secure = hub, secure
        self._key = bytes.fromhex(key)
        self._fernet = Fernet(base64.urlsafe_b64encode(self._key))
        self._cookie, self._state = f"cohort-{hub.service}", f"cohort-{hub.service}-state"

    def routes(self) -> list[Route]:
        """Log-in, its callback, and log-out."""
        return [
            Route("/login", self.log_in),
            Route("/oauth_callback", self.callback),
            Route("/logout", self.log_out),
        ]

    async def caller(self, request: Request) -> Caller:
        """Who asks; raises `LoginNeededError`, or `Refusal` (403) without the pages' word."""
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() in ("token", "bearer") and token.strip():
            found = await self.hub.caller(token.strip())
        else:
            token = self._token(request)
            found = await self.hub.caller(token) if token else None
            if found and request.method not in SAFE:
                self._check_word(request)
        if found is None:
            raise LoginNeededError
        return found

    def word(self, request: Request) -> str | None:
        """What pages of this session send as ``X-XSRFToken``; None without a session."""
        token = self._token(request)
        if not token:
            return None
        return hmac.new(self._key, b"xsrf:" + token.encode(), hashlib.sha256).hexdigest()

    def check_navigation(self, request: Request) -> None:
        """Refuse a page to a script or a frame; browsers say themselves what a request is for."""
        if request.headers.get("sec-fetch-dest", "document") != "document":
            raise Refusal("Open this page in a tab of its own.", code="not_a_page", status=403)

    async def log_in(self, request: Request) -> Response:
        """Send the browser to the hub, with a state that only this browser can bring back."""
        following = request.query_params.get("next", "")
        if not following.startswith(self.hub.prefix) or "//" in following or "\\" in following:
            following = self.hub.prefix
        state = secrets.token_urlsafe(24)
        verifier, challenge, method = self.hub.oauth.generate_pkce_code_challenge()
        query = urlencode({
            "client_id": self.hub.oauth.oauth_client_id, "response_type": "code",
            "redirect_uri": self.hub.oauth.oauth_redirect_uri, "state": state,
            "code_challenge": challenge, "code_challenge_method": method,
        })  # fmt: skip
        answer = RedirectResponse(f"/hub/api/oauth2/authorize?{query}", 302)
        kept = json.dumps({"state": state, "next": following, "verifier": verifier})
        self._set(answer, self._state_cookie(state), kept, STATE_SECONDS)
        return answer

    async def callback(self, request: Request) -> Response:
        """Take the hub's answer; a missing, wrong or replayed state is a 400."""
        state, code = request.query_params.get("state", ""), request.query_params.get("code")
        cookie = self._state_cookie(state)
        kept = json.loads(self._open(request, cookie, STATE_SECONDS) or "{}")
        if not code or not kept or not hmac.compare_digest(state.encode(), kept["state"].encode()):
            raise Refusal(STALE, code="login_stale", status=400)
        try:
            token = await self.hub.oauth.token_for_code(
                code, code_verifier=kept["verifier"], sync=False
            )
        except Exception as e:
            raise Refusal(STALE, code="login_stale", status=400) from e
        answer = RedirectResponse(kept["next"], 302)
        self._set(answer, self._cookie, token, SESSION_SECONDS)
        answer.delete_cookie(cookie, path=self.hub.prefix)
        return answer

    async def log_out(self, request: Request) -> Response:
        """Forget the session here and go on to the hub's log-out."""
        answer = RedirectResponse("/hub/logout", 302)
        answer.delete_cookie(self._cookie, path=self.hub.prefix)
        return answer

    def login_address(self, request: Request) -> str:
        """Where to log in, to come back to what was asked for."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return f"{self.hub.prefix}login?{urlencode({'next': here})}"

    def _state_cookie(self, state: str) -> str:
        """One for each log-in: a page may log in by itself while somebody clicks on another."""
        return f"{self._state}-{hashlib.sha256(state.encode()).hexdigest()[:16]}"

    def _check_word(self, request: Request) -> None:
        given = request.headers.get("x-xsrftoken", "")
        if not hmac.compare_digest(given.encode(), (self.word(request) or "").encode()):
            raise Refusal(
                "This page is from before you logged in: reload it.", code="reload", status=403
            )

    def _token(self, request: Request) -> str | None:
        return self._open(request, self._cookie, SESSION_SECONDS)

    def _open(self, request: Request, name: str, seconds: int) -> str | None:
        try:
            sealed = request.cookies.get(name, "").encode()
            return self._fernet.decrypt(sealed, ttl=seconds).decode() if sealed else None
        except InvalidToken:
            return None

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name, self._fernet.encrypt(value.encode()).decode(), max_age=seconds,
            path=self.hub.prefix, secure=self._secure, httponly=True, samesite="lax",
        )  # fmt: skip
