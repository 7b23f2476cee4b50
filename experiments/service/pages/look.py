"""Renders pages in the hub's look: its style sheets, its bar, its choice of light and dark.

Invariant: templates escape everything; what a notebook made is never put into a page of ours,
only linked or framed from answers that carry their own sandbox. The word that lets a page change
something is in whole pages alone, and those are given to navigations alone.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from cohort.errors import Refusal
from cohort.service.callers import Caller
from experiments.service.pages.words import FILTERS
from experiments.service.shapes import PREFIX

HERE = Path(__file__).parent
# Where images/hub/package.json has it installed.
ECHARTS = Path("/opt/proxy/node_modules/echarts/dist/echarts.min.js")
# Scripts of ours alone; frames for reports, which bring a sandbox of their own.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-src 'self'; frame-ancestors 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Asked for again each time, answered by 304: an upgraded lab never mixes old scripts with new.
STATIC = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
LIVE = "live"  # the block that a page asks for again to stay current


def make_templates() -> Environment:
    """The templates of this folder, with escaping on and undefined names refused."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.globals["prefix"] = PREFIX
    environment.globals["api"] = f"{PREFIX}/api/v1"
    return environment


TEMPLATES = make_templates()


def page(request: Request, template: str, caller: Caller | None, **values) -> Response:
    """Render a page for a caller, or its live block alone if that is what it asks for again.

    The whole page is refused to scripts and frames.
    """
    context = request.app.state.context
    values |= {"lab": context.settings.lab, "caller": caller, "path": request.url.path}
    found = TEMPLATES.get_template(template)
    if request.headers.get("x-part") == LIVE and LIVE in found.blocks:
        block = found.blocks[LIVE](found.new_context(values | {"xsrf": ""}))
        return HTMLResponse("".join(block), headers=HEADERS)
    context.sessions.check_navigation(request)
    html = found.render(**values, xsrf=context.sessions.word(request) or "")
    return HTMLResponse(html, headers=HEADERS)


async def sentence(request: Request, text: str, status: int) -> Response:
    """A page that says one sentence, to whoever it is."""
    context = request.app.state.context
    try:
        caller = await context.sessions.caller(request)
    except Refusal:
        caller = None
    html = TEMPLATES.get_template("sentence.html").render(
        lab=context.settings.lab, caller=caller, xsrf="", path=request.url.path,
        text=text, status=status,
    )  # fmt: skip
    return HTMLResponse(html, status, headers=HEADERS)


class _Files(StaticFiles):
    """Files that browsers ask after before they use them again."""

    def file_response(self, *args, **kwargs) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers.update(STATIC)
        return answer


def mount_static(app: FastAPI, prefix: str) -> None:
    """Scripts and styles, and the library that draws charts."""
    charts = _Files(directory=ECHARTS.parent, check_dir=False)

    @app.get(f"{prefix}/static/vendor/echarts.min.js", include_in_schema=False)
    async def echarts(request: Request) -> Response:
        return await charts.get_response(ECHARTS.name, request.scope)

    app.mount(f"{prefix}/static", _Files(directory=HERE / "static"), name="static")
