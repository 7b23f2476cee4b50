"""Filters of nbconvert's pages that make students' HTML harmless.

nbgrader's templates show Markdown as it is, and nbconvert's own cleaning knows neither headings
nor paragraphs. Both names are taken by these, for formgrader, whose page can do all that the
instructor can, and for feedback.

Invariant: what comes out has the tags and attributes that are listed here, and no others.
"""

from __future__ import annotations

import bleach
from bleach.css_sanitizer import CSSSanitizer
from nbconvert.filters import markdown2html_mistune

TAGS = frozenset(
    {
        "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del",
        "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins",
        "kbd", "li", "mark", "ol", "p", "pre", "s", "samp", "small", "span", "strong", "sub",
        "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
    }
)  # fmt: skip
ATTRIBUTES = {
    "*": ["class", "style", "title"],
    "a": ["href"],
    "img": ["alt", "height", "src", "width"],
    "ol": ["start"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
# An address of elsewhere would tell its owner who looked at it, and when.
PROTOCOLS = frozenset({"data", "https", "mailto"})
STYLES = CSSSanitizer(
    allowed_css_properties=[
        "background-color", "border", "color", "font-style", "font-weight", "text-align",
        "text-decoration", "vertical-align", "white-space", "width",
    ]
)  # fmt: skip


def clean(source: object) -> str:
    """HTML with nothing in it that could run or reach out; in place of ``clean_html``."""
    text = source.decode(errors="replace") if isinstance(source, bytes) else str(source)
    return bleach.clean(
        text, tags=TAGS, attributes=_is_allowed, protocols=PROTOCOLS, css_sanitizer=STYLES
    )


def markdown(source: str) -> str:
    """Clean HTML of Markdown; in place of ``markdown2html``."""
    return clean(markdown2html_mistune(source))


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith("data:image/")
    return name in ATTRIBUTES["*"] or name in ATTRIBUTES.get(tag, ())
