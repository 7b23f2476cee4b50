"""Feedback as pages: what nbgrader made of a notebook that a student wrote.

Invariant: it leaves here in a sandbox, an origin of its own with no network, whoever looks at it.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse, StreamingResponse

from grading.errors import GradingError
from grading.service.api.archives import SAFE, chunks
from grading.service.api.common import In, Name, Parts, PathId
from grading.service.api.feedback import latest
from grading.service.pages.look import PREFIX, page

router = APIRouter(prefix="/courses/{course}/assignments/{assignment}")

SHOWN = {
    **SAFE,
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; img-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; media-src data:; "
    "frame-ancestors 'none'",
}


@router.get("/submissions/{submission}/feedback")
def contents(
    request: Request, context: Parts, who: In, assignment: Name, submission: PathId
) -> Response:
    """The pages that were handed back last; of one alone, that page itself."""
    found = latest(context, who, assignment, submission)
    names = [n for n in context.contents.folder(found.sha256).paths if n.endswith(".html")]
    here = f"{PREFIX}/courses/{who.course.id}/assignments/{assignment}/submissions/{submission}"
    if len(names) == 1:
        context.sessions.check_navigation(request)
        return RedirectResponse(f"{here}/feedback/0", 303)
    return page(
        request, "feedback.html", who.caller, course=who.course, assignment=assignment,
        names=names, here=here,
    )  # fmt: skip


@router.get("/submissions/{submission}/feedback/{number}")
def one(context: Parts, who: In, assignment: Name, submission: PathId, number: int) -> Response:
    """One of the pages by its number, sandboxed."""
    found = latest(context, who, assignment, submission)
    folder = context.contents.folder(found.sha256)
    pages = [file for file in folder.files if file.path.endswith(".html")]
    if not 0 <= number < len(pages):
        raise GradingError("There is no such page in this feedback.", code="unknown", status=404)
    file = context.contents.open(pages[number])
    return StreamingResponse(
        chunks(file), media_type="text/html; charset=utf-8", headers=SHOWN
    )  # fmt: skip
