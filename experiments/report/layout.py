"""Cells of a notebook as HTML, by nbconvert; runs in a worker.

Invariant: the result is a fragment that needs nothing from anywhere. What only a script from
elsewhere could draw (widgets, Mermaid) is left to its plain text. The notebook's own HTML and
scripts are in it as they are: the page around it must be served in a sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import InvalidNotebook, MarkdownWithMath
from nbformat import from_dict

from experiments.report.formulas import FormulaRenderer, with_formulas

TEMPLATES = Path(__file__).parent / "templates"
SHOWN = [
    "text/html",
    "application/javascript",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/latex",
    "text/plain",
]
TEXTS = ("text/plain", "text/markdown", "text/latex")
MAX_TEXT = 200_000  # characters of one output; a browser stalls on more, and nobody reads it
MAX_OUTPUT = 16 << 20  # of what cannot be cut, in characters


class CellsExporter(HTMLExporter):
    """nbconvert's exporter with a template that has cells and no page around them."""

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """See nbconvert; a cell that it cannot lay out is shown as it was written."""
        attachments = context["cell"].get("attachments", {})
        renderer = FormulaRenderer(
            escape=False, attachments=attachments, exclude_anchor_links=self.exclude_anchor_links
        )
        try:
            return MarkdownWithMath(renderer=renderer).render(source)
        except (InvalidNotebook, RecursionError):
            return f"<pre>{escape(source)}</pre>"

    def from_notebook_node(self, nb, resources=None, **kw):
        """See nbconvert. Its own version parses and rewrites the whole page afterwards.

        That is there for alternative texts, which our template writes itself, and would cost
        seconds and gigabytes on a large page.
        """
        lexer = nb.metadata.language_info.name
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer=lexer, parent=self))
        self.register_filter("filter_data_type", shown_type)
        self.register_filter("with_formulas", with_formulas)
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)


def shown_type(data: dict) -> list[str]:
    """The richest type of an output that we can show, as the only item; [] if there is none."""
    return [mime for mime in SHOWN if mime in data][:1]


@cache
def _exporter(code: bool) -> CellsExporter:
    return CellsExporter(
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="cells",
        exclude_input=not code,
        exclude_input_prompt=not code,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        optimistic_validation=True,
    )


def lay_out(notebook: dict, *, code: bool) -> str:
    """HTML of the cells of what `read_notebook` returned. Raises what nbconvert raises."""
    cells = [_bounded(cell) for cell in notebook["cells"]]
    html, _ = _exporter(code).from_notebook_node(from_dict({**notebook, "cells": cells}))
    return html


def _bounded(cell: dict) -> dict:
    """The cell with nothing longer in it than a page can bear."""
    cell = {**cell, "source": _cut_text(cell["source"])}
    if "outputs" in cell:
        outputs = (output for output in cell["outputs"] if _shows(output))
        cell["outputs"] = [_cut(output) for output in _merged(outputs)]
    return cell


def _merged(outputs: Iterable[dict]) -> Iterator[dict]:
    """Each stream in one piece, lines that rewrite themselves as they were at last.

    nbconvert's preprocessor for it takes quadratic time on a long line.
    """
    for (kind, name), group in groupby(outputs, key=lambda o: (o["output_type"], o.get("name"))):
        if kind != "stream":
            yield from group
            continue
        lines = "".join(output["text"] for output in group).split("\n")
        text = "\n".join(line.removesuffix("\r").rpartition("\r")[2] for line in lines)
        yield {"output_type": "stream", "name": name, "text": text}


def _shows(output: dict) -> bool:
    """Whether there is anything to see: a recorded metric has nothing, the head shows it."""
    return "data" not in output or bool(shown_type(output["data"]))


def _cut(output: dict) -> dict:
    if output["output_type"] == "stream":
        return {**output, "text": _cut_text(output["text"])}
    if output["output_type"] == "error":
        return {**output, "traceback": [_cut_text(line) for line in output["traceback"][-200:]]}
    mime = shown_type(output["data"])[0]
    value = output["data"][mime]
    if mime in TEXTS:
        value = _cut_text(value)
    elif len(value) > MAX_OUTPUT:
        mime, value = "text/plain", "(too large to be shown here; the notebook has it)"
    return {**output, "data": {mime: value}}


def _cut_text(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    left_out = f"{len(text) - MAX_TEXT:,} characters are left out here; the notebook has them"
    return f"{text[:half]}\n\n… {left_out} …\n\n{text[-half:]}"
