"""Calls of the grading service from desks, team workspaces and course servers.

Invariant: a call that could have an effect twice is repeated only if it certainly never arrived;
whatever goes wrong is a `GradingError` with a sentence, the service's own if it gave one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_exponential_jitter

from grading.errors import GradingError

# nbgrader's pages wait for the answer, and with them everything else of that server.
PATIENCE_S = 10.0
# An upload is answered once it is safely on disk.
TIMEOUT = httpx.Timeout(60, connect=5)
AWAY = (502, 503, 504)  # the proxy's word for a service that is not there

T = TypeVar("T")


class AwayError(GradingError):
    """The service gave no answer; ``unsent`` if it certainly has not got the request."""

    def __init__(self, why: str, *, unsent: bool = False) -> None:
        super().__init__(
            f"The lab's grading service cannot be reached ({why}): try again in a moment, and "
            "tell the lab's operator if it goes on.",
            code="service_away",
            status=503,
        )
        self.unsent = unsent


class Service:
    """The service's API at one address, with one server's token."""

    def __init__(self, address: str, token: str, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        try:
            self._client = httpx.Client(
                base_url=f"{address.rstrip('/')}/api/v1/",
                headers={"Authorization": f"token {token}", "Accept": "application/json"},
                timeout=TIMEOUT,
                # A proxy of the person's own settings has no way to the lab's network.
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise _misnamed() from None

    def call(
        self, method: str, *path: str, repeatable: bool = True, **request: object
    ) -> list | dict:
        """The JSON that a request is answered with; ``repeatable``: twice does what once does."""

        def once() -> list | dict:
            with _translated():
                response = self._client.request(method, _path(path), **request)
            _check(response)
            return _json(response) if response.content else {}

        return self._patiently(once, repeatable=repeatable)

    def get(self, *path: str, **query: object) -> list | dict:
        """What is found at a path."""
        return self.call("GET", *path, params=_given(query))

    def upload(
        self, *path: str, archive: BinaryIO, key: str | None = None, **query: object
    ) -> dict:
        """Send a .tar.gz; with an idempotency ``key`` it is sent again until it is answered."""
        headers = {"Content-Type": "application/gzip"} | ({"Idempotency-Key": key} if key else {})

        def once() -> dict:
            archive.seek(0)
            with _translated():
                response = self._client.post(
                    _path(path), params=_given(query), headers=headers, content=archive
                )
            _check(response)
            return _json(response) if response.content else {}

        return self._patiently(once, repeatable=key is not None)

    def download(self, *path: str, file: BinaryIO, cap: int, **query: object) -> None:
        """Write what is found at a path to a file, which is at its beginning afterwards.

        Raises `GradingError` too if it is larger than ``cap`` bytes.
        """

        def once() -> None:
            file.seek(0)
            file.truncate()
            with _translated(), self._client.stream("GET", _path(path), params=_given(query)) as r:
                if not r.is_success:
                    r.read()
                _check(r)
                for chunk in r.iter_bytes():
                    if file.tell() + len(chunk) > cap:
                        raise GradingError(
                            f"What the grading service sends is larger than {cap / 1e6:,.0f} MB.",
                            code="answer_too_large",
                        )
                    file.write(chunk)
            file.seek(0)

        self._patiently(once, repeatable=True)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _patiently(self, act: Callable[[], T], *, repeatable: bool) -> T:
        def worth_it(error: BaseException) -> bool:
            return isinstance(error, AwayError) and (repeatable or error.unsent)

        return Retrying(
            retry=retry_if_exception(worth_it),
            wait=wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2),
            stop=stop_before_delay(self._patience_s),
            reraise=True,
        )(act)


def service() -> Service:
    """The service that this server was told of, with this server's token.

    Raises `GradingError` outside of the lab's servers.
    """
    address = os.environ.get("COHORT_GRADING_URL", "")
    token = os.environ.get("JUPYTERHUB_API_TOKEN", "")
    if not address or not token:
        raise GradingError(
            "There is no grading service here: COHORT_GRADING_URL and JUPYTERHUB_API_TOKEN are "
            "set in the lab's own servers, so work with assignments there.",
            code="service_unknown",
        )
    return _connected(address, token)


def account() -> str:
    """The hub account that this server belongs to: a login, a team's or a course's."""
    return os.environ.get("JUPYTERHUB_USER", "")


@lru_cache(maxsize=4)
def _connected(address: str, token: str) -> Service:
    """One client for a process: each costs tens of milliseconds, and formgrader asks often."""
    return Service(address, token)


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _given(query: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in query.items() if value is not None}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    # The latter of what cannot stand in a header; its own words would show the token.
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError):
        raise _misnamed() from None
    except httpx.TransportError as error:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        slow = isinstance(error, httpx.TimeoutException)
        why = "no answer in time" if slow else str(error).rstrip(".") or "the connection broke"
        raise AwayError(why, unsent=unsent) from error


def _misnamed() -> GradingError:
    return GradingError(
        "COHORT_GRADING_URL is no address of a grading service, or JUPYTERHUB_API_TOKEN is no "
        "token: stop this server and start it again.",
        code="address_invalid",
    )


def _check(response: httpx.Response) -> None:
    """Raise what an answer that is no success says."""
    if response.is_success:
        return
    try:
        said = response.json()["error"]
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        if response.status_code in AWAY:
            raise AwayError(f"the lab's proxy answers {response.status_code}") from None
        raise _not_ours(response) from None
    raise GradingError(message, code=code, status=response.status_code)


def _json(response: httpx.Response) -> list | dict:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, list | dict):
        raise _not_ours(response)
    return found


def _not_ours(response: httpx.Response) -> GradingError:
    return GradingError(
        f"What answers at COHORT_GRADING_URL ({response.status_code}) is not the lab's grading "
        "service: tell the lab's operator.",
        code="answer_unexpected",
        status=502,
    )
