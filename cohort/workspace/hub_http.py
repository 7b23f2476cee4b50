"""Requests to the hub with tornado's own client, in the words of `jupyterhub.httpclient`.

JupyterHub 6 speaks to the hub through aiohttp. In a user's server that is the only use of it,
and importing it costs 0.10 s of CPU in every workspace; tornado's client is there anyway.
Takes what `jupyterhub.services.auth` and `jupyterhub.singleuser.extension` pass, no more: a
test compares this with their source.
"""

from __future__ import annotations

from http import HTTPStatus

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

CONNECT_TIMEOUT = 10.0
REQUEST_TIMEOUT = 30.0


class HubError(Exception):
    """The hub answered with a status of 400 or more."""


class Response:
    """The part of aiohttp's response that is used: status, headers, text."""

    def __init__(self, response) -> None:
        self.status: int = response.code
        self.reason: str = response.reason
        self.headers = response.headers
        self._body: bytes = response.body or b""

    def raise_for_status(self) -> None:
        """Raise `HubError` for a status of 400 or more."""
        if self.status >= HTTPStatus.BAD_REQUEST:
            raise HubError(f"HTTP {self.status}: {self.reason}")

    async def text(self) -> str:
        """The body as text."""
        return self._body.decode("utf-8", "replace")


async def fetch(  # noqa: PLR0913 - the signature is JupyterHub's
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    data: str | bytes | None = None,
    raise_for_status: bool = True,
    ssl=None,
) -> Response:
    """Ask the hub.

    Raises OSError or tornado's HTTPError if the hub cannot be reached, and `HubError` for a
    bad status unless told not to.
    """
    request = HTTPRequest(
        url,
        method=method,
        headers=headers,
        body=data,
        allow_nonstandard_methods=True,
        ssl_options=ssl,
        connect_timeout=CONNECT_TIMEOUT,
        request_timeout=REQUEST_TIMEOUT,
    )
    response = Response(await AsyncHTTPClient().fetch(request, raise_error=False))
    if raise_for_status:
        response.raise_for_status()
    return response
