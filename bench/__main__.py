"""``python -m bench``: measure everything, print one table, write ``results/latest.json``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.results import Figure, write
from bench.runs import measure_runs
from bench.spawns import BURST, bursts, side_by_side
from bench.stock import StockHub
from bench.teaching import measure_teaching
from cohort.lab.images import image_names
from tests.labs import PEOPLE, Lab, brought_up, owned

START = time.monotonic()
CROWD = [f"p{number:02}" for number in range(60)]


def say(text: str) -> None:
    """Print progress at once."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def main() -> int:
    """Measure what is asked for (``spawns``, ``runs``, ``teaching``), or everything."""
    asked = set(sys.argv[1:]) or {"spawns", "runs", "teaching"}
    figures = measure_spawns() if "spawns" in asked else []
    if "runs" in asked:
        say("experiments")
        figures += measure_experiments(say)
    if "teaching" in asked:
        say("teaching")
        figures += measure_courses()
    print(write(figures))
    return 0


def measure_spawns() -> list[Figure]:
    """Bring up our lab and a stock hub side by side, and measure."""
    images = image_names()[1]
    with tempfile.TemporaryDirectory(prefix="cohort-bench-") as folder:
        lab = crowded(Path(folder), CROWD[:BURST])
        stock_folder = Path(folder) / "stock"
        stock_folder.mkdir()
        stock = StockHub(stock_folder, images.hub, images.workspace)
        with owned(lab):
            try:
                return measure(lab, stock, images.workspace)
            finally:
                stock.down()


def crowded(folder: Path, people: list[str]) -> Lab:
    """A lab with these people more."""
    lab = Lab(folder)
    rows = [f"{name},{name.title()},{name}@lab.example,apollo,participant\n" for name in people]
    lab.people.write_text(PEOPLE + "".join(rows), encoding="utf-8")
    return lab


def measure(lab: Lab, stock: StockHub, image: str) -> list[Figure]:
    """Everything that needs the two hubs."""
    say("make up, images built")
    begin = time.monotonic()
    lab.up()
    figures = [Figure("up_warm_s", round(time.monotonic() - begin, 1), "s", 1, None, "<= 60")]
    stock.up()
    say("one spawn after another: ours, stock, bare")
    figures += side_by_side(lab, stock, image, say)
    say(f"{BURST} people at once")
    return figures + bursts(lab, stock, say)


def measure_experiments(say) -> list[Figure]:
    """What runs are measured by, on a lab with nothing else in it."""
    with (
        tempfile.TemporaryDirectory(prefix="cohort-bench-") as folder,
        brought_up(Lab(Path(folder))) as lab,
    ):
        return measure_runs(lab, image_names()[1].workspace, say)


def measure_courses() -> list[Figure]:
    """What hand-ins are measured by, on a lab with nothing else in it."""
    with (
        tempfile.TemporaryDirectory(prefix="cohort-bench-") as folder,
        brought_up(crowded(Path(folder), CROWD)) as lab,
    ):
        return measure_teaching(lab, CROWD, image_names()[1].workspace, say)


if __name__ == "__main__":
    sys.exit(main())
