"""Why a run waits, its place in the queue, and about when it should start.

Invariant: the words come from the very plan that admission follows, and tell nobody more of
another team's run than that it is there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cohort.gpus import Claim, GpuLedger, gpu_label
from experiments.admission import read_picture
from experiments.estimates import expected_starts
from experiments.offer import Offer, people
from experiments.planning import Decision, Entry, Picture, Wait, plan
from experiments.states import WORDS, Reason


@dataclass(frozen=True)
class Waiting:
    """What a run that waits is told: why, its place (from 1), about when it starts if known."""

    sentence: str
    place: int
    expected: datetime | None


def explain(
    session: Session, ledger: GpuLedger, claims: list[Claim], offer: Offer
) -> dict[str, Waiting]:
    """Explain every run that waits, by id; ``claims`` are the ledger's, from just before."""
    picture = read_picture(session, ledger, claims, offer)
    now = offer.now()
    decisions = plan(picture, offer.shares, now)
    starts = expected_starts(session, picture, decisions, offer.shares, now)
    words = _Words(picture, [c for c in claims if c.device in ledger.devices], offer, now)
    return {
        d.entry.id: Waiting(words.sentences(d), place, starts.get(d.entry.id))
        for place, d in enumerate(decisions, 1)
    }


class _Words:
    """Finds the words for one decision after another, in the order of the plan."""

    def __init__(self, picture: Picture, claims: list[Claim], offer: Offer, now: datetime) -> None:
        self.picture, self.claims, self.offer, self.now = picture, claims, offer, now
        self.before: Counter[str] = Counter()  # runs of each owner, so far

    def sentences(self, decision: Decision) -> str:
        owner, waits_for = decision.entry.owner, decision.waits_for
        before = self.before[owner]
        self.before[owner] += 1
        said = self._why(decision)
        if before and waits_for not in (None, Wait.TIME, Wait.EVER):
            said += f" {_runs(before)} of {people(owner)} {_are(before)} before it."
        return said

    def _why(self, decision: Decision) -> str:
        entry, shares = decision.entry, self.offer.shares
        said = "It starts in a moment."
        match decision.waits_for:
            case Wait.TIME:
                said = self._later(entry)
            case Wait.ROOM:
                said = self._no_room(entry, decision.lacking)
            case Wait.KEPT:
                said = self._kept(decision.kept_for)
            case Wait.OWNER:
                said = f"{_who(entry)} has {_runs(shares.running)} going, as many as it may."
            case Wait.OWNER_GPUS:
                said = f"{_who(entry)} may use {shares.gpus} of the lab's GPUs at once."
            case Wait.SWEEP:
                said = f"Its sweep has {_runs(entry.sweep_limit)} going, as many as it may."
            case Wait.SCHEDULE:
                said = "The run before it of the same schedule has not ended."
            case Wait.EVER:
                said = "The lab has become too small for it: cancel it, or ask the operator."
        return said

    def _kept(self, entry: Entry) -> str:
        since = self.offer.clock_time(entry.since)
        return f"Room is kept for a run of {people(entry.owner)} that has waited since {since}."

    def _later(self, entry: Entry) -> str:
        if entry.attempt == 0:
            return f"It is scheduled for {self.offer.clock_time(entry.since)}."
        why = f"{WORDS[Reason(entry.reason)]} " if entry.reason else ""
        seconds = round((entry.since - self.now).total_seconds())
        attempt = f"Attempt {entry.attempt + 1} of {entry.max_attempts}"
        return f"{why}{attempt} follows in {seconds} s."

    def _no_room(self, entry: Entry, lacking: tuple[str, ...]) -> str:
        what = lacking[0]
        free, need = self.picture.free, entry.need
        if what == "gpus" and self.claims:
            held = [f"{gpu_label(c.device)} is held by {c.holder}" for c in self.claims]
            return f"It needs {need.words(what)}: {', '.join(held)}."
        left = free.words(what)
        return (
            f"It needs {need.words(what)}; {left} {'is' if left.startswith('1 ') else 'are'} free."
        )


def _who(entry: Entry) -> str:
    name = people(entry.owner)
    return name[:1].upper() + name[1:]


def _runs(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
