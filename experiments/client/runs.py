"""A run, as the service tells it: wait for it, follow it, stop it, take what it made.

Invariant: what a `Run` says of itself is one answer of the service, never put together from
several; `refresh` asks for a newer one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from experiments.client.events import Event, listen
from experiments.client.files import Progress, download
from experiments.client.http import WATCHING, Http
from experiments.states import ENDED, State

FIRST_LOOK_S, LONGEST_LOOK_S = 0.2, 2.0
REPORT_S = 60.0
VERDICT_S = 120.0  # two notebooks of 20 MB are compared in some seconds, one pair after another


class Run:
    """One run; ``data`` is what the service has said of it (as in the API's ``Run``).

    ``earlier`` is True for a run that was there already when the same was asked for.
    """

    def __init__(self, http: Http, data: dict, *, earlier: bool = False) -> None:
        self._http, self.data, self.earlier = http, data, earlier

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.state}>"

    @property
    def id(self) -> str:
        return self.data["id"]

    @property
    def state(self) -> State:
        return State(self.data["state"])

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def parameters(self) -> dict:
        return self.data["parameters"]

    @property
    def metrics(self) -> dict:
        """What the notebook recorded; empty while there is nothing."""
        return self.data["metrics"] or {}

    def refresh(self) -> Run:
        """Ask for how it is now."""
        self.data = self._http.call("GET", self._path(), patience=WATCHING)
        return self

    def wait(
        self, timeout_s: float | None = None, on_look: Callable[[Run], None] | None = None
    ) -> Run:
        """Wait until it has ended and its report is there, which takes a moment longer.

        ``on_look`` is called with it whenever it was looked at.

        Raises `TimeoutError`, which leaves the run going.
        """
        for _ in looks(timeout_s, f"{self.id} has not ended"):
            self.refresh()
            if on_look:
                on_look(self)
            if self.ended:
                return self._wait_for_report()
        raise AssertionError("looks() ends by an error only")

    def _wait_for_report(self) -> Run:
        """As long as that may take; a report that cannot be made takes nothing from the run."""
        with suppress(TimeoutError):
            for _ in looks(REPORT_S, f"{self.id} has no report"):
                if self.data.get("reported_at") or not self.data["started_at"]:
                    break
                self.refresh()
        return self

    def follow(self) -> Iterator[Event]:
        """What happens in it, from its beginning to its end, as it happens.

        Events are those of the runner's log (``run_started``, ``cell_started``, ``output``,
        ``output_cleared``, ``cell_ended``, ``run_ended``), and ``state``. A connection that
        breaks is taken up where it broke. Afterwards the run has been refreshed.
        """
        for event in listen(self._http, f"{self._path()}/events"):
            if event.name == "end":
                break
            yield event
        self.refresh()

    def cancel(self) -> Run:
        """Ask for it to be stopped, which may take a moment; refused for one that has ended."""
        self.data = self._http.call("POST", f"{self._path()}/cancel")
        return self

    def retry(self, secrets: Mapping[str, str] | None = None) -> Run:
        """Ask for the same run again: a new one. Secrets have to be given again."""
        return self._again("retry", {"secrets": dict(secrets or {})})

    def verify(
        self, tolerance: Mapping | None = None, secrets: Mapping[str, str] | None = None
    ) -> Run:
        """Run it again from its record, for a verdict on its numbers; see `verdict`.

        ``tolerance`` is ``{metric: {"abs": x, "rel": y}}``; without it the notebook's own counts.
        """
        wanted = None if tolerance is None else dict(tolerance)
        return self._again("verify", {"tolerance": wanted, "secrets": dict(secrets or {})})

    def verdict(self, timeout_s: float = VERDICT_S) -> dict | None:
        """The verdict that the end of this second run has led to, once it is there.

        None if there is nothing to judge: it was cancelled, timed out or lost.
        """
        if self.state not in (State.SUCCEEDED, State.FAILED):
            return None
        for _ in looks(timeout_s, f"There is no verdict by {self.id}"):
            if self.data["verdict"]:
                return self.data["verdict"]
            self.refresh()
        return None

    def publish(self) -> Run:
        """Show its report to the whole lab, on the showcase."""
        return self._set_published("PUT")

    def withdraw(self) -> Run:
        """Take its report back from the showcase."""
        return self._set_published("DELETE")

    def changes(self) -> list[dict]:
        """What happened to it, and who did it: ``at``, ``who``, ``what``, ``detail``."""
        return self._http.get(f"{self._path()}/changes")["changes"]

    def log(self) -> str:
        """What its container has said."""
        with self._http.stream(f"{self._path()}/log") as response:
            return response.read().decode("utf-8", "replace")

    def files(self) -> list[dict]:
        """What is kept of it: ``path`` and ``bytes`` of each file."""
        return self._http.get(f"{self._path()}/files")["files"]

    def download(
        self,
        folder: str | Path | None = None,
        names: tuple[str, ...] = (),
        on_bytes: Progress | None = None,
    ) -> list[Path]:
        """Copy what is kept into a folder, named like the run without one; see `download`."""
        return download(self._http, self.id, Path(folder or self.id), names, on_bytes)

    def _path(self) -> str:
        return f"runs/{self.id}"

    def _set_published(self, method: str) -> Run:
        self.data = self._http.call(method, f"{self._path()}/published")
        return self

    def _again(self, what: str, body: dict) -> Run:
        # Neither has a key by which the service would know a repetition.
        answer = self._http.call("POST", f"{self._path()}/{what}", json=body, repeatable=False)
        return Run(self._http, answer["run"])


def looks(timeout_s: float | None, what: str) -> Iterator[None]:
    """Times to look again: soon at first, then less often; raises `TimeoutError`."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    pause = FIRST_LOOK_S
    while True:
        yield
        if end is not None and time.monotonic() + pause > end:
            raise TimeoutError(f"{what} after {timeout_s:g} s.")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK_S)
