"""The pictures of lesson 4: the loop in PyTorch, batches of digits, runs that are ill."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from cohort_course import draw

STEP = {
    "scores =\nmodel(x)": "forward(p, x)",
    "loss =\ncross_entropy(…, y)": "mean((prediction - y)²)",
    "loss.backward()": "backward(p, x, y)",
    "optimiser.step()": "p -= rate × slope",
    "optimiser\n.zero_grad()": "nothing: slopes were\nnew each time",
}


def loop() -> Axes:
    """A step in PyTorch, and below each line what stood for it in lesson 3."""
    ax = draw.canvas("PyTorch, and below it the same in lesson 3", (9, 1.9), 15, 3.1)
    for number, (line, before) in enumerate(STEP.items()):
        middle = 1.5 + 3 * number
        draw.box(ax, middle, 2.4, line, draw.CYCLE[number], (2.6, 1.1))
        ax.text(middle, 1.7, before, ha="center", va="top", fontsize=9, color=draw.GREY)
        if number:
            draw.arrow(ax, (middle - 1.75, 2.4), (middle - 1.25, 2.4))
    draw.arrow(ax, (13.5, 0.35), (1.5, 0.35), "the next batch")
    return ax


def batch(x, y, columns: int = 16) -> None:
    """Images of a batch with their labels; the title says shape, type and range."""
    rows = -(-len(x) // columns)
    axes = draw.plt.subplots(rows, columns, figsize=(9, 0.35 + 0.75 * rows), squeeze=False)[1]
    kind = str(x.dtype).removeprefix("torch.")
    draw.plt.suptitle(
        f"Shape {tuple(x.shape)}, {kind}, {x.min():g} to {x.max():g}; above each its label",
        x=0.01, ha="left", fontsize=11, fontweight="bold",
    )  # fmt: skip
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, label in zip(axes.flat, x.cpu(), y.cpu(), strict=False):
        ax.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        ax.set_title(int(label), loc="center", fontsize=9, pad=2)


def landmark(ax: Axes, at: float, name: str) -> None:
    """A line that a reader should know by heart."""
    ax.axvline(at, color=draw.INK, ls="--", lw=1.2)
    ax.annotate(name, (at, 1), (4, 2), xycoords=("data", "axes fraction"),
                textcoords="offset points", fontsize=9)  # fmt: skip


def modes(by_lot: Sequence[float], settled: float) -> Axes:
    """Accuracies of one network, with its dropout left on and switched off."""
    ax = draw.panel("One network, evaluated thirty times", "evaluation", "held-out accuracy")
    ax.plot(range(1, len(by_lot) + 1), by_lot, "o", ms=5, label="left in training mode")
    ax.axhline(settled, color=draw.ORANGE, label="in evaluation mode")
    low = min(by_lot)
    ax.set(ylim=(low - 0.6 * (settled - low), None))  # room for the legend
    ax.legend(loc="lower center", ncols=2)
    return ax


def patients(
    healthy: np.ndarray, curves: dict[str, np.ndarray], order: Sequence[int], *, named: bool = False
) -> None:
    """Runs with a fault each, in another order than they are given, beside a healthy one.

    A curve is an array (epochs, 4): loss and accuracy in training, loss and accuracy held out.
    """
    names = [list(curves)[index] for index in order]
    titles = names if named else ["A", "B", "C", "D"]
    marks = {"log 10": np.log(10)} | ({"log(e + 9) - 1": np.log(np.e + 9) - 1} if named else {})
    axes = draw.panels(titles, "epoch", "loss", (10, 3))
    for ax, name in zip(axes, names, strict=True):
        curve = curves[name]
        ax.plot(healthy[:, 2], color=draw.GREY, lw=1, label="healthy, held out")
        ax.plot(curve[:, 0], color=draw.BLUE, label="training")
        ax.plot(curve[:, 2], "--", color=draw.RED, label="held out")
        for mark in marks.values():
            ax.axhline(mark, color=draw.INK, ls=":", lw=1)
        ax.set(ylim=(0, 6))
        ax.set_xlabel(f"epoch\n{curve[-1, 3]:.0%} of the held-out rows right")
    for mark, height in marks.items():
        axes[0].text(len(healthy) - 1, height + 0.08, mark, ha="right", fontsize=8)
    lines = axes[0].get_lines()[:3]
    axes[0].figure.legend(handles=lines, fontsize=8, loc="outside upper right", ncols=3)


def death(story: np.ndarray) -> None:
    """Step by step: the loss, and how many units still answer to anything."""
    left, right = draw.panels(["The loss", "The dead"], "step", "loss of the batch", (9, 2.8),
                              share=False)  # fmt: skip
    left.plot(story[:, 0])
    left.axhline(np.log(10), color=draw.INK, ls=":", lw=1)
    left.text(len(story) - 1, np.log(10) + 0.4, "log 10", ha="right", fontsize=8)
    right.plot(100 * story[:, 1], color=draw.RED)
    right.set(ylabel="hidden units, %", ylim=(0, 105))


def luck(ends: dict[int, Sequence[float]]) -> Axes:
    """A dot for each seed, a row for each size; the first seed filled."""
    ax = draw.panel("Five seeds each", "held-out accuracy, %", "hidden units", (7, 2.1))
    for place, shares in enumerate(ends.values()):
        for number, share in enumerate(shares):
            fill = "none" if number else draw.CYCLE[place]
            height = place + 0.13 * (number - 2)
            ax.plot(100 * share, height, "o", ms=7, mfc=fill, mec=draw.CYCLE[place])
    ax.set_yticks(range(len(ends)), [str(size) for size in ends])
    ax.set(ylim=(len(ends) - 0.5, -0.5))
    return ax
