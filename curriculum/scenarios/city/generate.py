"""Invents a year of a city's air and traffic sensors: ``python generate.py FOLDER [SEED]``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 2026
HOURS = pd.date_range("2025-01-01", periods=365 * 24, freq="h", name="time")
# Vehicles an hour at midday, how much a street canyon keeps of what they emit, sea breeze.
STATIONS = {
    "Causeway Bay": (3200, 1.3, 0.7),
    "Central": (2900, 1.2, 0.7),
    "Kwun Tong": (2400, 1.0, 0.9),
    "Mong Kok": (2700, 1.4, 0.6),
    "Sha Tin": (1500, 0.7, 1.0),
    "Tap Mun": (20, 0.3, 1.4),
}


def remembered(rng: np.random.Generator, memory: float) -> np.ndarray:
    """An hourly value of spread 1 that remembers the hour before: AR(1)."""
    steps = rng.normal(0, (1 - memory**2) ** 0.5, len(HOURS))
    values = np.empty(len(HOURS))
    last = rng.normal()
    for hour, step in enumerate(steps):
        last = values[hour] = memory * last + step
    return values


def weather(rng: np.random.Generator) -> pd.DataFrame:
    """Temperature in °C, humidity in %, wind in m/s: one sky over all stations."""
    year = np.cos(2 * np.pi * (HOURS.day_of_year.to_numpy() - 200) / 365)
    day = np.cos(2 * np.pi * (HOURS.hour.to_numpy() - 14) / 24)
    temperature = 23.5 + 6 * year + 2 * day + 1.8 * remembered(rng, 0.98)
    humidity = np.clip(76 + 7 * year - 6 * day + 9 * remembered(rng, 0.97), 25, 100)
    wind = np.clip(3.2 + 0.8 * day + 1.6 * remembered(rng, 0.96), 0.2, None)
    return pd.DataFrame(
        {"temperature": temperature, "humidity": humidity, "wind": wind}, index=HOURS
    )


def station(rng: np.random.Generator, name: str, sky: pd.DataFrame) -> pd.DataFrame:
    """What happened at one station, before its sensors had a say."""
    busy, canyon, breeze = STATIONS[name]
    hour, weekend = HOURS.hour.to_numpy(), HOURS.day_of_week.to_numpy() >= 5
    rush = np.exp(-(((hour - 8.5) / 2) ** 2)) + 0.9 * np.exp(-(((hour - 18) / 2.5) ** 2))
    shape = 0.12 + 0.75 * (hour > 6) * (hour < 23) + 0.5 * rush * ~weekend
    traffic = rng.poisson(busy * shape * np.exp(0.08 * remembered(rng, 0.9)))
    air = canyon / (0.5 + breeze * sky["wind"].to_numpy() / 4)
    no2 = 8 + 0.018 * traffic * air * np.exp(0.15 * remembered(rng, 0.9))
    # Fine dust comes from the region, in winter above all, and only partly from the street.
    region = 16 - 7 * np.cos(2 * np.pi * (HOURS.day_of_year.to_numpy() - 200) / 365)
    pm25 = region * np.exp(0.35 * remembered(rng, 0.985)) + 0.002 * traffic * air
    table = sky.round({"temperature": 1, "humidity": 0, "wind": 1})
    return table.assign(station=name, traffic=traffic, no2=no2, pm25=pm25, fault="")


def spoil(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """What the sensors made of it, in place: gaps, stuck values, spikes, and one that drifts."""
    name = table["station"].iloc[0]
    if name == "Kwun Tong":
        late = np.clip((np.arange(len(table)) - 5000) / 24 * 0.25, 0, None)
        table["no2"] += late
        table.loc[table.index[5000 + 24 * 14 :], "fault"] = "drift"
    for _ in range(6):
        at, hours = rng.integers(0, len(table) - 72), rng.integers(6, 72)
        rows = table.index[at : at + hours]
        if rng.random() < 0.5:
            table.loc[rows, ["no2", "pm25"]] = np.nan
            table.loc[rows, "fault"] = "gap"
        else:
            table.loc[rows, "no2"] = table["no2"].iloc[at]
            table.loc[rows, "fault"] = "stuck"
    spikes = table.index[rng.choice(len(table), 15, replace=False)]
    table.loc[spikes, "pm25"] = rng.uniform(250, 900, 15)
    table.loc[spikes, "fault"] = "spike"
    return table.round({"no2": 1, "pm25": 1})


def write(folder: Path, seed: int = SEED) -> None:
    """Write ``sensors.csv``; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    sky = weather(rng)
    table = pd.concat([spoil(rng, station(rng, name, sky)) for name in STATIONS])
    columns = ["station", "temperature", "humidity", "wind", "traffic", "no2", "pm25", "fault"]
    table[columns].to_csv(folder / "sensors.csv", date_format="%Y-%m-%dT%H:%M")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
