"""Lists of runs: the front page and the gallery."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from cohort.service.callers import Caller
from experiments.offer import people
from experiments.service import access
from experiments.service.api.common import Parts, Who
from experiments.service.api.queue import queue_for
from experiments.service.api.runs import Search, Text, find_for
from experiments.service.pages.look import page
from experiments.states import State

router = APIRouter()

PER_PAGE = 25
NOW = 5  # of what runs now, on the front page


class Asked(BaseModel):
    """A search as a form sends it: what is left empty is any."""

    owner: Text = ""
    author: Text = ""
    notebook: Text = ""
    tag: Text = ""
    text: Text = ""
    state: State | Literal[""] = ""
    after: Text = ""

    def search(self) -> Search:
        """The same, as the API asks it."""
        fields = self.model_dump(exclude={"state", "after"})
        states = [self.state] if self.state else []
        return Search(**fields, state=states, after=self.after or None, limit=PER_PAGE)

    @property
    def terms(self) -> dict[str, str]:
        """What was filled in, to be asked for again on the next page."""
        return {name: str(value) for name, value in self if value and name != "after"}


def owners_of(caller: Caller) -> list[tuple[str, str]] | None:
    """Accounts and names to choose from, of whom the caller sees runs; None: everybody's."""
    owners = access.visible_owners(caller)
    return None if owners is None else [(owner, people(owner)) for owner in sorted(owners)]


@router.get("/")
def front(
    request: Request, context: Parts, caller: Who, asked: Annotated[Asked, Query()]
) -> Response:
    """What runs now, and the latest runs that the caller may see."""
    queue = queue_for(context, caller)
    found = find_for(context, caller, asked.search())
    return page(
        request, "front.html", caller, queue=queue, now=queue.running[:NOW], runs=found.runs,
        next=found.next, asked=asked, owners=owners_of(caller), states=list(State),
    )  # fmt: skip


@router.get("/gallery")
def gallery(
    request: Request, context: Parts, caller: Who, asked: Annotated[Asked, Query()]
) -> Response:
    """Runs found by what they are about."""
    found = find_for(context, caller, asked.search())
    return page(
        request, "gallery.html", caller, runs=found.runs, next=found.next, asked=asked,
        owners=owners_of(caller), states=list(State),
    )  # fmt: skip
