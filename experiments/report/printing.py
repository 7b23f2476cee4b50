"""Prints a report with WeasyPrint: the one command of the container that `pdf` starts.

Invariant: only what is in the page itself (``data:`` addresses) is loaded.
"""

from __future__ import annotations

import os
import sys


def main(source: str, target: str) -> None:
    """Lay ``source`` (HTML) out as ``target`` (PDF), which appears when it is whole."""
    from weasyprint import HTML  # noqa: PLC0415  (in the workspace image only)
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    inside = URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    with open(source, encoding="utf-8") as file:
        page = HTML(string=file.read(), base_url=None, url_fetcher=inside)
    page.write_pdf(f"{target}.new")
    os.replace(f"{target}.new", target)


if __name__ == "__main__":
    main(*sys.argv[1:])
