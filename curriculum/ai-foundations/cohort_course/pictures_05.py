"""The pictures of lesson 5: kernels that slide, networks in sizes, errors by shift and by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import colors, patches
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from cohort_course import draw

# Below zero, zero, above zero.
SIGNED = colors.LinearSegmentedColormap.from_list("signed", [draw.RED, draw.PAPER, draw.BLUE])


def sliding(image: np.ndarray, kernel: np.ndarray, at: tuple = (2, 4)) -> None:
    """A picture in numbers, a kernel laid on it at row and column ``at``, and all the sums."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    sums = (windows * kernel).sum(axis=(2, 3))
    axes = draw.panels(["picture", "× kernel", "= sums"], size=(9.5, 3.7), share=False)
    draw.matrix(image, form="{:.1f}", ax=axes[0])
    numbers(axes[1], kernel, "{:.0f}")
    numbers(axes[2], sums, "{:.1f}")
    for ax, size in ((axes[0], kernel.shape), (axes[2], (1, 1))):
        corner = (at[1] - 0.5, at[0] - 0.5)
        ax.add_patch(patches.Rectangle(corner, size[1], size[0], fill=False, ec=draw.ORANGE, lw=3))
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.set_aspect("equal")
        ax.spines[:].set_visible(False)
    axes[1].set(xlim=(-3, 5), ylim=(5, -3))  # as large as on the picture


def numbers(ax: Axes, values: np.ndarray, form: str) -> None:
    """Numbers of both signs in a grid, coloured by sign and size."""
    most = np.abs(values).max()
    ax.imshow(values, cmap=SIGNED, vmin=-most, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        ink = draw.PAPER if abs(value) > 0.7 * most else draw.INK
        ax.text(column, row, form.format(value), ha="center", va="center", color=ink, fontsize=9)
    ax.grid(visible=False)


def responses(images: Sequence[np.ndarray], answers: dict[str, Sequence[np.ndarray]]) -> None:
    """Pictures, and beside each what kernels make of it: blue above zero, red below."""
    _, axes = plt.subplots(len(images), 1 + len(answers), figsize=(8, 2 * len(images)))
    for row, image in zip(axes, images, strict=True):
        row[0].imshow(image, cmap="Greys")
        row[0].set_title("picture")
    for column, (name, sums) in zip(axes.T[1:], answers.items(), strict=True):
        for ax, values in zip(column, sums, strict=True):
            most = np.abs(values).max()
            ax.imshow(values, cmap=SIGNED, vmin=-most, vmax=most)
            ax.set_title(name)
    for ax in axes.flat:
        ax.axis("off")


def network(channels: int) -> Axes:
    """The recogniser as stacks of maps: smaller and deeper from left to right."""
    ax = draw.canvas("Less where, more what", (9, 1.9), 18, 3.8)
    stages = ((8, 1, "picture"), (8, channels, "conv 3 × 3,\nrelu"), (4, channels, "pool"),
              (4, 2 * channels, "conv 3 × 3,\nrelu"), (2, 2 * channels, "pool"))  # fmt: skip
    for number, (side, depth, name) in enumerate(stages):
        left, size, color = 0.5 + 3.1 * number, 0.2 * side, draw.CYCLE[number % 5]
        sheets = 1 if depth == 1 else 3 + 2 * (depth > channels)
        for sheet in reversed(range(sheets)):
            corner = (left + 0.14 * sheet, 1.4 + 0.14 * sheet)
            fill = colors.to_rgba(color, 0.3)
            ax.add_patch(patches.Rectangle(corner, size, size, fc=fill, ec=color, lw=1.2))
        ax.text(left, 1.2, f"{name}\n{depth} of {side} × {side}", va="top", fontsize=9)
        draw.arrow(ax, (left + 2.1, 2.2), (left + 2.9, 2.2))
    draw.box(ax, 16.9, 2.2, "10\nscores", draw.SKY, (1.6, 1.3))
    ax.text(16.1, 1.2, f"dense, from\n{8 * channels} numbers", va="top", fontsize=9)
    return ax


def moved(images: torch.Tensor, by: int) -> list[torch.Tensor]:
    """Images moved by so many pixels to each of the four sides."""
    wide = torch.nn.functional.pad(images, (by, by, by, by))
    height, width = images.shape[-2:]
    corners = ((0, by), (2 * by, by), (by, 0), (by, 2 * by))
    return [wide[..., r : r + height, c : c + width] for r, c in corners]


def accuracy(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images that a model reads rightly."""
    with torch.no_grad():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


def shifts(nets: dict[str, list], images: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Accuracy against the shift, a dot for each seed; returns the first seed's at one pixel."""
    ax = draw.panel("Held-out digits, moved", "pixels, mean of four directions", "right, %")
    steps, at_one = range(3), {}
    for (name, models), line, marker in zip(nets.items(), ("-", "--", ":"), "osD", strict=False):
        right = np.array([[np.mean([accuracy(m, i, labels) for i in moved(images, by)])
                           for by in steps] for m in models])  # fmt: skip
        [drawn] = ax.plot(steps, 100 * right.mean(axis=0), line, label=name)
        for of_one in right:
            ax.plot(steps, 100 * of_one, marker, color=drawn.get_color(), ms=4, alpha=0.6)
        at_one[name] = right[0, 1]
    ax.set(xticks=list(steps), ylim=(0, 102))
    ax.legend()
    return at_one


def gallery(rows: dict[str, torch.Tensor], titles: Sequence) -> None:
    """Named rows of images, with titles above the first."""
    across = len(titles)
    _, axes = plt.subplots(len(rows), across, figsize=(9, 0.5 + 0.95 * len(rows)), squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(name)
        for ax, image in zip(row, images.cpu(), strict=True):
            ax.imshow(image[0], cmap="Greys", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, loc="center", fontsize=8.5, fontweight="normal")


def coverage(sure: np.ndarray, right: np.ndarray) -> Axes:
    """Accuracy of automatic answers against the share that is handed to people."""
    order = np.argsort(-sure)
    answered = np.arange(1, len(sure) + 1)
    correct = np.cumsum(right[order]) / answered
    ax = draw.panel("Sure enough?", "handed to people, %", "automatic answers right, %")
    ax.plot(100 * (1 - answered / len(sure)), 100 * correct)
    ax.axhline(99, color=draw.INK, ls=":", lw=1)
    enough = answered[correct >= 0.99].max(initial=0) / len(sure)
    ax.plot(100 * (1 - enough), 99, "o", color=draw.ORANGE)
    ax.annotate(f"{1 - enough:.0%} handed over: 99 % right", (100 * (1 - enough), 99), (10, -16),
                textcoords="offset points")  # fmt: skip
    ax.set(xlim=(0, 60), ylim=(100 * right.mean() - 1, 100.3))
    return ax


def groups(shares: Sequence[float], found: Sequence[Sequence]) -> Axes:
    """Accuracy of two groups against the share of the second in training, a dot a seed."""
    ax = draw.panel("The same model, two groups", "leaning rows in training, %", "right, %")
    values = 100 * np.array(found)  # shares, seeds, groups
    places = np.arange(len(shares))
    for group, (name, line, marker) in enumerate((("upright", "-", "o"), ("leaning", "--", "s"))):
        [drawn] = ax.plot(places, values[:, :, group].mean(axis=1), line, label=name)
        ax.plot(places, values[:, :, group], marker, color=drawn.get_color(), ms=4, alpha=0.6)
    ax.set_xticks(places, [f"{share:.0%}" for share in shares])
    ax.set(ylim=(None, 100))
    ax.legend(loc="lower right")
    return ax
