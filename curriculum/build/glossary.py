"""The glossary: a row for each term, in English, in Traditional Chinese, explained in one line.

Invariant: a row that is not complete, a term that stands twice in either language, and a sign
that Hong Kong's writing does not know are each named by `problems`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from curriculum.build.course import COURSE
from curriculum.build.landing import PLAN

GLOSSARY = COURSE / "Glossary.md"
LEAST = 120
CHINESE = re.compile(r"[\u3400-\u9fff]")
LONGEST = 100  # characters of an explanation: one line in a table


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the glossary's table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def problems(text: str) -> list[str]:
    """What is wrong with a glossary, a sentence each; [] if nothing is."""
    found = rows(text)
    said = [] if len(found) >= LEAST else [f"{len(found)} terms, at least {LEAST}"]
    for row in found:
        said += [f"'{row[0]}' {what}" for what in incomplete(row)]
    if not said:
        said += [*repeated(row[0].casefold() for row in found), *repeated(row[1] for row in found)]
        said += [f"'{after[0]}' stands after '{before[0]}'" for before, after in pairwise(found)
                 if after[0].casefold() < before[0].casefold()]  # fmt: skip
    return [f"{GLOSSARY.name}: {what}" for what in said]


def incomplete(row: list[str]) -> Iterator[str]:
    """What a row lacks, or has in the wrong place."""
    if len(row) != 4 or not all(row):
        yield f"has not four cells with something in each, but {row[1:]}"
        return
    english, chinese, meaning, lesson = row
    if CHINESE.search(english + meaning):
        yield "has Chinese in an English cell"
    if not CHINESE.search(chinese):
        yield f"has no Chinese in '{chinese}'"
    try:
        # The character set of Hong Kong: nearly all simplified forms are not in it.
        chinese.encode("big5hkscs")
    except UnicodeEncodeError as error:
        yield f"has '{chinese[error.start]}', which is not written so in Hong Kong"
    if len(meaning) > LONGEST:
        yield f"is explained in {len(meaning)} characters, at most {LONGEST}"
    if not lesson.isdecimal() or int(lesson) not in PLAN:
        yield f"is at home in lesson '{lesson}', which there is not"


def repeated(terms: Iterator[str]) -> Iterator[str]:
    """Terms that stand more than once."""
    seen: set[str] = set()
    for term in terms:
        if term in seen:
            yield f"'{term}' stands twice"
        seen.add(term)
