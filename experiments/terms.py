"""The terms by which a run is found: its author, notebook, tags, sweep, schedule and words.

Invariant: a run's terms are written when it is and never change, as what they stand for.
"""

from __future__ import annotations

import re
import unicodedata

from experiments.tables import Run

WORDS = 60  # of one run
WORD_LENGTH = 40
WORD = re.compile(r"[^\W_]+")


def term(kind: str, value: str) -> str:
    """One term, as ``tag:baseline``."""
    return f"{kind}:{value}"


def words_of(text: str) -> list[str]:
    """The words of a text, each once, in the form in which they are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in WORD.findall(plain)))


def terms_of(run: Run, tags: tuple[str, ...]) -> list[str]:
    """Every term of a new run."""
    terms = [term("author", run.author), term("notebook", run.notebook)]
    terms += [term("tag", tag) for tag in tags]
    if run.sweep_id:
        terms.append(term("sweep", run.sweep_id))
    if run.schedule_id:
        terms.append(term("schedule", run.schedule_id))
    text = " ".join([run.title, *tags, run.notebook, run.author, run.owner])
    beginnings = [part for word in words_of(text) for part in _beginnings(word)]
    terms += [term("word", part) for part in dict.fromkeys(beginnings[:WORDS])]
    return terms


def _beginnings(word: str) -> list[str]:
    """Where a search by a word's beginning may find it.

    Scripts such as Chinese put no spaces between words, so one may begin at any character.
    """
    return [word] if word.isascii() else [word[i:] for i in range(len(word))]
