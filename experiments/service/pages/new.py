"""A new run: the form that a notebook's parameters make, or a place to hand a notebook in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from cohort.service.callers import Caller
from experiments.offer import people
from experiments.queue import check_snapshot
from experiments.requests import Notify, RunRequest
from experiments.search import tags_of
from experiments.service import access
from experiments.service.api.common import Parts, Who, find_run
from experiments.service.api.runs import Text
from experiments.service.context import Context
from experiments.service.pages.fields import Field, field_of
from experiments.service.pages.look import page
from experiments.service.submission import MIB, parameters_in
from experiments.snapshots import CAPS

router = APIRouter()

PRESETS = [
    ("0 2 * * *", "every night at 2:00"),
    ("0 8 * * 1-5", "on weekdays at 8:00"),
    ("0 * * * *", "every hour"),
    ("*/15 * * * *", "every quarter of an hour"),
    ("0 6 * * 1", "on Mondays at 6:00"),
    ("0 3 1 * *", "on the first of each month at 3:00"),
]
NOTEBOOKS = 500  # of a snapshot, to choose from


class Wanted(BaseModel):
    """What the address says: a notebook of a snapshot, or an earlier run."""

    snapshot: Text = ""
    notebook: Text = ""
    owner: Text = ""
    run: Text = ""


@dataclass(frozen=True)
class Begun:
    """What the form begins with: a snapshot, or an earlier run to be changed."""

    owner: str
    snapshot: str
    notebook: str
    values: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)  # of `RunRequest`, beside its defaults


@router.get("/new")
def new(
    request: Request, context: Parts, caller: Who, wanted: Annotated[Wanted, Query()]
) -> Response:
    """The form, if it is known of what; else where to hand a notebook in."""
    if wanted.run:
        begun = _again(context, caller, wanted.run)
    else:
        begun = Begun(wanted.owner, wanted.snapshot, wanted.notebook)
    owners = [(account, people(account)) for account in caller.accounts]
    if not begun.snapshot:
        return page(request, "upload.html", caller, owners=owners, owner=begun.owner, caps=CAPS)
    access.check_owner(caller, begun.owner)
    with context.reading() as session:
        check_snapshot(session, begun.snapshot, begun.owner)
    if not begun.notebook:
        return page(
            request, "choose.html", caller, begun=begun,
            notebooks=_notebooks(context, begun.snapshot),
        )  # fmt: skip
    return page(request, "new.html", caller, begun=begun, **_form(context, begun))


def _form(context: Context, begun: Begun) -> dict[str, Any]:
    parameters = parameters_in(context, begun.snapshot, begun.notebook)
    fields = [field_of(parameter, begun.values) for parameter in parameters]
    defaults = {name: one.default for name, one in RunRequest.model_fields.items()}
    return {
        "fields": fields,
        "sample": _sample(fields),
        "title": people(begun.owner),
        "run": defaults | begun.fields,
        "total": context.offer.total,
        "images": list(context.offer.images),
        "network": begun.owner in context.offer.network_owners,
        "presets": PRESETS,
        "zones": zones(),
        "zone": str(context.offer.zone),
    }


def _sample(fields: list[Field]) -> str:
    """How a list of members may begin: a few parameters, and a row of what they are."""
    plain = [one for one in fields if one.shape != "secret" and not {*one.text} & {*",;\t\n"}]
    shown = plain[:3]
    return "\n".join([",".join(one.name for one in shown), ",".join(one.text for one in shown)])


@cache
def zones() -> list[str]:
    """Time zones by the names of places, without the abbreviations beside them."""
    return sorted(zone for zone in available_timezones() if "/" in zone)


def _notebooks(context: Context, snapshot: str) -> list[str]:
    files = context.snapshots.manifest(snapshot).files
    return [file.path for file in files if file.path.endswith(".ipynb")][:NOTEBOOKS]


def _again(context: Context, caller: Caller, run_id: str) -> Begun:
    """An earlier run's own request, to be changed and submitted."""
    with context.reading() as session:
        run = find_run(session, caller, run_id, access.may_use)
        tags = tags_of(session, [run.id])[run.id]
    copied = ("title", "cpus", "gpus", "time_limit_s", "cell_limit_s", "image", "network", "kernel")
    fields = {name: getattr(run, name) for name in copied}
    memory = _size(-(-run.memory_bytes // MIB))
    return Begun(
        run.owner, run.snapshot, run.notebook, dict(run.parameters),
        fields | {"memory": memory, "tags": tags, "notify": Notify(**(run.notify or {}))},
    )  # fmt: skip


def _size(mib: int) -> str:
    """A size as people write it: 2G, 512M."""
    return f"{mib}M" if mib % 1024 else f"{mib // 1024}G"
