"""Prints a report with WeasyPrint: the one command of the container that `pdf` starts.

Invariant: only what is in the page itself (``data:`` addresses) is loaded. Formulas are drawn
here, as pictures: WeasyPrint would run the letters of MathML together. One that cannot be drawn
stands there as it was written in TeX.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

MATHML = "{http://www.w3.org/1998/Math/MathML}"
PIXELS = 16  # an em, in which formulas are drawn


def main(source: str, target: str) -> None:
    """Lay ``source`` (HTML) out as ``target`` (PDF), which appears when it is whole."""
    from weasyprint import HTML  # noqa: PLC0415  (in the workspace image only)
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    inside = URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    with open(source, encoding="utf-8") as file:
        page = HTML(string=file.read(), base_url=None, url_fetcher=inside)
    draw_formulas(page.etree_element)
    page.write_pdf(f"{target}.new")
    os.replace(f"{target}.new", target)


def draw_formulas(page: Element) -> None:
    """Put a picture in the place of each formula of a parsed page."""
    for parent in page.iter():
        for place, child in enumerate(parent):
            if child.tag == f"{MATHML}math":
                # The text behind an element belongs to it, as its tail.
                behind, child.tail = child.tail, None
                parent[place] = _drawn(child)
                parent[place].tail = behind


def _drawn(formula: Element) -> Element:
    """A picture of a formula, or its TeX."""
    shown = Element("span")
    if formula.get("display") == "block":
        shown.set("style", "display: block; text-align: center; margin: .8rem 0")
    try:
        ElementTree.SubElement(shown, "img", _picture(formula))
    # The formula is somebody's, and its drawing is the rest of a whole report.
    except Exception:
        shown.text = formula.get("alttext", "")
    return shown


def _picture(formula: Element) -> dict[str, str]:
    """The attributes of a picture that stands on the line as its formula does."""
    import ziamath  # noqa: PLC0415  (in the workspace image only)

    ziamath.config.svg2 = False  # whole paths: WeasyPrint looks no symbols up
    drawing = ziamath.Math(formula, size=PIXELS).svgxml()
    _, top, width, height = map(float, drawing.get("viewBox").split())
    return {
        "src": f"data:image/svg+xml,{quote(ElementTree.tostring(drawing))}",
        "alt": formula.get("alttext", ""),
        "style": f"width: {width / PIXELS:.3f}em; vertical-align: {-(top + height) / PIXELS:.3f}em",
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
