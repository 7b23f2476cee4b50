"""The pictures of lesson 2: the books that disagree, and ways to split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cohort_course import draw


def books(table: pd.DataFrame) -> Axes:
    """Two columns that should say the same, against each other."""
    ax = draw.panel("What two columns say about the same evening", "price × sold, HK$",
                    "revenue, HK$", (6.4, 3.6))  # fmt: skip
    product = table["price"] * table["sold"]
    agree = np.isclose(product, table["revenue"])
    for what, rows, marker in (("agree", agree, "."), ("do not", ~agree, "x")):
        ax.plot(product[rows], table["revenue"][rows], marker, ms=4, label=what, alpha=0.6)
    ax.set(xlim=(0, 2500), ylim=(0, 2500))
    ax.legend(loc="lower right")
    return ax


def splits(weeks: int = 40, tested: int = 8) -> Axes:
    """The same weeks, split by lot and by date."""
    lot = np.random.default_rng(3).permutation(weeks) < tested
    kinds = {True: ("", draw.RED), False: ("", draw.BLUE)}
    shuffled = [(kinds[one][0], week, 1, kinds[one][1]) for week, one in enumerate(lot.tolist())]
    known = weeks - tested
    return draw.strips(
        {"by lot": shuffled,
         "by date": [("train: what we know", 0, known, draw.BLUE),
                     ("test: the future", known, tested, draw.RED)]},
        "Red weeks are for testing", "week",
    )  # fmt: skip
