"""Invents two years of a tea shop chain's sales: ``python generate.py FOLDER [SEED]``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 2026
DAYS = pd.date_range("2024-01-01", periods=730, name="date")
# How busy a shop is, and its week from Monday to Sunday.
SHOPS = {
    "Central": (1.3, [1.2, 1.25, 1.25, 1.25, 1.3, 0.5, 0.4]),
    "Mong Kok": (1.5, [0.85, 0.85, 0.85, 0.9, 1.1, 1.4, 1.35]),
    "Sha Tin": (0.9, [0.9, 0.9, 0.9, 0.95, 1.0, 1.25, 1.2]),
    "Tsim Sha Tsui": (1.2, [0.9, 0.9, 0.95, 0.95, 1.1, 1.2, 1.1]),
    "Tuen Mun": (0.6, [0.95, 0.95, 0.95, 0.95, 1.0, 1.15, 1.1]),
}
# Portions on an ordinary day, price in HK$, change for ten degrees more.
PRODUCTS = {
    "egg tart": (120, 9, -0.05),
    "fish ball noodles": (60, 38, -0.2),
    "hot milk tea": (100, 22, -0.35),
    "iced lemon tea": (90, 24, 0.55),
    "mango pudding": (45, 28, 0.3),
    "pineapple bun": (110, 11, -0.05),
}
HOLIDAYS = ["2024-01-01", "2024-02-12", "2024-02-13", "2024-03-29", "2024-04-01", "2024-04-04",
            "2024-05-01", "2024-05-15", "2024-06-10", "2024-07-01", "2024-09-18", "2024-10-01",
            "2024-10-11", "2024-12-25", "2024-12-26", "2025-01-01", "2025-01-29", "2025-01-30",
            "2025-01-31", "2025-04-04", "2025-04-18", "2025-04-21", "2025-05-01", "2025-05-05",
            "2025-05-31", "2025-07-01", "2025-10-01", "2025-10-07", "2025-10-29", "2025-12-25",
            "2025-12-26"]  # fmt: skip
TYPHOONS = ["2024-09-06", "2024-11-14", "2025-07-20", "2025-09-23"]


def weather(rng: np.random.Generator) -> np.ndarray:
    """Mean temperature of each day, in °C: a year's wave and spells of a week."""
    wave = 23.5 - 6.5 * np.cos(2 * np.pi * (DAYS.day_of_year.to_numpy() - 28) / 365)
    return (wave + drift(rng, 0.8, 1.5)).round(1)


def drift(rng: np.random.Generator, memory: float, spread: float) -> np.ndarray:
    """A daily value that remembers yesterday's: AR(1) around zero."""
    values = np.zeros(len(DAYS))
    for day in range(1, len(DAYS)):
        values[day] = memory * values[day - 1] + rng.normal(0, spread * (1 - memory**2) ** 0.5)
    return values


def sales(rng: np.random.Generator) -> pd.DataFrame:
    """The clean table, one row for each day, shop and product."""
    temperature = weather(rng)
    holiday = DAYS.isin(pd.to_datetime(HOLIDAYS))
    closed = np.where(DAYS.isin(pd.to_datetime(TYPHOONS)), 0.05, 1.0)
    parts = []
    for shop, (busy, week) in SHOPS.items():
        mood = np.exp(drift(rng, 0.9, 0.12)) * np.array(week)[DAYS.day_of_week] * closed
        mood *= np.where(holiday, 0.5 if shop == "Central" else 1.25, 1.0)
        for product, (portions, price, warmth) in PRODUCTS.items():
            promotion = np.repeat(rng.random(105) < 0.12, 7)[: len(DAYS)]
            prices = np.where(pd.Series(DAYS) < "2025-04-01", price, round(price * 1.08))
            demand = rng.poisson(
                busy * portions * mood * np.exp(warmth * (temperature - 23) / 10)
                * np.where(promotion, 1.3, 1.0) * np.exp(rng.normal(0, 0.08, len(DAYS)))
            )  # fmt: skip
            expected = (
                pd.Series(demand)
                .rolling(14, min_periods=1)
                .quantile(0.9)
                .shift(fill_value=portions * 2)
            )
            stock = (np.ceil(expected * rng.uniform(1.0, 1.35, len(DAYS)) / 5) * 5).astype(int)
            parts.append(pd.DataFrame({
                "date": DAYS, "shop": shop, "product": product, "price": prices,
                "promotion": promotion.astype(int), "temperature": temperature,
                "holiday": holiday.astype(int), "stock": stock, "sold": np.minimum(demand, stock),
            }))  # fmt: skip
    table = pd.concat(parts).sort_values(["date", "shop", "product"], ignore_index=True)
    return table.assign(revenue=table.price * table.sold)


def as_written(clean: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The table as the tills sent it: what tills and people get wrong."""
    table = clean.astype({"sold": float, "revenue": float})
    table["date"] = clean.date.dt.strftime("%Y-%m-%d")
    # Tuen Mun writes its dates the other way round, and Sha Tin counted tarts in dozens at first.
    there = table["shop"] == "Tuen Mun"
    table.loc[there, "date"] = clean.date[there].dt.strftime("%d/%m/%Y")
    dozens = (
        (clean["shop"] == "Sha Tin")
        & (clean["product"] == "egg tart")
        & (clean.date < "2024-07-01")
    )
    table.loc[dozens, "sold"] = (table.sold[dozens] / 12).round(1)
    # A till that was offline has no figures; one that reported twice is there twice.
    offline = rng.choice(len(table), 220, replace=False)
    table.loc[offline, ["sold", "revenue"]] = np.nan
    twice = table.iloc[rng.choice(len(table), 87, replace=False)]
    spaced = rng.choice(len(table), 300, replace=False)
    table.loc[spaced, "product"] = table["product"].iloc[spaced].str.title() + " "
    return pd.concat([table, twice]).sort_index(kind="stable").reset_index(drop=True)


def write(folder: Path, seed: int = SEED) -> None:
    """Write both tables; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    clean = sales(rng)
    clean.to_csv(folder / "sales.csv", index=False)
    as_written(clean, rng).to_csv(folder / "sales-as-written.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
