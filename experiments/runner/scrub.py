"""Makes what a kernel says fit to be written: no secrets, and nothing that no file can hold.

Invariant: no text that passes here holds a secret, nor do two pieces of a stream put together;
all of it is valid Unicode and valid JSON.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable

MARK = "•••"
# Nothing that is meant for people is nested deeper, and deeper nesting breaks its readers.
DEEPEST = 100


class Scrubber:
    """Replaces secrets by a mark, half surrogate pairs by ``?`` and NaN by its name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms = sorted({form for secret in secrets for form in forms(secret)}, key=len)
        # The longest first: one secret may begin with another.
        self._pattern = re.compile("|".join(re.escape(form) for form in self._forms[::-1]))

    def text(self, text: str) -> str:
        """The text as it may be written."""
        if self._forms:
            text = self._pattern.sub(MARK, text)
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "replace").decode()
        return text

    def tree(self, value: object, depth: int = 0) -> object:
        """JSON as it may be written, its keys too; raises ValueError if it is too deep."""
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.tree(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {self.text(str(key)): self.tree(one, depth + 1) for key, one in value.items()}
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return value

    def split(self, text: str) -> tuple[str, str]:
        """Of a stream's text so far: what may be written now, and what must wait as it is.

        What waits could be the beginning of a secret, and belongs before what comes next.
        """
        if not self._forms:
            return self.text(text), ""
        cut = len(text) - self._beginning(text)
        for match in self._pattern.finditer(text):
            if match.start() < cut < match.end():
                cut = match.start()
        return self.text(text[:cut]), text[cut:]

    def holds(self, data: bytes) -> bool:
        """True if a file's bytes hold a secret."""
        return any(form.encode() in data for form in self._forms)

    @property
    def longest_bytes(self) -> int:
        """Bytes of the longest form of a secret; 0 if there is none."""
        return max((len(form.encode()) for form in self._forms), default=0)

    def _beginning(self, text: str) -> int:
        """Length of the longest end of the text with which a secret begins."""
        for length in range(min(len(self._forms[-1]) - 1, len(text)), 0, -1):
            end = text[-length:]
            if any(len(form) > length and form.startswith(end) for form in self._forms):
                return length
        return 0


def forms(secret: str) -> set[str]:
    """A secret as it is, and as Python, JSON and HTML write it."""
    written = {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
    }
    return {form for form in written if form}
