"""Sweeps and schedules, as the service tells them: what makes runs.

Invariant: what one of these says of itself is one answer of the service; `refresh` asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Unpack

from experiments.client.asking import ScheduleChanges
from experiments.client.http import WATCHING, Http
from experiments.client.runs import looks
from experiments.states import ENDED


class Sweep:
    """Many runs of one notebook; ``data`` is what the service has said (the API's ``Sweep``)."""

    def __init__(self, http: Http, data: dict) -> None:
        self._http, self.data = http, data

    def __repr__(self) -> str:
        return f"<Sweep {self.id}: {self.members} runs>"

    @property
    def id(self) -> str:
        return self.data["id"]

    @property
    def members(self) -> int:
        return self.data["members"]

    @property
    def counts(self) -> dict[str, int]:
        """How many members are in which state."""
        return self.data["counts"]

    @property
    def done(self) -> int:
        """How many members have ended."""
        return sum(number for state, number in self.counts.items() if state in ENDED)

    def refresh(self) -> Sweep:
        """Ask for how it is now."""
        self.data = self._http.call("GET", f"sweeps/{self.id}", patience=WATCHING)
        return self

    def wait(
        self, timeout_s: float | None = None, on_look: Callable[[Sweep], None] | None = None
    ) -> Sweep:
        """Wait until all members have ended; raises `TimeoutError`, which leaves them going."""
        for _ in looks(timeout_s, f"{self.id} has not ended"):
            self.refresh()
            if on_look:
                on_look(self)
            if self.done >= self.members:
                break
        return self

    def cancel(self) -> Sweep:
        """Ask for every member that has not ended to be stopped."""
        self._http.call("POST", f"sweeps/{self.id}/cancel")
        return self.refresh()

    def run_missing(self, secrets: Mapping[str, str] | None = None) -> Sweep:
        """Submit again the members of which no run went well; secrets have to be given again."""
        # A member never has two runs that wait, run or went well, however often this is asked.
        self._http.call("POST", f"sweeps/{self.id}/missing", json={"secrets": dict(secrets or {})})
        return self.refresh()


class Schedule:
    """A run at each of the times of a cron expression; ``data`` as in the API's ``Schedule``."""

    def __init__(self, http: Http, data: dict) -> None:
        self._http, self.data = http, data

    def __repr__(self) -> str:
        return f"<Schedule {self.id}: {self.data['cron']} {self.data['timezone']}>"

    @property
    def id(self) -> str:
        return self.data["id"]

    def refresh(self) -> Schedule:
        """Ask for how it is now."""
        self.data = self._http.get(f"schedules/{self.id}")
        return self

    def pause(self) -> Schedule:
        """No more runs until it is resumed."""
        return self._post("pause")

    def resume(self) -> Schedule:
        """Go on with the next time."""
        return self._post("resume")

    def change(self, **changes: Unpack[ScheduleChanges]) -> Schedule:
        """Alter its title, its times or its rules; what is not named stays."""
        self.data = self._http.call("PATCH", f"schedules/{self.id}", json=changes)
        return self

    def remove(self) -> None:
        """No more runs; those that there are stay."""
        self._http.call("DELETE", f"schedules/{self.id}")

    def _post(self, what: str) -> Schedule:
        self._http.call("POST", f"schedules/{self.id}/{what}")
        return self.refresh()
