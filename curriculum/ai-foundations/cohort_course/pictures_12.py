"""The pictures of lesson 12: where principles bite, how files are linked, twins, and licences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from cohort_course import draw

STAGES = ("collect", "store", "train", "serve", "share", "delete")
# Where a team first meets each principle of the PDPO; a reading, not a rule of law.
BITES = {
    "1 purpose, manner": "100000",
    "2 accuracy, retention": "011101",
    "3 use": "001110",
    "4 security": "011110",
    "5 openness": "100110",
    "6 access, correction": "010101",
}
TERMS = ("sell with it", "change it", "pass it on", "credit,\nnotices", "same\nlicence",
         "other\nlimits")  # fmt: skip
# Per licence: may (y), may not (n), must (m), each differs (r), need not (-).
LICENCES = {
    "CC0": "yyy---",
    "CC BY 4.0": "yyym--",
    "CC BY-SA 4.0": "yyymm-",
    "CC BY-NC 4.0": "nyym--",
    "Apache 2.0": "yyym--",
    "a maker's own": "rrrrrr",
    "none stated": "nnn---",
}


def layers() -> Axes:
    """Three kinds of rules, from what courts enforce to what you owe yourself."""
    ax = draw.canvas("Three layers; this lesson never mixes them", (8.6, 2.1), 12, 3)
    rows = {
        "LAW": "PDPO, GDPR,\ndiscrimination, copyright",
        "GUIDANCE": "the regulators'\nframeworks and model clauses",
        "PRACTICE": "what a careful team\nmeasures and writes down",
    }
    for number, (name, what) in enumerate(rows.items()):
        middle = 2 + 4 * number
        draw.box(ax, middle, 1.9, name, draw.CYCLE[number], (3.2, 1))
        ax.text(middle, 1.2, what, ha="center", va="top", fontsize=9, color=draw.INK)
    return ax


def principles() -> Axes:
    """Which principle of the PDPO is met at which stage of a product."""
    ax = draw.panel("Where a team meets the six principles", size=(7, 2.9))
    for row, marks in enumerate(BITES.values()):
        for column, mark in enumerate(marks):
            if mark == "1":
                ax.plot(column, row, "s", ms=15, color=draw.BLUE, alpha=0.75)
    ax.set_xticks(range(len(STAGES)), STAGES)
    ax.set_yticks(range(len(BITES)), BITES)
    ax.set(xlim=(-0.6, len(STAGES) - 0.4), ylim=(len(BITES) - 0.4, -0.6))
    return ax


def linking() -> Axes:
    """A file without names and a list with names, joined by what both hold."""
    ax = draw.canvas("Two harmless files", (8.4, 2.1), 12, 3)
    draw.box(
        ax, 2.2, 1.6, "members, no names\ndistrict · birth · sex · health", draw.BLUE, (4, 1.2)
    )
    draw.box(ax, 9.8, 1.6, "a club's birthdays\ndistrict · birth · sex · NAME", draw.RED, (4, 1.2))
    draw.arrow(ax, (4.3, 1.6), (7.7, 1.6), "equal in all three?", draw.INK)
    draw.arrow(ax, (7.7, 1.6), (4.3, 1.6), color=draw.INK)
    ax.text(6, 1.3, "then the illness\nhas a name", ha="center", va="top", fontsize=9)
    return ax


def overlap(answers: dict[float, tuple[np.ndarray, np.ndarray]]) -> None:
    """Noisy answers with and without one person, for each epsilon."""
    axes = draw.panels([f"epsilon = {epsilon:g}" for epsilon in answers], "answer", "", (9, 2.6))
    axes[0].set_ylabel("share of answers")
    for ax, (out, inside) in zip(axes, answers.values(), strict=True):
        bins = np.arange(30, 52.1, 0.5)
        for values, color, style in ((out, draw.BLUE, "-"), (inside, draw.ORANGE, "--")):
            weights = np.full(len(values), 1 / len(values))
            ax.hist(values, bins, weights=weights, histtype="step", color=color, ls=style, lw=1.6)
        ax.axvline(40, color=draw.BLUE, lw=0.8)
        ax.axvline(41, color=draw.ORANGE, lw=0.8, ls="--")
    axes[0].plot([], [], color=draw.BLUE, label="without Ada: 40")
    axes[0].plot([], [], "--", color=draw.ORANGE, label="with Ada: 41")
    axes[0].figure.legend(loc="outside upper right", ncols=2, fontsize=9)


def twins(english: np.ndarray, chinese: np.ndarray) -> Axes:
    """Scores of the same remark in two languages; verdicts that differ are marked."""
    ax = draw.panel("The same remark, in two languages", "score of the English text",
                    "score of the Chinese text", (5.4, 4.2))  # fmt: skip
    flips = (english >= 0.5) != (chinese >= 0.5)
    ax.plot(english[~flips], chinese[~flips], ".", alpha=0.4, label="same verdict")
    ax.plot(english[flips], chinese[flips], "x", color=draw.RED, ms=7, label="other verdict")
    ax.plot([0, 1], [0, 1], color=draw.GREY, lw=1)
    ax.axvline(0.5, color=draw.INK, ls=":", lw=1)
    ax.axhline(0.5, color=draw.INK, ls=":", lw=1)
    ax.legend(loc="upper left")
    return ax


def rates(table: dict[str, Sequence[float]], errors: dict[str, Sequence[float]]) -> Axes:
    """Three rates for each group, side by side, with the reach of a 95 % interval."""
    names = ["read as content", "of the content", "of the others"]
    ax = draw.panel("Who is read as content?", "share read as content, %", size=(7, 3))
    shift = np.linspace(-0.12, 0.12, len(table))
    for place, ((group, values), marker) in enumerate(zip(table.items(), "os^D", strict=False)):
        ax.errorbar(100 * np.array(values), np.arange(3) + shift[place], fmt=marker, ms=7,
                    xerr=100 * np.array(errors[group]), color=draw.CYCLE[place], capsize=3,
                    label=group)  # fmt: skip
    ax.set_yticks(range(3), names)
    ax.set(ylim=(2.5, -0.5), xlim=(0, 105))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def repairs(table: dict[str, dict[str, float]]) -> None:
    """What each repair does: twins that flip one way, the other way, and a gap."""
    measured = list(next(iter(table.values())))
    axes = draw.panels(measured, size=(10, 2.5))
    for ax, what in zip(axes, measured, strict=True):
        values = [row[what] for row in table.values()]
        bars = ax.barh(list(table), values, color=draw.CYCLE[:3], alpha=0.75, height=0.6)
        ax.bar_label(bars, [f"{value:.1f}".removesuffix(".0") for value in values], padding=3)
        ax.axvline(0, color=draw.INK, lw=0.8)
        ax.margins(x=0.25)
        ax.grid(visible=False, axis="y")
    for ax in axes[:2]:  # two directions of one thing: one scale
        ax.set_xlim(0, max(other.get_xlim()[1] for other in axes[:2]))
    axes[0].invert_yaxis()


def licences() -> Axes:
    """What usual licences allow and ask for, in outline."""
    ax = draw.panel("Licences in outline: may, may not, must", size=(8, 3.3))
    shown = {"y": ("may", draw.GREEN), "n": ("may not", draw.RED), "m": ("must", draw.ORANGE),
             "r": ("read it", draw.GREY)}  # fmt: skip
    for row, marks in enumerate(LICENCES.values()):
        for column, mark in enumerate(marks):
            if mark in shown:
                text, color = shown[mark]
                ax.text(column, row, text, ha="center", va="center", fontsize=9,
                        bbox={"fc": color, "ec": color, "alpha": 0.25, "pad": 3})  # fmt: skip
    ax.set_xticks(range(len(TERMS)), TERMS)
    ax.set_yticks(range(len(LICENCES)), LICENCES)
    ax.set(xlim=(-0.6, len(TERMS) - 0.4), ylim=(len(LICENCES) - 0.4, -0.6))
    ax.grid(visible=False)
    return ax
