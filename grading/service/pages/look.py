"""Renders pages in the hub's look: its style sheets, its bar, its choice of light and dark.

Invariant: templates escape everything; what a notebook made is never put into a page of ours,
only linked as an answer that carries its own sandbox. No page changes anything.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from cohort.errors import Refusal
from cohort.service.callers import Caller

PREFIX = "/services/grading"
HERE = Path(__file__).parent
# Where images/hub/package.json has it installed.
ECHARTS = Path("/opt/proxy/node_modules/echarts/dist/echarts.min.js")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Asked for again each time, answered by 304: an upgraded lab never mixes old scripts with new.
STATIC = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def points(value: float) -> str:
    """Points as people write them: ``7``, ``7.5``."""
    return f"{round(value, 2):.12g}"


def late(seconds: int) -> str:
    """How late something was, in the largest unit that is whole."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'} late"
    return "late"


def moment(at: datetime) -> str:
    """A time for a program to read; the page's script writes it in the reader's own zone."""
    return at.isoformat(timespec="seconds")


def make_templates() -> Environment:
    """The templates of this folder, with escaping on and undefined names refused."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "late": late, "moment": moment}
    environment.globals["prefix"] = PREFIX
    return environment


TEMPLATES = make_templates()


def page(request: Request, template: str, caller: Caller | None, **values) -> Response:
    """Render a page for a caller; refused to scripts and frames."""
    context = request.app.state.context
    context.sessions.check_navigation(request)
    html = TEMPLATES.get_template(template).render(
        **values, lab=context.settings.lab, caller=caller
    )
    return HTMLResponse(html, headers=HEADERS)


async def sentence(request: Request, text: str, status: int) -> Response:
    """A page that says one sentence, to whoever it is."""
    context = request.app.state.context
    try:
        caller = await context.sessions.caller(request)
    except Refusal:
        caller = None
    html = TEMPLATES.get_template("sentence.html").render(
        lab=context.settings.lab, caller=caller, text=text
    )
    return HTMLResponse(html, status, headers=HEADERS)


class _Files(StaticFiles):
    """Files that browsers ask after before they use them again."""

    def file_response(self, *args, **kwargs) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers.update(STATIC)
        return answer


def mount_static(app: FastAPI) -> None:
    """Scripts and styles, and the library that draws charts."""
    charts = _Files(directory=ECHARTS.parent, check_dir=False)

    @app.get(f"{PREFIX}/static/vendor/echarts.min.js", include_in_schema=False)
    async def echarts(request: Request) -> Response:
        return await charts.get_response(ECHARTS.name, request.scope)

    app.mount(f"{PREFIX}/static", _Files(directory=HERE / "static"), name="static")
