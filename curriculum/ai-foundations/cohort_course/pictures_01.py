"""The pictures of lesson 1: who runs where, queues, waits, and what is kept of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from cohort_course import draw


def house() -> Axes:
    """The lab: browsers, the hub, three kinds of containers, what all of them read."""
    ax = draw.canvas("Who runs where", (9.5, 3.9), 19, 7.8)
    draw.box(ax, 1.9, 5.2, "your\nbrowser", draw.GREY, (2.6, 1.6))
    draw.box(ax, 6.3, 5.2, "the hub\nlog-in, home", draw.PURPLE, (3.2, 1.6))
    kinds = (
        (7.0, "your desk\nyou alone", draw.BLUE),
        (5.2, "team workspace\nyou all, at once", draw.GREEN),
        (3.4, "a run\nnobody need look", draw.ORANGE),
    )
    for height, text, color in kinds:
        draw.box(ax, 11.8, height, text, color, (4.2, 1.4))
        draw.arrow(ax, (7.95, 5.2), (9.65, height))
    draw.box(ax, 17.1, 4.3, "GPUs\none holder each", draw.RED, (3.2, 1.6))
    draw.arrow(ax, (13.95, 5.2), (15.45, 4.7))
    draw.arrow(ax, (13.95, 3.4), (15.45, 3.9))
    draw.arrow(ax, (3.25, 5.2), (4.65, 5.2))
    draw.box(
        ax, 11.8, 1.1, "scenarios: data that all read and nobody changes", draw.SKY, (9.4, 1.2)
    )
    draw.arrow(ax, (11.8, 1.75), (11.8, 2.65))
    return ax


def queue(
    arrivals: Sequence[float], minutes: Sequence[float], begun: Sequence[float], title: str
) -> Axes:
    """When each run came, how long it waited and how long it had a GPU."""
    rows = {}
    for name, came, length, start in zip("ABCDEFGH", arrivals, minutes, begun, strict=False):
        waited = [("waits", came, start - came, draw.GREY)] if start > came else []
        rows[f"run {name}"] = [*waited, ("on the GPU", start, length, draw.BLUE)]
    return draw.strips(rows, title, "minute")


def against_load(loads: Sequence[float], waits: Sequence[Sequence[float]]) -> Axes:
    """Mean waits against the load: a dot for each seed, a line for their mean."""
    values = np.array(waits)
    ax = draw.panel("One GPU, runs of half an hour", "share of its time that is asked for, %",
                    "mean wait, minutes", (6.4, 3.6))  # fmt: skip
    percent = 100 * np.array(loads)
    ax.plot(percent, values, "o", color=draw.SKY, ms=4)
    ax.plot(percent, values.mean(axis=1), color=draw.BLUE)
    for place in range(len(loads)):
        ax.annotate(f"{values[place].mean():.0f}", (percent[place], values[place].mean()),
                    (-4, 6), textcoords="offset points", ha="right")  # fmt: skip
    ax.set(xlim=(0, 100), ylim=(0, None))
    return ax


def twice(first: Mapping[int, float], second: Mapping[int, float]) -> Axes:
    """The same seeds, run twice."""
    ax = draw.panel("Ten seeds, each of them twice", "seed", "mean wait, minutes")
    ax.plot(list(first), list(first.values()), "o", ms=9, mfc="none", label="first time")
    ax.plot(list(second), list(second.values()), "x", ms=7, label="second time")
    ax.set(xticks=list(first), ylim=(0, 1.25 * max(first.values())))
    ax.legend(loc="upper left", ncols=2)
    return ax


def kept() -> Axes:
    """What the lab keeps of a run, and what each part answers."""
    ax = draw.canvas("What is kept of a run", (9.5, 3.1), 19, 6.2)
    draw.box(ax, 2.2, 3.0, "the run\nrun-k3m9…", draw.ORANGE, (3.2, 1.6))
    parts = (
        ("executed notebook, report", "what came out?", draw.BLUE),
        ("metrics", "which of forty was best?", draw.GREEN),
        ("record of inputs", "where does the number come from?", draw.PURPLE),
        ("outputs/, log", "what did it write and say?", draw.SKY),
    )
    for place, (name, question, color) in enumerate(parts):
        height = 5.3 - 1.53 * place
        draw.arrow(ax, (3.85, 3.0), (5.55, height))
        draw.box(ax, 8.2, height, name, color, (5.2, 1.1))
        ax.text(11.3, height, question, va="center")
    return ax
