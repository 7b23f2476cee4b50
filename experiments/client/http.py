"""Calls of the experiments service: addresses, patience and errors.

Invariant: a call that could have an effect twice is repeated only if it certainly never arrived;
everything that comes back is JSON of the service, or an error with a sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

import httpx
from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_exponential_jitter

from experiments.errors import ExperimentError

PATIENCE_S = 30.0  # a restart of the service takes some seconds
WATCHING = 10  # times as much for who watches a run: a machine's restart takes minutes
# The server answers at once or says in a stream, every 15 s, that it is there; a snapshot of
# 5,000 files is synced to disk before the answer.
TIMEOUT = httpx.Timeout(60, connect=5)
AWAY = (502, 503, 504)  # the proxy's word for a service that is not there

T = TypeVar("T")


class UnreachableError(ExperimentError):
    """The service gave no answer; ``unsent`` if it certainly has not got the request."""

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message, code="service_unreachable", status=503)
        self.unsent = unsent


class Http:
    """The API below one address, with one token; ``patience_s`` is for each call."""

    def __init__(self, address: str, token: str, patience_s: float = PATIENCE_S) -> None:
        self.address, self._patience_s = address.rstrip("/"), patience_s
        try:
            self._client = httpx.Client(
                base_url=f"{self.address}/api/v1/",
                headers={"Authorization": f"token {token}", "Accept": "application/json"},
                timeout=TIMEOUT,
            )
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise self._misnamed() from None

    def get(self, path: str, **query: object) -> dict:
        """What is found at a path; what is None in the query is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", path, params=given)

    def call(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool = True,
        patience: float = 1,
        **request: object,
    ) -> dict:
        """The JSON that a request is answered with; ``repeatable``: twice does what once does.

        Raises `ExperimentError` for a refusal, `UnreachableError` once patience, so many times
        the usual, has run out.
        """

        def once() -> dict:
            with self._translated():
                response = self._client.request(method, path, **request)
            _check(response)
            return _json(response) if response.content else {}

        return self._patiently(once, repeatable, patience)

    def save(self, path: str, file: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        """Write what is found at a path to a file; ``on_bytes`` is told how many there are."""

        def once() -> None:
            file.seek(0)
            file.truncate()
            with self.stream(path, patience=0) as response:
                for chunk in response.iter_bytes():
                    file.write(chunk)
                    on_bytes(file.tell())

        self._patiently(once, True, 1)

    @contextmanager
    def stream(
        self, path: str, *, patience: float = 1, **request: object
    ) -> Iterator[httpx.Response]:
        """An answer that is read as it comes; raises as `call` does.

        A connection that breaks while it is read raises `UnreachableError`.
        """

        def connect() -> httpx.Response:
            with self._translated():
                prepared = self._client.build_request("GET", path, **request)
                response = self._client.send(prepared, stream=True)
                if not response.is_success:
                    response.read()
                    response.close()
            _check(response)
            return response

        response = self._patiently(connect, True, patience)
        try:
            with self._translated():
                yield response
        finally:
            response.close()

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def _patiently(self, act: Callable[[], T], repeatable: bool, patience: float) -> T:
        def worth_it(error: BaseException) -> bool:
            return isinstance(error, UnreachableError) and (repeatable or error.unsent)

        return Retrying(
            retry=retry_if_exception(worth_it),
            wait=wait_exponential_jitter(multiplier=0.2, max=5, jitter=0.2),
            stop=stop_before_delay(patience * self._patience_s),
            reraise=True,
        )(act)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # The latter of what cannot stand in a header; its own words would show the token.
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError):
            raise self._misnamed() from None
        except httpx.TransportError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            why = "it did not answer in time" if isinstance(error, httpx.TimeoutException) else (
                str(error).rstrip(".") or "the connection broke"
            )  # fmt: skip
            raise UnreachableError(
                f"The experiments service at {self.address} cannot be reached ({why}): try again "
                "in a moment, and tell the lab's operator if it goes on.",
                unsent=unsent,
            ) from error

    def _misnamed(self) -> ExperimentError:
        return ExperimentError(
            f"{self.address[:200]!a} is no address of an experiments service, or its token is "
            "none: look at COHORT_EXPERIMENTS_URL and JUPYTERHUB_API_TOKEN.",
            code="address_invalid",
        )


class Counted:
    """A file to be sent that says how much of it has been."""

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int, int], None]) -> None:
        self._file, self._on_bytes = file, on_bytes
        self._total = os.fstat(file.fileno()).st_size

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._on_bytes(self._file.tell(), self._total)
        return data


def _check(response: httpx.Response) -> None:
    """Raise what an answer that is no success says."""
    if response.is_success:
        return
    said = _error(response)
    if said is not None:
        code, message = said.pop("code"), said.pop("message")
        said.pop("status", None)
        raise ExperimentError(message, code=code, status=response.status_code, **said)
    if response.status_code in AWAY:
        raise UnreachableError(
            "The experiments service is not running just now (the lab's proxy answers "
            f"{response.status_code}): try again in a moment, and tell the lab's operator if it "
            "goes on."
        )
    raise not_ours(response)


def _error(response: httpx.Response) -> dict | None:
    """The error of the service's own shape that an answer holds, if it does."""
    try:
        error = response.json()["error"]
        whole = isinstance(error["code"], str) and isinstance(error["message"], str)
    except (ValueError, KeyError, TypeError):
        return None
    return error if whole else None


def _json(response: httpx.Response) -> dict:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise not_ours(response)
    return found


def not_ours(response: httpx.Response) -> ExperimentError:
    """What to raise for an answer that the service does not give."""
    return ExperimentError(
        f"What answers at {response.url.copy_with(query=None)} ({response.status_code}) is not "
        "the experiments service: look at COHORT_EXPERIMENTS_URL.",
        code="answer_unexpected",
        status=502,
    )
