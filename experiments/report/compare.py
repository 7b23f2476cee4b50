"""Two executed notebooks cell by cell, as data for a page.

Invariant: `compare` says that outputs are the same only if everything that `normal` counts is.
What it returns is bounded: texts are cut, images beyond a budget are left out.
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

from experiments.report.executed import SHOWN_IMAGES, load_bytes
from experiments.report.normal import outputs_of, plain
from experiments.report.pool import WorkerPool

MAX_SOURCE = 4000  # characters
MAX_TEXT = 20_000
MAX_SHOWN = 16 << 20  # characters of all that is shown side by side
MAX_LINE = 160


def compare_runs(pool: WorkerPool, one: Path, other: Path) -> dict:
    """Compare two kept notebooks in a worker. Raises `ExperimentError`; see `compare`."""
    return json.loads(pool.ask("compare", load_bytes(one), load_bytes(other))[0])


def compare(one: dict, other: dict) -> dict:
    """Two notebooks, as `read_notebook` returns them, side by side.

    ``cells``: pairs in order, each with ``left`` and ``right`` (index, source and shown
    outputs; None where the other notebook has no such cell), ``same_source``,
    ``same_outputs`` and ``difference``, a sentence or None. Outputs of equal cells are not
    repeated. ``compared``: pairs of code cells; ``different``: how many of them differ in their
    outputs; ``first``: position in ``cells`` of the first of these, or None.
    """
    budget = _Budget(MAX_SHOWN)
    cells = [_pair(left, right, budget) for left, right in _aligned(one["cells"], other["cells"])]
    code = [i for i, cell in enumerate(cells) if cell["kind"] == "code"]
    different = [i for i in code if not cells[i]["same_outputs"]]
    return {
        "cells": cells,
        "compared": len(code),
        "different": len(different),
        "first": different[0] if different else None,
    }


def _aligned(one: list[dict], other: list[dict]) -> list[tuple]:
    """Pairs of (index, cell) or None, by what the cells say; changed cells pair up in order."""
    keys = [[(cell["cell_type"], cell["source"]) for cell in cells] for cells in (one, other)]
    if keys[0] == keys[1]:
        return list(zip(enumerate(one), enumerate(other), strict=True))
    pairs: list[tuple] = []
    for _, a, b, c, d in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        left = [(i, one[i]) for i in range(a, b)]
        right = [(i, other[i]) for i in range(c, d)]
        pairs += zip_longest(left, right)
    return pairs


def _pair(left: tuple | None, right: tuple | None, budget: _Budget) -> dict:
    cells = [side[1] for side in (left, right) if side]
    counted = [outputs_of(side[1]) if side else [] for side in (left, right)]
    same = bool(left and right) and counted[0] == counted[1]
    return {
        "kind": "code" if any(cell["cell_type"] == "code" for cell in cells) else "text",
        "same_source": bool(left and right) and cells[0]["source"] == cells[1]["source"],
        "same_outputs": same,
        "difference": None if same else _difference(*counted),
        "left": _side(left, not same, budget),
        "right": _side(right, not same, budget),
    }


def _difference(left: list, right: list) -> str:
    """The first thing that differs, in one sentence."""
    for one, other in zip_longest(left, right):
        if one == other:
            continue
        if one is None or other is None:
            kind = (one or other)[0]
            return f"Only the {'first' if one else 'second'} has this output ({kind})."
        if one[0] != other[0]:
            return f"The first has {one[0]} where the second has {other[0]}."
        if one[0] in SHOWN_IMAGES:
            return "The pictures differ."
        return _line(one[1], other[1])
    return "Only one of the two has this cell."


def _line(left: str, right: str) -> str:
    lines = enumerate(zip_longest(left.split("\n"), right.split("\n")), 1)
    number, (one, other) = next((n, pair) for n, pair in lines if pair[0] != pair[1])
    if one is None or other is None:
        longer = "first" if other is None else "second"
        return f"The {longer} has more lines, from line {number} on."
    return f"Line {number}: {_cut(one, MAX_LINE)!r} and {_cut(other, MAX_LINE)!r}."


def _side(side: tuple | None, shown: bool, budget: _Budget) -> dict | None:
    if side is None:
        return None
    index, cell = side
    outputs = [_shown(output, budget) for output in cell.get("outputs", ())] if shown else []
    return {"index": index, "source": _cut(cell["source"], MAX_SOURCE), "outputs": outputs}


def _shown(output: dict, budget: _Budget) -> dict:
    """An output as a page can show it beside another: a picture, or text."""
    if output["output_type"] == "stream":
        return _text(output["text"], output["name"], budget)
    if output["output_type"] == "error":
        return _text(f"{output['ename']}: {output['evalue']}", "error", budget)
    data = output["data"]
    for mime in SHOWN_IMAGES:
        if mime in data and budget.spend(len(data[mime])):
            return {"kind": mime, "base64": data[mime]}
    for mime in ("text/plain", "text/markdown", "text/html", *data):
        if mime in data:
            text = data[mime] if isinstance(data[mime], str) else json.dumps(data[mime])
            return _text(text, mime, budget)
    return _text("", "text/plain", budget)


def _text(text: str, kind: str, budget: _Budget) -> dict:
    text = _cut(plain(text), MAX_TEXT)
    return {"kind": kind, "text": text if budget.spend(len(text)) else "(not shown: too much)"}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class _Budget:
    """How many characters may still be shown."""

    def __init__(self, characters: int) -> None:
        self.left = characters

    def spend(self, characters: int) -> bool:
        """Take them if there are so many; False if not."""
        if characters > self.left:
            return False
        self.left -= characters
        return True
