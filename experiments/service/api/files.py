"""What is kept of a run: its notebook, report, outputs, log, record.

Invariant: what a notebook made leaves here in a sandbox or as an attachment, from the run's own
folder; an address cannot lead out of it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, BackgroundTasks, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from experiments.errors import ExperimentError
from experiments.live_files import open_regular
from experiments.report.collect import read_collected
from experiments.report.crate import Contents, write_crate
from experiments.report.html import SANDBOX
from experiments.retention import count_kept
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.context import Context
from experiments.states import ENDED
from experiments.tables import Run

router = APIRouter(prefix="/runs/{run_id}", tags=["files"], responses=REFUSALS)

OURS = ("report.html", "report-nocode.html", "report.pdf", "provenance.json")
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store"}  # fmt: skip
ATTACHMENT = {**SAFE, "Content-Security-Policy": "sandbox"}
REPORT = {
    **SAFE,
    "Content-Security-Policy": f"{SANDBOX}; default-src 'none'; img-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; media-src data:; "
    "frame-ancestors 'self'",
}
LOG_BYTES = 2 << 20


class File(BaseModel):
    """A file that is kept, by its path."""

    path: str
    bytes: int


class Files(BaseModel):
    """All that is kept, and what was left out, with the reason."""

    files: list[File]
    left_out: list[str]


@router.get("/files")
def files(context: Parts, caller: Who, run_id: str) -> Files:
    """What is kept of a run."""
    kept = kept_folder(context, find(context, caller, run_id))
    collected = read_collected(kept)
    ours = [File(path=n, bytes=(kept / n).stat().st_size) for n in OURS if (kept / n).exists()]
    theirs = collected.files if collected else {}
    return Files(
        files=ours + [File(path=path, bytes=size) for path, size in sorted(theirs.items())],
        left_out=collected.left_out if collected else [],
    )


@router.get("/files/{path:path}", response_class=FileResponse)
def file(context: Parts, caller: Who, run_id: str, path: str) -> Response:
    """One file, as an attachment."""
    return attachment(kept_folder(context, find(context, caller, run_id)), path)


@router.get("/notebook", response_class=FileResponse)
def notebook(context: Parts, caller: Who, run_id: str) -> Response:
    """The executed notebook, as an attachment."""
    run = find(context, caller, run_id)
    name = f"{run_id}-{Path(run.notebook).name}"
    return attachment(kept_folder(context, run), "notebook.ipynb", name)


@router.get("/report", response_class=Response)
def report(context: Parts, caller: Who, run_id: str, code: bool = True) -> Response:
    """The report as a page, sandboxed."""
    kept = kept_folder(context, find(context, caller, run_id))
    path = inside(kept, "report.html" if code else "report-nocode.html")
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=REPORT)


@router.get("/report.pdf", response_class=FileResponse)
def pdf(context: Parts, caller: Who, run_id: str) -> Response:
    """The report as PDF; printed when it is first asked for."""
    run = find(context, caller, run_id)
    kept = kept_folder(context, run)
    if not (kept / "report.pdf").exists():
        context.press.make(inside(kept, "report.html"), kept, "report.pdf")
        count_kept(context.database, run_id, kept)
    return attachment(kept, "report.pdf", f"{run_id}.pdf")


@router.get("/crate.zip", response_class=FileResponse)
def crate(context: Parts, caller: Who, run_id: str, after: BackgroundTasks) -> Response:
    """Everything as an RO-Crate: what was run, with what, and what came of it."""
    run = find(context, caller, run_id)
    kept = kept_folder(context, run)
    if run.provenance is None:
        missing("provenance record")
    folder = tempfile.TemporaryDirectory(prefix="crate-")
    after.add_task(folder.cleanup)
    manifest = context.snapshots.manifest(run.snapshot)
    collected = read_collected(kept)
    contents = Contents(
        kept=kept,
        files=[*(collected.files if collected else ()),
               *(name for name in OURS if (kept / name).exists())],
        sources=[entry.path for entry in manifest.files],
        open_source=lambda path: context.snapshots.open_file(run.snapshot, path),
    )  # fmt: skip
    target = Path(folder.name) / "crate.zip"
    write_crate(target, run.provenance, contents)
    return FileResponse(
        target, media_type="application/zip", filename=f"{run_id}.crate.zip", headers=ATTACHMENT
    )


@router.get("/provenance")
def provenance(context: Parts, caller: Who, run_id: str) -> dict[str, Any]:
    """Where the numbers come from."""
    run = find(context, caller, run_id)
    if run.provenance is None:
        missing("provenance record")
    return run.provenance


@router.get("/log", response_class=Response)
def log(
    context: Parts, caller: Who, run_id: str,
    tail: Annotated[int, Query(ge=1, le=LOG_BYTES)] = LOG_BYTES,
) -> Response:  # fmt: skip
    """What the run's container printed: of one that runs, up to now."""
    run = find(context, caller, run_id)
    if run.state in ENDED:
        path = context.folders.kept(run.id) / "log.txt"
        data = path.read_bytes()[-tail:] if path.exists() else b""
    else:
        data = context.engine.logs(run.container, tail) if run.container else b""
    text = data.decode("utf-8", "replace")
    return Response(text, media_type="text/plain; charset=utf-8", headers=ATTACHMENT)


def find(context: Context, caller, run_id: str) -> Run:
    """The run, if the caller may read it."""
    with context.reading() as session:
        return find_run(session, caller, run_id)


def kept_folder(context: Context, run: Run) -> Path:
    """The folder of what is kept; refused while there is none, and when it is gone."""
    if run.removed_at is not None:
        raise ExperimentError(
            "The files of this run were removed, as the lab's rules say; its record is kept.",
            code="files_removed",
            status=410,
        )
    if run.state not in ENDED:
        raise ExperimentError(
            f"The run is {run.state}: its files are there when it has ended.",
            code="not_ended",
            status=409,
        )
    folder = context.folders.kept(run.id)
    if not folder.is_dir():
        missing("file")
    return folder


def inside(folder: Path, path: str) -> Path:
    """A regular file of a folder; a 404 for anything else, links and ways out included."""
    try:
        found = (folder / path).resolve()
        if found.is_relative_to(folder.resolve()):
            open_regular(found).close()
            return found
    except (OSError, ValueError, RuntimeError):  # the last: links that lead in a circle
        pass
    missing("file")


def missing(what: str):
    """Say that there is none."""
    raise ExperimentError(f"This run has no such {what}.", code="file_missing", status=404)


def attachment(folder: Path, path: str, name: str = "") -> Response:
    """A file to be saved, whatever it holds."""
    found = inside(folder, path)
    quoted = quote(name or found.name, safe="")
    headers = {**ATTACHMENT, "Content-Disposition": f"attachment; filename*=utf-8''{quoted}"}
    return FileResponse(found, media_type="application/octet-stream", headers=headers)
