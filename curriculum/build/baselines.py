"""Runs the scenarios' baselines through papermill, as an experiment would.

python -m curriculum.build.baselines SCENARIOS FOLDER   writes FOLDER/baselines.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import papermill

from curriculum.build.figures import images, is_blank
from curriculum.build.notebooks import load
from curriculum.build.prove import disturbances

METRIC = "application/scrapbook.scrap.json+json"


def run(scenario: Path, output: Path) -> dict:
    """Run one baseline on its data; {"problems": sentences, "metrics": {name: value}}."""
    papermill.execute_notebook(
        scenario / "baseline.ipynb", output, {"data": str(scenario)}, kernel_name="python3",
        progress_bar=False,
    )  # fmt: skip
    ran = load(output)
    drawn = [png for cell in ran.cells for png in images(cell)]
    problems = disturbances(ran) + ["a blank figure" for png in drawn if is_blank(png)]
    shown = [o.get("data", {}) for cell in ran.cells for o in cell.get("outputs", [])]
    metrics = {one[METRIC]["name"]: one[METRIC]["data"] for one in shown if METRIC in one}
    return {"problems": problems if drawn else [*problems, "no figure"], "metrics": metrics}


if __name__ == "__main__":
    home, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = {one.name: run(one, out / f"{one.name}.ipynb") for one in sorted(home.iterdir())}
    (out / "baselines.json").write_text(json.dumps(found), encoding="utf-8")
