"""Figures in one look: safe for colour-blind readers, legible on light and dark pages.

Importing it sets Matplotlib's defaults. Colours are Okabe and Ito's; a figure brings its own
paper, so that it reads the same on a dark page, in a report and on a slide. Never let colour
alone carry the meaning: vary the marker or the line, or write the name beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors, patches
from matplotlib.axes import Axes

INK, GREY, FAINT, PAPER = "#26323d", "#7b8794", "#d8d5cc", "#fbfaf6"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY = "#cc79a7", "#56b4e9"
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
# From paper to blue: more is darker, also in print.
SHADES = colors.LinearSegmentedColormap.from_list("shades", [PAPER, SKY, BLUE, "#00324f"])
plt.rcParams.update(
    {
        "figure.dpi": 100, "figure.facecolor": PAPER, "figure.constrained_layout.use": True,
        "savefig.facecolor": PAPER, "font.size": 10, "text.color": INK,
        "axes.facecolor": PAPER, "axes.edgecolor": GREY, "axes.labelcolor": INK,
        "axes.titlelocation": "left", "axes.titlesize": 11, "axes.titleweight": "bold",
        "axes.grid": True, "axes.axisbelow": True, "grid.color": FAINT, "grid.linewidth": 0.7,
        "axes.spines.top": False, "axes.spines.right": False, "axes.prop_cycle":
            plt.cycler(color=CYCLE), "xtick.color": GREY, "ytick.color": GREY,
        "xtick.labelcolor": INK, "ytick.labelcolor": INK, "lines.linewidth": 2,
        "legend.frameon": False, "image.cmap": "Blues",
    }
)  # fmt: skip


def panel(title: str = "", x: str = "", y: str = "", size: tuple = (6.4, 3.2)) -> Axes:
    """One set of axes with a title and names of what is measured (with units)."""
    return panels([title], x, y, size)[0]


def panels(
    titles: Sequence[str], x: str = "", y: str = "", size: tuple = (9, 3), *, share: bool = True
) -> list[Axes]:
    """Axes side by side with a title each; with one scale upwards if ``share``."""
    _, row = plt.subplots(1, len(titles), figsize=size, sharey=share, squeeze=False)
    for ax, title in zip(row[0], titles, strict=True):
        ax.set(title=title, xlabel=x)
    row[0][0].set_ylabel(y)
    return list(row[0])


def canvas(title: str = "", size: tuple = (8, 2.2), width: float = 10, height: float = 3) -> Axes:
    """An empty page for a diagram, ``width`` by ``height`` units, no scales."""
    ax = panel(title, size=size)
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return ax


def box(ax: Axes, x: float, y: float, text: str, color: str = BLUE, size: tuple = (1.7, 0.9)):
    """A box with a text, centred at x, y."""
    corner = (x - size[0] / 2, y - size[1] / 2)
    style = patches.BoxStyle("Round", pad=0, rounding_size=0.12)
    fill = colors.to_rgba(color, 0.16)
    drawn = patches.FancyBboxPatch(corner, *size, boxstyle=style, fc=fill, ec=color, lw=1.5)
    ax.add_patch(drawn)
    ax.text(x, y, text, ha="center", va="center")


def arrow(ax: Axes, start: tuple, end: tuple, text: str = "", color: str = GREY, bend: float = 0):
    """An arrow between two points, with a text above its middle."""
    ax.annotate("", end, start, arrowprops={
        "arrowstyle": "-|>", "color": color, "lw": 1.6, "connectionstyle": f"arc3,rad={bend}"
    })  # fmt: skip
    middle = (np.array(start) + end) / 2
    ax.annotate(text, middle, (0, 4), textcoords="offset points", ha="center", va="bottom",
                color=color, fontsize=9)  # fmt: skip


def flow(steps: Sequence[str], title: str = "", colors: Sequence[str] = CYCLE) -> Axes:
    """Steps in boxes, left to right, an arrow from each to the next."""
    ax = canvas(title, (1.75 * len(steps), 1.5), 2.4 * len(steps), 1.6)
    for number, step in enumerate(steps):
        middle = 1.2 + 2.4 * number
        box(ax, middle, 0.8, step, colors[number % len(colors)], (1.8, 1.1))
        if number:
            arrow(ax, (middle - 1.5, 0.8), (middle - 0.9, 0.8))
    return ax


def strips(rows: dict[str, Sequence[tuple]], title: str = "", x: str = "") -> Axes:
    """Named rows of pieces ``(text, start, length, colour)``: splits, schedules, memory."""
    ax = panel(title, x, size=(8, 0.7 + 0.55 * len(rows)))
    for place, pieces in enumerate(rows.values()):
        for text, start, length, color in pieces:
            ax.barh(place, length, left=start, color=color, alpha=0.35, edgecolor=color, height=0.6)
            ax.text(start + length / 2, place, text, ha="center", va="center", fontsize=9)
    ax.set_yticks(range(len(rows)), rows)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    return ax


def bars(values: dict[str, float], title: str = "", x: str = "", form: str = "{:.1f}") -> Axes:
    """Horizontal bars, the first on top, each with its value."""
    ax = panel(title, x, size=(7, 0.9 + 0.42 * len(values)))
    drawn = ax.barh(list(values), list(values.values()), alpha=0.75, height=0.6)
    ax.bar_label(drawn, [form.format(value) for value in values.values()], padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.grid(visible=False, axis="y")
    return ax


def matrix(values, rows=(), columns=(), title: str = "", form: str = "{:.2g}", ax=None) -> Axes:
    """Numbers in a grid, darker where they are larger."""
    values = np.asarray(values, dtype=float)
    if ax is None:
        widest = max([6, *(len(str(name)) for name in columns)])
        size = (1.6 + 0.1 * widest * values.shape[1], 1.1 + 0.42 * values.shape[0])
        ax = panel(title, size=size)
    drawn = ax.imshow(values, cmap=SHADES, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = drawn.norm(value) > 0.5
        ax.text(column, row, form.format(value), ha="center", va="center",
                color=PAPER if dark else INK, fontsize=9)  # fmt: skip
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    return ax
