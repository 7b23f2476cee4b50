"""The pictures of lesson 6: what tokens cost, where attention looks, how a transformer learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from cohort_course import draw


def lengths(cuts: dict[str, Sequence[float]]) -> Axes:
    """Mean length of the same remarks in English and Chinese, cut in different ways."""
    ax = draw.panel("The same remarks, cut in three ways", "tokens a review", size=(7, 2.6))
    for shift, name, color, column in ((-0.2, "English", draw.BLUE, 0),
                                       (0.2, "Chinese", draw.ORANGE, 1)):  # fmt: skip
        values = [pair[column] for pair in cuts.values()]
        bars = ax.barh(np.arange(len(cuts)) + shift, values, 0.36, color=color, alpha=0.75,
                       label=name)  # fmt: skip
        ax.bar_label(bars, [f"{value:.0f}  {name}" for value in values], padding=4, fontsize=9)
    ax.set_yticks(range(len(cuts)), cuts)
    ax.invert_yaxis()
    ax.margins(x=0.2)
    ax.grid(visible=False, axis="y")
    return ax


def lookup(words: Sequence[str], fits: int, scores: Sequence[float]) -> None:
    """The softmax over words of which one has a score and the others 0, for several scores."""
    axes = draw.panels([f"it fits with {score}" for score in scores], "weight", "", (9, 2.5))
    for ax, score in zip(axes, scores, strict=True):
        given = np.where(np.arange(len(words)) == fits, float(score), 0.0)
        weights = np.exp(given) / np.exp(given).sum()
        colors = [draw.ORANGE if place == fits else draw.BLUE for place in range(len(words))]
        bars = ax.barh(range(len(words)), weights, 0.6, color=colors, alpha=0.75)
        ax.bar_label(bars, [f"{weight:.2f}" for weight in weights], padding=3, fontsize=9)
        ax.set(xlim=(0, 1.2))
        ax.grid(visible=False, axis="y")
    axes[0].set_yticks(range(len(words)), words)
    axes[0].invert_yaxis()


def network(model: torch.nn.Module, layers: int) -> Axes:
    """The parts of a transformer, left to right, each with the number of its parameters."""

    def count(*parts: torch.nn.Module) -> str:
        return f"{sum(p.numel() for part in parts for p in part.parameters()):,}"

    block = model.blocks[0]
    steps = {
        "a number\nfor a token": "",
        "its row in a table\n+ its place's row": count(model.token, model.place),
        "look round:\nattention, added": count(block.ask, block.tell, block.before),
        "think alone:\ndense, added": count(block.think, block.between),
        "scores of\nall tokens": count(model.score),
    }
    ax = draw.canvas("A transformer for 300 tokens, and its parameters", (9.4, 2.1), 16, 3.4)
    for number, (text, size) in enumerate(steps.items()):
        middle = 1.6 + 3.2 * number
        draw.box(ax, middle, 2, text, draw.CYCLE[number], (2.7, 1.1))
        ax.text(middle, 1.25, size, ha="center", va="top", fontsize=9)
        if number:
            draw.arrow(ax, (middle - 1.85, 2), (middle - 1.35, 2))
    draw.arrow(ax, (11.2, 0.55), (8.0, 0.55), f"{layers} such blocks, one after the other")
    return ax


def shifted(words: Sequence[str], row: torch.Tensor, targets: Callable) -> Axes:
    """One row and its targets; English tokens by name, the arrow, Chinese ones by number."""
    wanted = targets(row[None])[0].tolist()
    length = max(place for place, token in enumerate(wanted) if token != -100) + 1
    names = {1: "→", 2: "END"}
    given = [*words, *(names.get(t, str(t)) for t in row[len(words) : length].tolist())]
    below = ["" if t == -100 else names.get(t, str(t)) for t in wanted[:length]]
    ax = draw.canvas("One row, and below it what is to be guessed", (9.6, 1.7), length + 1.6, 2.4)
    for place, (token, target) in enumerate(zip(given, below, strict=True)):
        color = draw.BLUE if place < len(words) else draw.ORANGE
        draw.box(ax, place + 2, 1.8, token, color, (0.9, 0.7))
        draw.box(ax, place + 2, 0.7, target, draw.GREEN if target else draw.GREY, (0.9, 0.7))
    for height, name in ((1.8, "row"), (0.7, "target")):
        ax.text(1.3, height, name, ha="right", va="center", fontweight="bold")
    return ax


def curves(runs: dict[str, np.ndarray], nothing: float) -> Axes:
    """Held-out loss of several runs; an array (steps, 3): step, training and held-out loss."""
    ax = draw.panel("Held-out loss", "step", "loss a Chinese token", (7, 3.2))
    for (name, curve), line in zip(runs.items(), ("-", "--", ":"), strict=False):
        ax.plot(curve[:, 0], curve[:, 2], line, label=f"{name}: {curve[-1, 2]:.3f}")
    ax.axhline(nothing, color=draw.GREY, lw=1)
    ax.set_yscale("log")
    ax.annotate("knows nothing", (1, nothing), (0, 3), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", fontsize=9)  # fmt: skip
    ax.legend(loc="lower left")
    return ax


def looks(weights: Sequence[torch.Tensor], words: Sequence[str], count: int) -> None:
    """Where each Chinese token looks in the English, in the last block, head by head.

    ``weights`` holds an array (heads, n, n) for each block; ``count`` Chinese tokens were written.
    """
    tables = weights[-1].cpu().numpy()
    axes = draw.panels([f"head {number + 1}" for number in range(len(tables))], "", "",
                       (min(4.0 * len(tables), 14), 1.2 + 0.2 * count))  # fmt: skip
    start = len(words)  # the arrow's place: there the first Chinese token is guessed
    for ax, table in zip(axes, tables, strict=True):
        ax.imshow(table[start : start + count, : start + 1], cmap=draw.SHADES, aspect="auto",
                  vmin=0, vmax=1)  # fmt: skip
        ax.set_xticks(range(start + 1), [*words, "→"], rotation=90)
        ax.grid(visible=False)
    axes[0].set_yticks(range(count), [str(place + 1) for place in range(count)])
    axes[0].set_ylabel("Chinese token that is written")
