"""Formulas that are written in TeX, as MathML, which browsers draw without a script.

Invariant: what is returned holds elements and attributes that are named here and escaped text,
whatever the formula says. One that cannot be read to its end stays as it was written: a formula
of which a part is missing is another formula.
"""

from __future__ import annotations

import re
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from nbconvert.filters.markdown_mistune import IPythonRenderer

MAX_CHARACTERS = 10_000  # of a formula
MAX_DEPTH = 60
# MathML Core and the number of children that an element must have; None: any.
ELEMENTS = {
    "math": None, "mrow": None, "mstyle": None, "mpadded": None, "mphantom": None, "msqrt": None,
    "mtable": None, "mtr": None, "mtd": None, "mi": None, "mn": None, "mo": None, "mtext": None,
    "mspace": 0, "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2,
    "msubsup": 3, "munderover": 3,
}  # fmt: skip
ATTRIBUTES = {
    "alttext", "display", "displaystyle", "scriptlevel", "stretchy", "fence", "form", "accent",
    "accentunder", "movablelimits", "lspace", "rspace", "minsize", "maxsize", "linethickness",
    "width", "height", "depth", "voffset", "mathvariant", "mathcolor", "columnalign",
}  # fmt: skip
ENVIRONMENTS = {
    "equation", "equation*", "align*", "split", "cases", "array", "smallmatrix", "matrix",
    "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "substack",
}  # fmt: skip
# Without numbers, as in JupyterLab.
ALIKE = dict.fromkeys(
    ("align", "aligned", "gather", "gather*", "gathered", "eqnarray", "eqnarray*", "multline",
     "multline*"), "align*",
)  # fmt: skip
ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
# They say nothing that is seen.
UNSEEN = re.compile(r"\\label\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])")
# Definitions can double what they are defined by, again and again.
DEFINES = re.compile(r"\\(?:def|newcommand|renewcommand|newenvironment)(?![A-Za-z])")
IN_TEXT = re.compile(
    r"\$\$(?P<dollars>.+?)\$\$|\\\[(?P<brackets>.+?)\\\]|\$(?P<dollar>.+?)\$|"
    r"\\\((?P<paren>.+?)\\\)|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.*?\\end\{(?P=name)\})",
    re.DOTALL,
)
DISPLAYED = ("dollars", "brackets", "environment")


class _UnreadableError(Exception):
    """The library has not understood a part of the formula."""


class FormulaRenderer(IPythonRenderer):
    """nbconvert's Markdown as HTML, with its formulas as MathML."""

    def block_math(self, body: str) -> str:
        """A formula in a line of its own."""
        return formula(body, f"$${body}$$", display=True)

    def inline_math(self, body: str) -> str:
        """A formula in a sentence."""
        return formula(body, f"${body}$", display=False)

    def latex_environment(self, name: str, body: str) -> str:
        """A formula in a line of its own that brings its environment."""
        whole = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return formula(whole, whole, display=True)


def formula(tex: str, written: str, *, display: bool) -> str:
    """MathML of a formula, ``display``ed or within a line; if it cannot be read, ``written``."""
    try:
        tree = convert_to_element(_prepared(tex), display="block" if display else "inline")
        tree.set("alttext", tex.strip())
        return _write(tree)
    # The library's own errors have no common class, and odd formulas raise Python's.
    except Exception:
        return escape(written)


def with_formulas(text: str) -> str:
    """HTML of text (MIME type text/latex) in which formulas stand between TeX's delimiters."""
    parts, end = [], 0
    for found in IN_TEXT.finditer(text):
        kind = found.lastgroup  # the outer one of two
        shown = formula(found[kind], found[0], display=kind in DISPLAYED)
        parts += [escape(text[end : found.start()]), shown]
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def _prepared(tex: str) -> str:
    """The formula in what the library knows; raises `_UnreadableError`."""
    if len(tex) > MAX_CHARACTERS or DEFINES.search(tex):
        raise _UnreadableError
    return ENVIRONMENT.sub(_environment, UNSEEN.sub("", tex))


def _environment(found: re.Match) -> str:
    name = ALIKE.get(found[2], found[2])
    if name not in ENVIRONMENTS:
        raise _UnreadableError
    return f"\\{found[1]}{{{name}}}"


def _write(element: Element, depth: int = 0) -> str:
    tag, children = element.tag, list(element)
    if tag not in ELEMENTS or ELEMENTS[tag] not in (None, len(children)) or depth > MAX_DEPTH:
        raise _UnreadableError
    named = [(name, value) for name, value in element.attrib.items() if name in ATTRIBUTES]
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in named)
    inside = "".join(_write(child, depth + 1) for child in children)
    return f"<{tag}{attributes}>{_text(element)}{inside}</{tag}>"


def _text(element: Element) -> str:
    """The element's own text; the library writes symbols as references: &#x003B1;."""
    text = element.text or ""
    # Commands and marks that it does not know, it takes for the names of variables.
    if element.tag == "mi" and (text in ("&", "{", "}") or (text[:1] == "\\" and text[1:])):
        raise _UnreadableError
    return escape(unescape(text))
