"""What nbgrader's operations told a person last, for pages that would show something else.

Invariant: what is overheard in one block was said in that block, by that thread or task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


def tell(sentence: str) -> None:
    """Let whoever listens know why an operation ends here."""
    heard = _heard.get()
    if heard is not None:
        heard.append(sentence)


@contextmanager
def overhearing() -> Iterator[list[str]]:
    """The sentences that are told within the block, in their order."""
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)
