"""Who may see and do what with runs, sweeps and schedules.

Invariant: this module alone decides; what somebody may not see is, to them, not there.

A run belongs to its owner, a team's account or a person's. Its members use it; mentors of the
team and all instructors see it; operators see that it is there, what it takes and how it ended,
and can stop it, but read nothing that it holds. The report of a run that was published is read
by the whole lab.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from cohort.service.callers import Caller
from experiments.errors import ExperimentError
from experiments.states import ENDED, TELLING
from experiments.tables import Run

ALL = {"instructor", "operator"}


class Owned(Protocol):
    """A run, a sweep or a schedule."""

    owner: str


def visible_owners(caller: Caller) -> frozenset[str] | None:
    """Whose runs a caller finds in lists; None: everybody's."""
    if caller.role in ALL:
        return None
    return frozenset((*caller.accounts, *caller.advised))


def readable_owners(caller: Caller) -> frozenset[str] | None:
    """Whose runs a caller may read; None: everybody's."""
    if caller.role == "instructor":
        return None
    return frozenset((*caller.accounts, *caller.advised))


def may_use(caller: Caller, thing: Owned) -> bool:
    """Whether they may submit for its owner, change it, and ask for more of it."""
    return thing.owner in caller.accounts


def may_see(caller: Caller, thing: Owned) -> bool:
    """Whether they know that it is there, and how it ended."""
    owners = visible_owners(caller)
    return owners is None or thing.owner in owners


def may_read(caller: Caller, thing: Owned) -> bool:
    """Whether they may read what it holds: notebook, report, outputs, parameters' values."""
    return may_use(caller, thing) or thing.owner in caller.advised or caller.role == "instructor"


def may_read_published(caller: Caller | None, run: Run, *, guests: bool = False) -> bool:
    """Whether they may read its report and its metrics, and no more of it, once it is published.

    Whoever is logged in may, of other teams too; nobody in particular (no caller) only where the
    lab lets ``guests`` in.
    """
    shown = run.published_at is not None and run.removed_at is None
    return shown and (caller is not None or guests)


def may_cancel(caller: Caller, thing: Owned) -> bool:
    """Whether they may stop it."""
    return may_use(caller, thing) or caller.role == "operator"


def actions(caller: Caller, run: Run) -> list[str]:
    """What the caller may do with a run as it is now."""
    may = []
    if run.state not in ENDED and run.cancel_by is None and may_cancel(caller, run):
        may.append("cancel")
    if may_use(caller, run) and run.state in ENDED:
        may.append("retry")
        if run.state in TELLING and run.removed_at is None and run.verify_of is None:
            may += ["verify", "publish" if run.published_at is None else "withdraw"]
    return may


def check_owner(caller: Caller, owner: str) -> str:
    """The account in whose name something is asked for; refused if it is not the caller's."""
    if owner not in caller.accounts:
        raise ExperimentError(
            f"You cannot submit for {owner[:80]}: choose one of {', '.join(caller.accounts)}.",
            code="owner_not_yours",
            status=403,
            field="owner",
        )
    return owner


def unknown(what: str, name: str) -> NoReturn:
    """Say that there is no such thing; the same whether there is none or it is not theirs."""
    raise ExperimentError(
        f"There is no {what} {name[:40]} that you may see.", code=f"{what}_unknown", status=404
    )
