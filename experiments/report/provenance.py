"""The one record of where a run's numbers come from.

Invariant: the record is JSON that stands by itself, needs no table to be read, names secrets
and holds none of their values. What the container said of itself is under ``environment``,
``machine`` and ``seed``; all else is what the lab knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from experiments.report.result import Environment, RunnerResult
from experiments.snapshots import Manifest
from experiments.tables import Run, RunChange

VERSION = 1


@dataclass(frozen=True)
class Evidence:
    """What a record is made from beside the run's row.

    ``handed_in_by`` and ``git`` are of the hand-in that the run came of, ``result`` is None if
    the runner left none, ``inputs`` come from `hash_inputs`, ``changes`` are the run's history in
    order, ``left_out`` says what the collection left out.
    """

    manifest: Manifest
    handed_in_by: str | None = None
    git: Mapping | None = None
    result: RunnerResult | None = None
    inputs: Sequence[dict] = ()
    changes: Sequence[RunChange] = ()
    left_out: Sequence[str] = ()


def build_record(run: Run, evidence: Evidence) -> dict:
    """The record of a run that has ended."""
    result, manifest = evidence.result, evidence.manifest
    said = result.environment if result else Environment()
    hashes = {file.path: file.sha256 for file in manifest.files}
    return {
        "version": VERSION,
        "run": {
            "id": run.id,
            "title": run.title,
            "owner": run.owner,
            "author": run.author,
            "attempt": run.attempt,
            "sweep": run.sweep_id,
            "schedule": run.schedule_id,
            "verify_of": run.verify_of,
            "fingerprint": run.fingerprint,
        },
        "outcome": {
            "state": run.state,
            "reason": run.reason,
            "message": run.message,
            "cells_total": run.cells_total,
            "cells_done": run.cells_done,
        },
        "times": _times(run),
        "notebook": {"path": run.notebook, "sha256": hashes.get(run.notebook)},
        "snapshot": {
            "hash": run.snapshot,
            "files": len(manifest.files),
            "bytes": manifest.bytes,
            "handed_in_by": evidence.handed_in_by,
        },
        "git": _git(evidence.git),
        "parameters": dict(run.parameters),
        "secrets": list(run.secret_names or ()),
        "seed": result.seed if result else None,
        "metrics": dict(result.metrics) if result else {},
        "image": {"name": run.image, "digest": run.image_digest},
        "kernel": run.kernel,
        "environment": {"python": said.python, "packages": dict(sorted(said.packages.items()))},
        "machine": {
            "cpu": said.cpu,
            "cores": said.cores,
            "gpu": list(said.gpu),
            "driver": said.driver,
            "devices": list(run.devices or ()),
        },
        "limits": {
            "cpus": run.cpus,
            "memory_bytes": run.memory_bytes,
            "gpus": run.gpus,
            "time_limit_s": run.time_limit_s,
            "cell_limit_s": run.cell_limit_s,
            "network": run.network,
        },
        "inputs": list(evidence.inputs),
        "history": [
            {"at": _iso(c.at), "who": c.who, "what": c.what, "detail": c.detail}
            for c in evidence.changes
        ],
        "left_out": [
            *(f"{file.path} ({file.why})" for file in (result.left_out if result else ())),
            *evidence.left_out,
        ],
    }


def _git(facts: Mapping | None) -> dict | None:
    if not facts:
        return None
    patch = facts.get("patch")
    digest = hashlib.sha256(patch.encode()).hexdigest() if patch else None
    return {
        "commit": facts.get("commit"),
        "branch": facts.get("branch"),
        "dirty": facts.get("dirty"),
        "patch": patch,
        "patch_sha256": digest,
    }


def _times(run: Run) -> dict:
    seconds = None
    if run.started_at and run.ended_at:
        seconds = round((run.ended_at - run.started_at).total_seconds(), 3)
    return {
        "asked": _iso(run.created_at),
        "started": _iso(run.started_at),
        "ended": _iso(run.ended_at),
        "seconds": seconds,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
