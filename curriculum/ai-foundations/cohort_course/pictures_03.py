"""The pictures of lesson 3: the loop, the valley, the map and the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from cohort_course import draw


def training_loop() -> Axes:
    """Predict, compare, find the slope, step: and again."""
    ax = draw.canvas("One turn of the loop, a few thousand times", (8, 1.9), 12, 2.9)
    steps = {"predict": "model and\nparameters", "compare": "loss:\none number",
             "which way\nis down?": "gradient", "step": "a little\nthat way"}  # fmt: skip
    for number, (what, how) in enumerate(steps.items()):
        middle = 1.5 + 3 * number
        draw.box(ax, middle, 2.3, what, draw.CYCLE[number], (2.1, 1))
        ax.text(middle, 1.65, how, ha="center", va="top", fontsize=9, color=draw.GREY)
        if number:
            draw.arrow(ax, (middle - 1.9, 2.3), (middle - 1.1, 2.3))
    draw.arrow(ax, (10.5, 0.25), (1.5, 0.25), "again, with the new parameters")
    return ax


def tangents(loss: Callable, slope: Callable, at: tuple, around: tuple = (-1.5, 3.5)) -> Axes:
    """The loss over one parameter, and its slope at some places."""
    ax = draw.panel("The gradient is the slope of the valley", "w", "loss", (7, 3.2))
    grid = np.linspace(*around, 200)
    ax.plot(grid, [loss(w) for w in grid], color=draw.GREY)
    for w, color in zip(at, draw.CYCLE, strict=False):
        near, m = np.array([w - 0.55, w + 0.55]), slope(w)
        ax.plot(near, loss(w) + m * (near - w), color=color)
        ax.plot(w, loss(w), "o", color=color)
        ax.annotate(f"{m:+.1f}", (w, loss(w)), (8, 8 if m < 1 else -14),
                    textcoords="offset points", color=color)  # fmt: skip
    return ax


def descents(loss: Callable, paths: dict[str, np.ndarray], around: tuple = (-1.5, 3.5)) -> None:
    """Paths of gradient descent over the valley, one panel each."""
    grid = np.linspace(*around, 200)
    axes = draw.panels(list(paths), "w", "loss", (9, 2.9))
    for ax, path, color in zip(axes, paths.values(), draw.CYCLE, strict=False):
        inside = path[(path > around[0]) & (path < around[1])]
        ax.plot(grid, [loss(w) for w in grid], color=draw.FAINT)
        ax.plot(inside, [loss(w) for w in inside], "o-", color=color, ms=4, lw=1)
        ax.plot(path[0], loss(path[0]), "s", color=draw.INK)


def maps(
    losses: dict[str, Callable], paths: dict[str, np.ndarray], spans: dict[str, tuple]
) -> None:
    """Loss over two parameters as a map, with the way that descent took."""
    axes = draw.panels(list(losses), "w", "b", (9, 3.4), share=False)
    for ax, name in zip(axes, losses, strict=True):
        w, b = np.meshgrid(np.linspace(*spans[name][0], 80), np.linspace(*spans[name][1], 80))
        heights = np.vectorize(losses[name])(w, b)
        ax.contourf(w, b, np.log(heights), 18, cmap=draw.SHADES.reversed())
        ax.plot(*paths[name].T, "o-", color=draw.ORANGE, ms=3, lw=1.2)
        ax.plot(*paths[name][0], "s", color=draw.RED)
        ax.set(xlim=spans[name][0], ylim=spans[name][1])
        ax.grid(visible=False)


def network(hidden: int = 4) -> Axes:
    """Values go forward, gradients come back by the same roads."""
    ax = draw.canvas("Forward: values.  Backward: gradients.", (8.4, 1.9), 12.6, 2.9)
    places = {"x": (0.8, 1.2), "h = relu(x W₁ + b₁)": (4.4, 2.8), "p = h W₂ + b₂": (8.3, 2.4),
              "loss": (11.6, 1.4)}  # fmt: skip
    for (text, (x, width)), color in zip(places.items(), draw.CYCLE, strict=False):
        draw.box(ax, x, 2, text, color, (width, 1))
    for start, end, back in ((1.4, 3.0, ""), (5.8, 7.1, "dp W₂ᵀ"), (9.5, 10.9, "dp")):
        draw.arrow(ax, (start, 2.25), (end, 2.25))
        if back:
            draw.arrow(ax, (end, 1.75), (start, 1.75), color=draw.RED)
            ax.text((start + end) / 2, 1.5, back, ha="center", va="top", color=draw.RED)
    ax.text(4.4, 1.1, "dW₁ = xᵀ dh", ha="center", color=draw.RED)
    ax.text(8.3, 1.1, "dW₂ = hᵀ dp", ha="center", color=draw.RED)
    ax.text(4.4, 0.5, f"{hidden} hidden units, one line each", ha="center", color=draw.GREY)
    ax.text(8.3, 0.5, "their sum: one prediction", ha="center", color=draw.GREY)
    return ax
