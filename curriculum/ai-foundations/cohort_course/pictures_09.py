"""The pictures of lesson 9: what errors cost, intervals that miss, leads, luck and sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cohort_course import draw


def costs(thresholds: np.ndarray, curves: dict[str, np.ndarray], chosen: float) -> Axes:
    """What a threshold costs on each set of rows, in dollars for a thousand rows."""
    ax = draw.panel("What a threshold costs", "say 8 from this score on", "HK$ for 1,000 digits",
                    (7, 3.2))  # fmt: skip
    for (name, curve), style in zip(curves.items(), ("-", "--"), strict=False):
        ax.plot(thresholds, curve, style, label=name)
    ax.axvline(chosen, color=draw.INK, ls=":", lw=1.5)
    ax.axvline(0.5, color=draw.GREY, ls=":", lw=1.5)
    for at, name, side in ((chosen, f"cheapest: {chosen:.2f} ", "right"), (0.5, " 0.5", "left")):
        ax.annotate(name, (at, 0.97), xycoords=("data", "axes fraction"), ha=side, va="top",
                    fontsize=9)  # fmt: skip
    ax.legend(loc="lower right")
    return ax


def coverage(sets: dict[int, Sequence[tuple]], truth: float) -> None:
    """Intervals from many test sets; those that miss the truth are red and dashed."""
    axes = draw.panels([f"Test sets of {n} rows" for n in sets], "", "test set", (9, 3.8))
    for ax, intervals in zip(axes, sets.values(), strict=True):
        missed = 0
        for place, (low, high) in enumerate(intervals):
            hit = low <= truth <= high
            missed += not hit
            color, style = (draw.BLUE, "-") if hit else (draw.RED, "--")
            ax.plot([100 * low, 100 * high], [place, place], style, color=color, lw=1.4)
        ax.axvline(100 * truth, color=draw.INK, lw=1)
        width = 100 * np.mean([high - low for low, high in intervals])
        ax.set_xlabel(f"accuracy, %\n{missed} of {len(intervals)} miss; mean width {width:.1f}")
        ax.set_xlim(84, 101)


def forest(
    rows: dict[str, tuple[float, float, float]], title: str, x: str, *, zero: bool = False
) -> Axes:
    """Estimates with their intervals (middle, low, high as shares), in per cent or points."""
    ax = draw.panel(title, x, size=(7, 1.0 + 0.5 * len(rows)))
    for place, (middle, low, high) in enumerate(100 * np.array(list(rows.values()))):
        color = draw.CYCLE[place % len(draw.CYCLE)]
        ax.plot([low, high], [place, place], color=color, lw=3, alpha=0.6)
        ax.plot(middle, place, "o", color=color)
        ax.annotate(f"{middle:.1f}  [{low:.1f}, {high:.1f}]", (middle, place), (0, 7),
                    textcoords="offset points", ha="center", fontsize=9)  # fmt: skip
    if zero:
        ax.axvline(0, color=draw.INK, ls="--", lw=1)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.8)
    ax.margins(x=0.15)
    ax.grid(visible=False, axis="y")
    return ax


def seeds(shares: np.ndarray, baseline: float) -> Axes:
    """Accuracy by seed, in the order in which they were tried, and the best so far."""
    ax = draw.panel("One model, one test, many seeds", "seed", "right, %", (7, 3.2))
    tried = np.arange(len(shares))
    ax.plot(tried, 100 * shares, "o", label="this seed")
    ax.step(tried, 100 * np.maximum.accumulate(shares), "--", where="post", label="best so far")
    ax.axhline(100 * shares.mean(), color=draw.GREEN, ls="-.", lw=1.5, label="mean of all")
    ax.axhline(100 * baseline, color=draw.GREY, ls=":", label="logistic regression")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def halves(one: np.ndarray, other: np.ndarray, usual: Sequence[float]) -> Axes:
    """Each seed on two halves of the test rows; the winner of the first is marked.

    ``usual`` is what the winner reaches on both halves, on average over many cuts.
    """
    ax = draw.panel("Chosen on one half, measured on the other", "right on the first half, %",
                    "right on the second half, %", (5.2, 4.2))  # fmt: skip
    mean = (one.mean() + other.mean()) / 2
    note = (
        "right on the first half, %\naverage winner of many cuts: {:.1f}, then {:.1f}; all: {:.1f}"
    )
    ax.set_xlabel(note.format(*(100 * share for share in (*usual, mean))))
    best = int(np.argmax(one))
    ax.plot(100 * one, 100 * other, "o", alpha=0.6)
    ax.plot(100 * one[best], 100 * other[best], "*", ms=16, color=draw.RED)
    ax.annotate("the winner", (100 * one[best], 100 * other[best]), (-12, 0), va="center",
                textcoords="offset points", color=draw.RED, ha="right")  # fmt: skip
    low, high = 100 * min(one.min(), other.min()) - 0.5, 100 * max(one.max(), other.max()) + 0.5
    ax.plot([low, high], [low, high], color=draw.GREY, lw=1)
    ax.set(xlim=(low, high), ylim=(low, high))
    return ax


def ablation(full: np.ndarray, without: dict[str, np.ndarray]) -> Axes:
    """For each part left out, what every seed loses; the bar is the mean."""
    ax = draw.panel("Left out, and what it does to the same seed", "change, percentage points",
                    size=(7, 0.9 + 0.65 * len(without)))  # fmt: skip
    for place, shares in enumerate(without.values()):
        change = 100 * (shares - full)
        spread = place + np.linspace(-0.12, 0.28, len(change))
        ax.plot(change, spread, "o", ms=5, alpha=0.6, color=draw.CYCLE[place])
        ax.plot([change.mean()] * 2, [place - 0.22, place + 0.38], color=draw.INK, lw=2.5)
        ax.annotate(f"{change.mean():+.1f}", (change.mean(), place - 0.22), (0, 1),
                    textcoords="offset points", ha="center", fontsize=9)  # fmt: skip
    ax.axvline(0, color=draw.GREY, ls="--", lw=1)
    ax.set_yticks(range(len(without)), [f"no {part}" for part in without])
    ax.set_ylim(len(without) - 0.4, -0.7)
    return ax


def sweep(table: pd.DataFrame, chosen: int) -> Axes:
    """All runs of a sweep, the mean of each setting, and the one chosen."""
    ax = draw.panel(
        "A sweep with all its seeds", "hidden units", "right, choosing rows, %", (7, 3.2)
    )
    mean = table.groupby("hidden")["accuracy"].mean()
    ax.plot(table["hidden"], 100 * table["accuracy"], "o", alpha=0.4, ms=5, label="a run")
    ax.plot(mean.index, 100 * mean, "s-", color=draw.ORANGE, lw=1.5, label="mean of the seeds")
    ax.plot(chosen, 100 * mean[chosen], "o", ms=16, mfc="none", color=draw.RED, label="chosen")
    ax.set_xscale("log")
    ax.set_xticks(mean.index, [str(size) for size in mean.index])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return ax
