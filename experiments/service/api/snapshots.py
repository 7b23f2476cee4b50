"""Snapshots: handing in a notebook's folder, and reading its parameters."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form, UploadFile
from pydantic import BaseModel

from experiments import hand_ins
from experiments.errors import ExperimentError
from experiments.queue import check_snapshot
from experiments.service import access
from experiments.service.api.common import REFUSALS, Parts, Who
from experiments.service.shapes import ParameterShape, parameter_shape
from experiments.service.submission import parameters_in

router = APIRouter(prefix="/snapshots", tags=["snapshots"], responses=REFUSALS)

GIT_CHARACTERS = 6_100_000  # a patch of 1 MB, as JSON writes it at worst
GIT_FIELDS = {"commit", "branch", "patch", "dirty", "remote"}


class SnapshotShape(BaseModel):
    """A snapshot by its hash."""

    hash: str
    files: int
    bytes: int


class Parameters(BaseModel):
    """The parameters of a notebook, in its own order."""

    notebook: str
    parameters: list[ParameterShape]


@router.post("", status_code=201, form_limits={"max_part_size": GIT_CHARACTERS, "max_files": 1})
def hand_in(
    context: Parts,
    caller: Who,
    archive: UploadFile,
    owner: Annotated[str, Form(max_length=255)],
    git: Annotated[str, Form(max_length=GIT_CHARACTERS)] = "",
) -> SnapshotShape:
    """Keep a folder, a tar.gz of it, as it is now; acknowledged once it is safe on disk."""
    access.check_owner(caller, owner)
    by = hand_ins.By(owner, caller.login, _git(git))
    now = context.offer.now()
    kept = hand_ins.hand_in(context.database, context.snapshots, archive.file, by, now)
    return SnapshotShape(hash=kept.hash, files=len(kept.files), bytes=kept.bytes)


@router.get("/{snapshot}/parameters")
def parameters(context: Parts, caller: Who, snapshot: str, owner: str, notebook: str) -> Parameters:
    """What the form of a run asks for."""
    access.check_owner(caller, owner)
    with context.reading() as session:
        check_snapshot(session, snapshot, owner)
    found = parameters_in(context, snapshot, notebook)
    return Parameters(notebook=notebook, parameters=[parameter_shape(p) for p in found])


def _git(text: str) -> dict | None:
    try:
        facts = json.loads(text) if text else None
    except (ValueError, RecursionError):
        facts = False
    known = isinstance(facts, dict) and all(
        name in GIT_FIELDS and (value is None or isinstance(value, str | bool))
        for name, value in facts.items()
    )
    if facts is not None and not known:
        raise ExperimentError(
            'The field "git" is not valid: expected a JSON object with commit, branch and patch.',
            code="request_invalid", field="git",
        )  # fmt: skip
    return facts
